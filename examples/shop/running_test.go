package shop_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/internal/breakable"
	"github.com/millrace/millrace/internal/redistest"
)

// binary builds the program once for all tests; TestMain removes it.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaryDir(), "millrace")
	output, err := exec.Command("go", "build", "-o", path, "../..").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, output)
	}
	return path, err
})

func binaryDir() string {
	return filepath.Join(os.TempDir(), "millrace-shop-"+strconv.Itoa(os.Getpid()))
}

func TestMain(m *testing.M) {
	addFlags()
	code := m.Run()
	_ = os.RemoveAll(binaryDir())
	os.Exit(code)
}

// shop is a directory to run in, and a Redis.
type shop struct {
	*testing.T
	redis  *redistest.Server
	client *redis.Client
	dir    string
	binary string
	groups int // that the handlers file asks for
	starts int
}

// openShop makes a shop that has no handlers yet.
func openShop(t *testing.T) *shop {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the program")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	server := redistest.Start(t)
	return &shop{T: t, redis: server, client: server.Client(), dir: t.TempDir(), binary: path}
}

// configure writes the handlers file: text, with each first word of edits replaced by the one after it. All of them have to
// be there.
func (s *shop) configure(text string, edits ...string) {
	s.Helper()
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			s.Fatalf("the handlers file has no %q any more", edits[i])
		}
		text = strings.ReplaceAll(text, edits[i], edits[i+1])
	}
	s.groups = len(regexp.MustCompile(`(?m)^  \w+:$`).FindAllString(text, -1))
	if err := os.WriteFile(filepath.Join(s.dir, "handlers.yaml"), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// uncomment is a handlers file with a handler in it that stood there as a comment.
func uncomment(t *testing.T, text, handler string) string {
	t.Helper()
	commented := regexp.MustCompile(`(?m)^  # ` + handler + `:\n(?:  #   .*\n)+`)
	if !commented.MatchString(text) {
		t.Fatalf("the handlers file has no comment with the handler %s any more", handler)
	}
	return commented.ReplaceAllStringFunc(text, func(found string) string { return strings.ReplaceAll(found, "  # ", "  ") })
}

// stock fills the stock: a product, how many, and so on.
func (s *shop) stock(pairs ...any) {
	s.Helper()
	if err := s.client.HSet(s.Context(), "stock", pairs...).Err(); err != nil {
		s.Fatal(err)
	}
}

func (s *shop) port() string { return s.redis.Addr()[strings.LastIndex(s.redis.Addr(), ":")+1:] }

// php runs a script of this directory and returns what it printed.
func (s *shop) php(script string, args ...string) string {
	s.Helper()
	command := exec.Command("php", append([]string{script}, args...)...)
	command.Env = append(os.Environ(), "REDIS_HOST=127.0.0.1", "REDIS_PORT="+s.port())
	printed, err := command.CombinedOutput()
	if err != nil {
		s.Fatalf("php %s: %v: %s", script, err, printed)
	}
	return strings.TrimSpace(string(printed))
}

func (s *shop) command(args ...string) *exec.Cmd {
	command := exec.Command(s.binary, args...)
	command.Dir = s.dir
	command.Env = append(os.Environ(), "MILLRACE_REDIS_URL="+s.redis.URL(), "MILLRACE_HTTP_ADDR=127.0.0.1:0", "MILLRACE_LOG_FORMAT=json",
		"REDIS_HOST=127.0.0.1", "REDIS_PORT="+s.port())
	command.SysProcAttr = breakable.DieWithParent()
	return command
}

// millrace runs a command of the program and returns what it printed.
func (s *shop) millrace(args ...string) string {
	s.Helper()
	printed, err := s.command(args...).CombinedOutput()
	if err != nil {
		s.Fatalf("millrace %q: %v\n%s", args, err, printed)
	}
	return string(printed)
}

// service is one running `millrace run`.
type service struct {
	*exec.Cmd
	exited chan struct{} // closed when it has ended
	killed bool          // by the test
}

// start starts the program. Its log is a file, whose end is shown where the test fails before it has killed the program.
func (s *shop) start(environment ...string) *service {
	s.Helper()
	s.starts++
	log, err := os.Create(filepath.Join(s.dir, "log-"+strconv.Itoa(s.starts)))
	if err != nil {
		s.Fatal(err)
	}
	running := &service{Cmd: s.command("run"), exited: make(chan struct{})}
	running.Env = append(running.Env, environment...)
	running.Stdout, running.Stderr = log, log
	err = running.Start()
	_ = log.Close() // the process writes by a descriptor of its own
	if err != nil {
		s.Fatal(err)
	}
	go func() {
		defer close(running.exited)
		_ = running.Wait()
	}()
	s.Cleanup(func() {
		shown := s.Failed() && !running.killed
		running.kill()
		if shown {
			written, _ := os.ReadFile(log.Name())
			s.Logf("process %d wrote at last:\n%s", running.Process.Pid, written[max(0, len(written)-3000):])
		}
	})
	return running
}

// kill ends the process as kill -9 does, and waits for its end.
func (r *service) kill() {
	r.killed = true
	_ = r.Process.Kill() // it may have ended
	<-r.exited
}

// terminate ends the process as an operator does.
func (r *service) terminate(t *testing.T) {
	t.Helper()
	if err := r.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	select {
	case <-r.exited:
		if code := r.ProcessState.ExitCode(); code != 0 {
			t.Errorf("after SIGTERM: exit code %d, want 0", code)
		}
	case <-time.After(time.Minute):
		t.Fatal("after SIGTERM: still running after a minute")
	}
}

// untilDrained waits until all groups are there, have been handed every entry, and have nothing pending.
func (s *shop) untilDrained(within time.Duration) {
	s.Helper()
	s.until(within, fmt.Sprintf("%d groups are drained", s.groups), s.isDrained)
}

func (s *shop) isDrained() bool {
	s.Helper()
	all, err := s.client.XInfoGroups(s.Context(), "event_stream").Result()
	last, lastErr := s.client.XRevRangeN(s.Context(), "event_stream", "+", "-", 1).Result()
	if err != nil || lastErr != nil || len(all) != s.groups || len(last) == 0 {
		return false
	}
	for _, group := range all {
		if group.Pending > 0 || group.LastDeliveredID != last[0].ID {
			return false
		}
	}
	return true
}

func (s *shop) until(within time.Duration, what string, holds func() bool) {
	s.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("waited %v until %s:\n%s", within, what, s.redis.CLI("XINFO", "GROUPS", "event_stream"))
		}
	}
}

// noDeadLetters tells of every group that gave something up.
func (s *shop) noDeadLetters() {
	s.Helper()
	groups, err := s.client.XInfoGroups(s.Context(), "event_stream").Result()
	if err != nil {
		s.Fatal(err)
	}
	for _, group := range groups {
		dead, err := s.client.XRangeN(s.Context(), "{event_stream}:dead:"+group.Name, "-", "+", 3).Result()
		if err != nil || len(dead) > 0 {
			s.Errorf("group %s gave up %v, %v, want nothing", group.Name, dead, err)
		}
	}
}

// followUps are the events of that name in the stream, each as its fields, and its ID as `id`.
func (s *shop) followUps(name string) []map[string]string {
	s.Helper()
	entries, err := s.client.XRange(s.Context(), "event_stream", "-", "+").Result()
	if err != nil {
		s.Fatal(err)
	}
	var found []map[string]string
	for _, entry := range entries {
		if entry.Values["event"] != name {
			continue
		}
		fields := map[string]string{"id": entry.ID}
		for field, value := range entry.Values {
			fields[field], _ = value.(string)
		}
		found = append(found, fields)
	}
	return found
}

// files are what was printed to files.
func (s *shop) files(pattern string) []string {
	s.Helper()
	found, err := filepath.Glob(filepath.Join(s.dir, "printed", pattern))
	if err != nil {
		s.Fatal(err)
	}
	return found
}
