package main_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// These tests run what docs/php.md shows as it stands there; only ports are those that are free.

const phpPage = "docs/php.md"

// phpPageParts are the blocks of docs/php.md, in the order of the page.
type phpPageParts struct{ handler, producer, receiver, commandFile, webhookFile string }

func partsOfPHPPage(t *testing.T) phpPageParts {
	t.Helper()
	page := read(t, phpPage)
	programs, files := blocks(page, "php"), blocks(page, "yaml")
	if len(programs) != 3 || len(files) != 2 {
		t.Fatalf("%s shows %d programs and %d handlers files, want handler, producer and receiver, and 2 files", phpPage, len(programs), len(files))
	}
	return phpPageParts{programs[0], programs[1], programs[2], files[0], files[1]}
}

// replaceOnce puts what is so in this test in the place of what the page says, which has to stand there once.
func replaceOnce(t *testing.T, text, old, with string) string {
	t.Helper()
	if count := strings.Count(text, old); count != 1 {
		t.Fatalf("%q stands %d times in a block of %s, want once:\n%s", old, count, phpPage, text)
	}
	return strings.Replace(text, old, with, 1)
}

func needPHPWithRedis(t *testing.T) {
	t.Helper()
	if exec.CommandContext(t.Context(), "php", "-r", "new Redis();").Run() == nil {
		return
	}
	const missing = "php with the redis extension is missing: apt-get install php-cli php-redis"
	if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
		t.Fatal(missing)
	}
	t.Skip(missing)
}

func TestDocumentedPHPHandlerRuns(t *testing.T) {
	needPHPWithRedis(t)
	parts := partsOfPHPPage(t)
	s := newShop(t)
	if err := os.Mkdir(filepath.Join(s.dir, "handlers"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.write("handlers/millrace.php", read(t, "examples/php/millrace.php"))
	s.write("handlers/points.php", parts.handler)
	s.write("handlers.yaml", parts.commandFile)
	_, port, _ := net.SplitHostPort(s.redis.Addr())
	s.write("add.php", replaceOnce(t, parts.producer, "6379", port))
	s.triesTheHandlerAlone()

	if output, exit := s.millrace("check"); exit != 0 {
		t.Fatalf("millrace check: exit code %d\n%s", exit, output)
	}
	service := s.run()
	id := strings.TrimSpace(s.php("add.php"))
	s.until("the handler is done", func() bool { return s.states(id)["points"] == "acked" })
	if told, _ := s.millrace("event", id); !strings.Contains(told, "points   acked            -   result: booked for lee\n") ||
		!strings.Contains(told, `data       {"customer":"lee","total":12}`) {
		t.Errorf("millrace event %s: got\n%s\nwant what %s shows", id, told, phpPage)
	}
	nobody := strings.TrimSpace(s.redis.CLI("XADD", "event_stream", "*", "event", "ORDER_PAID", "data", `{"total":3}`))
	s.until("what names no customer is a dead letter", func() bool { return s.states(nobody)["points"] == "dead" })
	if letters, _ := s.millrace("dead", "show", "points", nobody); !strings.Contains(letters, "the order names no customer in points.php:") {
		t.Errorf("the dead letter does not show the exception:\n%s", letters)
	}
	service.terminate(s)
	written, err := os.ReadFile(filepath.Join(s.dir, "points.csv"))
	if want := "o-1;kim;22\no-3;lee;12\n"; string(written) != want || err != nil {
		t.Errorf("points.csv: got %q, %v, want %q", written, err, want)
	}
}

// triesTheHandlerAlone runs the line that the page shows without Redis.
func (s *shop) triesTheHandlerAlone() {
	s.Helper()
	shown := regexp.MustCompile(`(?m)^\$ (echo .*)\n(.*\n)`).FindStringSubmatch(read(s.T, phpPage))
	if shown == nil {
		s.Fatalf("%s does not show how to try a handler", phpPage)
	}
	line := exec.CommandContext(s.Context(), "sh", "-c", shown[1])
	line.Dir = s.dir
	if output, err := line.CombinedOutput(); string(output) != shown[2] || err != nil {
		s.Errorf("%s: got %q, %v, want %q", shown[1], output, err, shown[2])
	}
}

// php runs a script in the shop's directory and returns what it prints.
func (s *shop) php(script string) string {
	s.Helper()
	command := exec.CommandContext(s.Context(), "php", script)
	command.Dir = s.dir
	output, err := command.CombinedOutput()
	if err != nil {
		s.Fatalf("php %s: %v\n%s", script, err, output)
	}
	return string(output)
}

func TestDocumentedPHPReceiverRuns(t *testing.T) {
	needPHPWithRedis(t)
	parts := partsOfPHPPage(t)
	s := newShop(t)
	const secret = "POINTS_SECRET=whsec_bWlsbHJhY2UgdGVzdHMgaXRzIHBhZ2VzIHdpdGggdGhpcw=="
	s.env = append(s.env, secret)
	s.write("receiver.php", parts.receiver)
	address := s.servePHP("receiver.php")
	s.write("handlers.yaml", replaceOnce(t, parts.webhookFile, "127.0.0.1:9000", address))
	service := s.run()
	add := func(data string) string {
		return strings.TrimSpace(s.redis.CLI("XADD", "event_stream", "*", "event", "NEW_ORDER_RECEIVED", "data", data))
	}
	good, incomplete := add(`{"customer_id":7,"items":[{"quantity":2},{"quantity":3}]}`), add(`{"items":[]}`)
	s.until("the receiver has taken the order", func() bool { return s.states(good)["loyalty_points"] == "acked" })
	if told, _ := s.millrace("event", good); !strings.Contains(told, "result: 5 points for customer 7") {
		t.Errorf("millrace event %s: got\n%s\nwant the receiver's answer", good, told)
	}
	s.until("what lacks a customer is a dead letter", func() bool { return s.states(incomplete)["loyalty_points"] == "dead" })
	service.terminate(s)

	forged := s.run(strings.Replace(secret, "bWls", "bWlz", 1))
	refused := add(`{"customer_id":7}`)
	s.until("a wrong signature is refused", func() bool { return s.states(refused)["loyalty_points"] == "dead" })
	forged.terminate(s)
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
