// Package redistest starts the servers that tests run against: a real redis-server, one in memory, and a proxy that
// breaks the network between them and a client. Everything that it starts has ended when the test has.
package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// patience bounds every wait for a server: it is far more than a server needs on a busy machine.
const patience = 20 * time.Second

// Server is a real redis-server of one test, on a loopback port of its own. Its methods end the test where they fail,
// so they are to be called from the test's own goroutine; URL and Addr may be called from any.
type Server struct {
	t       testing.TB
	args    []string
	dir     string
	port    string
	command *exec.Cmd
	exited  chan struct{} // closed when the process has ended and has been waited for
}

// Start runs a redis-server with args added to its command line, as in Start(t, "--appendonly", "yes"), and returns
// when it answers. It listens on 127.0.0.1 alone, keeps its files in a directory of the test and, unless args say
// otherwise, saves nothing. It is killed when the test ends, and by the kernel (on Linux) should the test's process
// die. Where redis-server is not installed the test fails; it is skipped where MILLRACE_TEST_WITHOUT_REDIS is 1.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	requireRedis(t)
	s := &Server{t: t, args: args, dir: t.TempDir()}
	t.Cleanup(s.Kill)
	var err error
	for range 5 { // another process may take the free port before the server does
		s.port = freePort(t)
		if err = s.launch(); err == nil {
			return s
		}
	}
	t.Fatal(err)
	return nil
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

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	return port
}

// launch starts the process and waits until it answers; an error says what the server wrote.
func (s *Server) launch() error {
	logFile, err := os.Create(s.logPath())
	if err != nil {
		return fmt.Errorf("create the server's log: %w", err)
	}
	defer logFile.Close()
	args := []string{"--port", s.port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no"}
	command := exec.Command("redis-server", append(args, s.args...)...)
	command.Stdout, command.Stderr = logFile, logFile
	command.SysProcAttr = dieWithParent()
	if err := command.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = command.Wait() // how it ended is in its log
	}()
	s.command, s.exited = command, exited
	return s.awaitReady()
}

func (s *Server) logPath() string { return filepath.Join(s.dir, "redis-server.log") }

// awaitReady asks for both the server's own word in its log and an answer, because another server might hold the port.
func (s *Server) awaitReady() error {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		written, _ := os.ReadFile(s.logPath())
		if bytes.Contains(written, []byte("Ready to accept connections")) && s.answers() {
			return nil
		}
		select {
		case <-s.exited:
			written, _ := os.ReadFile(s.logPath())
			return fmt.Errorf("redis-server on port %s ended at once; it wrote:\n%s", s.port, written)
		case <-time.After(5 * time.Millisecond):
		}
	}
	s.Kill()
	written, _ := os.ReadFile(s.logPath())
	return fmt.Errorf("redis-server on port %s did not answer within %v; it wrote:\n%s", s.port, patience, written)
}

// answers tells whether PING is answered; a server that asks for a password is up too.
func (s *Server) answers() bool {
	connection, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return false
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(time.Second))
	if _, err := connection.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	reply := make([]byte, 64)
	n, _ := connection.Read(reply)
	return bytes.HasPrefix(reply[:n], []byte("+PONG")) || bytes.HasPrefix(reply[:n], []byte("-NOAUTH"))
}

// Addr is the server's host and port. It stays the same through Restart.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", s.port) }

// URL is the server's address in the form that MILLRACE_REDIS_URL takes.
func (s *Server) URL() string { return "redis://" + s.Addr() }

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
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop asks the server to end (SIGTERM), so that it saves what it is configured to save, and waits for it.
func (s *Server) Stop() { s.end(syscall.SIGTERM, syscall.SIGCONT) }

func (s *Server) end(signals ...os.Signal) {
	s.t.Helper()
	if s.command == nil {
		return
	}
	for _, signal := range signals {
		s.signal(signal)
	}
	select {
	case <-s.exited:
	case <-time.After(patience):
		_ = s.command.Process.Kill()
		s.t.Fatalf("redis-server on port %s did not end within %v of %v", s.port, patience, signals[0])
	}
}

// Restart starts the server again on the same port and directory and waits until it answers. A server that still runs
// is stopped first, as by Stop.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	if err := s.launch(); err != nil {
		s.t.Fatalf("restart: %v", err)
	}
}

// Pause freezes the server (SIGSTOP): connections stay open and nothing is answered, until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on (SIGCONT).
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal os.Signal) {
	s.t.Helper()
	if err := s.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Fatalf("send %v to redis-server on port %s: %v", signal, s.port, err)
	}
}

// CLI runs redis-cli with args against the server and returns what it printed, without the last line break. An error
// reply is part of what is printed, not a failure.
func (s *Server) CLI(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	printed, err := exec.CommandContext(ctx, "redis-cli", append([]string{"-p", s.port}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("redis-cli %s: %v\n%s", strings.Join(args, " "), err, printed)
	}
	return strings.TrimRight(string(printed), "\n")
}
