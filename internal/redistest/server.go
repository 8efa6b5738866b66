// Package redistest starts the servers that tests run against: a real redis-server, one in memory, and a proxy that
// breaks the network between them and a client. Everything that it starts has ended when the test has.
package redistest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/millrace/millrace/internal/breakable"
)

// patience bounds what is asked of a server: it is far more than one needs on a busy machine.
const patience = 20 * time.Second

// Server is a real redis-server of one test, on a loopback port of its own. Its methods end the test where they fail,
// so they are to be called from the test's own goroutine; URL and Addr may be called from any.
type Server struct {
	t      testing.TB
	server *breakable.Server
}

// Start runs a redis-server with args added to its command line, as in Start(t, "--appendonly", "yes"), and returns
// when it answers. It listens on 127.0.0.1 alone, keeps its files in a directory of the test and, unless args say
// otherwise, saves nothing. It is killed when the test ends, and by the kernel (on Linux) should the test's process
// die. Where redis-server is not installed the test fails; it is skipped where MILLRACE_TEST_WITHOUT_REDIS is 1.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	requireRedis(t)
	server, err := breakable.StartServer(t.TempDir(), args...)
	s := &Server{t: t, server: server}
	s.must(err)
	t.Cleanup(s.Kill)
	return s
}

func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func requireRedis(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err == nil {
		return
	}
	if os.Getenv("MILLRACE_TEST_WITHOUT_REDIS") == "1" {
		t.Skip("redis-server is not installed and MILLRACE_TEST_WITHOUT_REDIS is 1")
	}
	t.Fatal("redis-server is not installed: run `apt-get install redis-server`, " +
		"or set MILLRACE_TEST_WITHOUT_REDIS=1 to skip what needs it")
}

// Addr is the server's host and port. It stays the same through Restart.
func (s *Server) Addr() string { return s.server.Addr() }

// URL is the server's address in the form that MILLRACE_REDIS_URL takes.
func (s *Server) URL() string { return s.server.URL() }

// Client returns a new client of the server, closed when the test ends.
func (s *Server) Client() *redis.Client { return newClient(s.t, s.Addr()) }

func newClient(t testing.TB, addr string) *redis.Client {
	client := redis.NewClient(&redis.Options{
		Addr:                     addr,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Kill ends the server at once (SIGKILL) and waits for it. What it had not saved is lost. Killing a server that has
// ended does nothing.
func (s *Server) Kill() {
	s.t.Helper()
	s.must(s.server.Kill())
}

// Stop asks the server to end (SIGTERM), so that it saves what it is configured to save, and waits for it.
func (s *Server) Stop() {
	s.t.Helper()
	s.must(s.server.Stop())
}

// Restart starts the server again on the same port and directory and waits until it answers. A server that still runs
// is stopped first, as by Stop.
func (s *Server) Restart() {
	s.t.Helper()
	s.must(s.server.Restart())
}

// Pause freezes the server (SIGSTOP): connections stay open and nothing is answered, until Resume.
func (s *Server) Pause() {
	s.t.Helper()
	s.must(s.server.Pause())
}

// Resume lets a paused server go on (SIGCONT).
func (s *Server) Resume() {
	s.t.Helper()
	s.must(s.server.Resume())
}

// CLI runs redis-cli with args against the server and returns what it printed, without the last line break. An error
// reply is part of what is printed, not a failure.
func (s *Server) CLI(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	printed, err := exec.CommandContext(ctx, "redis-cli", append([]string{"-p", s.server.Port()}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("redis-cli %s: %v\n%s", strings.Join(args, " "), err, printed)
	}
	return strings.TrimRight(string(printed), "\n")
}
