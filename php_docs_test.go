package main_test

import (
	"context"
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

// tryByHand runs the page's try of the handler, and compares what it prints.
func (s *shop) tryByHand(page string) {
	s.Helper()
	try := regexp.MustCompile(`(?m)^\$ (echo .* \| php handlers/points\.php)\n(.*)\n`).FindStringSubmatch(page)
	if try == nil {
		s.Fatal("the page does not show how a handler is tried")
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

const phpPage = "docs/php.md"

// TestPageForPHP does what docs/php.md says of a handler, as it stands there, and what is not in the README: an event of which
// the handler says that it can never succeed.
func TestPageForPHP(t *testing.T) {
	requirePHP(t)
	s := newShop(t)
	page := read(t, phpPage)
	if err := os.Mkdir(filepath.Join(s.dir, "handlers"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.write("handlers/millrace.php", read(t, "examples/php/millrace.php"))
	s.write("handlers/points.php", blockWith(t, page, "php", "millrace(function"))
	s.write("handlers.yaml", blockWith(t, page, "yaml", "run: command"))
	_, port, _ := net.SplitHostPort(s.redis.Addr())
	s.write("add.php", strings.Replace(blockWith(t, page, "php", "xAdd("), "6379", port, 1))
	s.tryByHand(page)
	if output, exit := s.millrace("check"); exit != 0 {
		t.Fatalf("millrace check: exit code %d\n%s", exit, output)
	}

	service := s.run()
	id := strings.TrimSpace(s.shell("php add.php"))
	s.until("the handler is done", func() bool { return s.states(id)["loyalty_points"] == "acked" })
	output, _ := s.millrace("event", id)
	_, got, _ := strings.Cut(output, "\n\n")
	if _, want, _ := strings.Cut(blockWith(t, page, "console", "./millrace event"), "\n\n"); got != want {
		t.Errorf("millrace event %s: got\n%s\nwant what %s shows:\n%s", id, got, phpPage, want)
	}
	nobody := strings.TrimSpace(s.redis.CLI("XADD", "event_stream", "*", "event", "NEW_ORDER_RECEIVED", "data", `{"items":[]}`))
	s.until("what names no customer is a dead letter", func() bool { return s.states(nobody)["loyalty_points"] == "dead" })
	if letter, _ := s.millrace("dead", "show", "loyalty_points", nobody); !strings.Contains(letter, "the order names no customer in points.php:") {
		t.Errorf("the dead letter does not show the exception with its place:\n%s", letter)
	}
	service.terminate(s)
}

// TestReceiverInPHP runs the endpoint of docs/php.md under PHP's own web server, with its handler.
func TestReceiverInPHP(t *testing.T) {
	requirePHP(t)
	s := newShop(t)
	page := read(t, phpPage)
	const secret = "POINTS_SECRET=whsec_bWlsbHJhY2UgdGVzdHMgaXRzIHBhZ2VzIHdpdGggdGhpcw=="
	s.env = append(s.env, secret)
	s.write("receiver.php", blockWith(t, page, "php", "function verified"))
	file := blockWith(t, page, "yaml", "run: webhook")
	s.write("handlers.yaml", strings.Replace(file, "127.0.0.1:9000", s.servePHP("receiver.php"), 1))
	service := s.run()
	add := func(data string) string {
		return strings.TrimSpace(s.redis.CLI("XADD", "event_stream", "*", "event", "NEW_ORDER_RECEIVED", "data", data))
	}
	ends := func(id, state string) {
		t.Helper()
		s.until(id+" is "+state, func() bool { return s.states(id)["points_on_the_web"] == state })
	}
	good, incomplete := add(`{"customer_id":7,"items":[{"quantity":2},{"quantity":3}]}`), add(`{"items":[]}`)
	ends(good, "acked")
	if told, _ := s.millrace("event", good); !strings.Contains(told, "result: 5 points for customer 7") {
		t.Errorf("millrace event %s: got\n%s\nwant the receiver's answer", good, told)
	}
	ends(incomplete, "dead")
	service.terminate(s)

	forger := s.run(strings.Replace(secret, "bWls", "bWlz", 1))
	ends(add(`{"customer_id":7}`), "dead")
	forger.terminate(s)
}

// servePHP runs PHP's own web server with a script until the test ends, and returns its address.
func (s *shop) servePHP(script string) string {
	s.Helper()
	listener, err := (&net.ListenConfig{}).Listen(s.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	ctx, stop := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, "php", "-S", address, script)
	server.Dir, server.Env = s.dir, append(os.Environ(), s.env...)
	if err := server.Start(); err != nil {
		stop()
		s.Fatal(err)
	}
	s.Cleanup(func() {
		stop()
		_ = server.Wait() // it was killed
	})
	s.until("PHP's web server listens", func() bool {
		connection, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	})
	return address
}
