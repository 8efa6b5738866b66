package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// requirePHP skips where there is no PHP with its redis extension.
func requirePHP(t *testing.T) {
	t.Helper()
	modules, err := exec.Command("php", "-m").Output()
	if err == nil && strings.Contains(string(modules), "\nredis\n") {
		return
	}
	if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
		t.Fatal("there is no php with the redis extension, and MILLRACE_REQUIRE_TOOLS is 1")
	}
	t.Skip("there is no php with the redis extension: apt install php-cli php-redis")
}

// blockWith returns the one block of a language that holds a text.
func blockWith(t *testing.T, page, language, text string) string {
	t.Helper()
	found := slices.DeleteFunc(blocks(page, language), func(block string) bool { return !strings.Contains(block, text) })
	if len(found) != 1 {
		t.Fatalf("%d blocks of %s hold %q, want 1", len(found), language, text)
	}
	return found[0]
}

// TestReadmeForPHP does what the README's two sections for PHP say, as they stand: the event that one adds is handled by
// the other, and leaves its result.
func TestReadmeForPHP(t *testing.T) {
	requirePHP(t)
	s := newShop(t)
	page := read(t, english)
	helper := read(t, "examples/php/millrace.php")
	if err := os.Mkdir(filepath.Join(s.dir, "handlers"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.write("handlers/millrace.php", helper)
	s.write("handlers/points.php", blockWith(t, page, "php", "millrace(function"))
	s.write("handlers.yaml", blockWith(t, page, "yaml", "run: command"))
	s.tryByHand(page)

	s.run()
	host, port, err := net.SplitHostPort(s.redis.Addr())
	if err != nil {
		t.Fatal(err)
	}
	s.write("add.php", strings.NewReplacer("127.0.0.1", host, "6379", port).Replace(blockWith(t, page, "php", "xAdd(")))
	id := strings.TrimSpace(s.shell("php add.php"))
	want := regexp.MustCompile(`loyalty_points +acked .*result: 2 points for customer 67890`)
	deadline := time.Now().Add(30 * time.Second)
	for output, _ := s.millrace("event", id); !want.MatchString(output); output, _ = s.millrace("event", id) {
		if time.Now().After(deadline) {
			t.Fatalf("event %s after 30s:\n%s\nwant %s", id, output, want)
		}
	}
}

// tryByHand runs the README's try of the handler, and compares what it prints.
func (s *shop) tryByHand(page string) {
	s.Helper()
	try := regexp.MustCompile(`(?m)^\$ (echo .* \| php handlers/points\.php)\n(.*)\n`).FindStringSubmatch(page)
	if try == nil {
		s.Fatal("the README does not show how a handler is tried")
	}
	if got := strings.TrimSpace(s.shell(try[1])); got != try[2] {
		s.Errorf("%s printed %s, want %s", try[1], got, try[2])
	}
}

// shell runs a line as it is typed.
func (s *shop) shell(line string) string {
	s.Helper()
	command := exec.Command("sh", "-c", line)
	command.Dir = s.dir
	output, err := command.CombinedOutput()
	if err != nil {
		s.Fatalf("%s: %v\n%s", line, err, output)
	}
	return string(output)
}
