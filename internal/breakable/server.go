// Package breakable is real Redis servers and a network that break on demand, for the tests and for the programs that
// prove that nothing is lost and measure what a failover loses.
package breakable

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// patience bounds every wait for a server: it is far more than a server needs on a busy machine.
const patience = 20 * time.Second

// Server is a real redis-server on a loopback port of its own. Its methods are for one goroutine at a time; URL and Addr
// may be called from any.
type Server struct {
	program     string
	args        []string // all but the port
	environment []string // beyond this process' own
	ready       string   // what its log says when it is up
	dir         string
	port        string
	command     *exec.Cmd
	exited      chan struct{} // closed when the process has ended and has been waited for
}

// StartServer runs a redis-server with args added to its command line and returns when it answers. It listens on
// 127.0.0.1 alone, keeps its files in dir and, unless args say otherwise, saves nothing. Whoever starts one ends it with
// Kill; the kernel does (on Linux) should this process die.
func StartServer(dir string, args ...string) (*Server, error) {
	return StartServerIn(nil, dir, args...)
}

// StartServerIn is StartServer with variables ("NAME=value") added to the server's environment.
func StartServerIn(environment []string, dir string, args ...string) (*Server, error) {
	return start(&Server{
		program: "redis-server", args: append(stock(dir), args...), environment: environment, ready: serverReady, dir: dir,
	})
}

// StartProgram is StartServer for another build of redis-server, or a server that takes the same options, such as
// valkey-server: program is its path, or a name that is looked for in the PATH.
func StartProgram(program, dir string, args ...string) (*Server, error) {
	return start(&Server{program: program, args: append(stock(dir), args...), ready: serverReady, dir: dir})
}

// serverReady is what a server writes when it is up.
const serverReady = "Ready to accept connections"

// stock are the options of every server, but for a sentinel.
func stock(dir string) []string {
	return []string{"--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no"}
}

// StartSentinel runs a redis-server as a sentinel that is told these directives, such as "sentinel monitor shop 127.0.0.1
// 6379 2", and returns when it answers. It writes them and what it learns to a file in dir. Whoever starts one ends it with
// Kill, as a Server.
func StartSentinel(dir string, directives ...string) (*Server, error) {
	file := filepath.Join(dir, "sentinel.conf")
	if err := os.WriteFile(file, []byte(strings.Join(directives, "\n")+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write a sentinel's configuration: %w", err)
	}
	args := []string{file, "--sentinel", "--bind", "127.0.0.1", "--dir", dir}
	return start(&Server{program: "redis-server", args: args, ready: "+monitor master", dir: dir})
}

func start(s *Server) (*Server, error) {
	var err error
	for range 5 { // another process may take the free port before the server does
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
		if err = s.launch(); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}

// launch starts the process and waits until it answers; an error says what the server wrote.
func (s *Server) launch() error {
	logFile, err := os.Create(s.logPath())
	if err != nil {
		return fmt.Errorf("create the server's log: %w", err)
	}
	defer func() { _ = logFile.Close() }()                                                // the server writes by a descriptor of its own
	command := exec.Command(s.program, append(slices.Clone(s.args), "--port", s.port)...) //nolint:noctx // see Kill and Stop
	command.Env = append(command.Environ(), s.environment...)
	command.Stdout, command.Stderr = logFile, logFile
	command.SysProcAttr = DieWithParent()
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.program, err)
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
		if bytes.Contains(written, []byte(s.ready)) && s.answers() {
			return nil
		}
		select {
		case <-s.exited:
			written, _ := os.ReadFile(s.logPath())
			return fmt.Errorf("redis-server on port %s ended at once; it wrote:\n%s", s.port, written)
		case <-time.After(5 * time.Millisecond):
		}
	}
	killed := s.Kill()
	written, _ := os.ReadFile(s.logPath())
	return errors.Join(
		fmt.Errorf("redis-server on port %s did not answer within %v; it wrote:\n%s", s.port, patience, written), killed)
}

// answers tells whether PING is answered; a server that asks for a password is up too.
func (s *Server) answers() bool {
	connection, err := net.DialTimeout("tcp", s.Addr(), time.Second) //nolint:noctx // bounded by its own timeout
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

// Running tells whether the server's process has not ended.
func (s *Server) Running() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// Port is the server's port. It stays the same through Restart.
func (s *Server) Port() string { return s.port }

// Addr is the server's host and port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", s.port) }

// URL is the server's address in the form that MILLRACE_REDIS_URL takes.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Kill ends the server at once (SIGKILL) and waits for it. What it had not saved is lost. Killing a server that has
// ended does nothing. An error says that it has not ended within 20 s.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

// Stop asks the server to end (SIGTERM), so that it saves what it is configured to save, and waits for it. An error says
// that it has not ended within 20 s, and was killed.
func (s *Server) Stop() error { return s.end(syscall.SIGTERM, syscall.SIGCONT) }

func (s *Server) end(signals ...os.Signal) error {
	for _, signal := range signals {
		if err := s.signal(signal); err != nil {
			return err
		}
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(patience):
		_ = s.command.Process.Kill()
		return fmt.Errorf("redis-server on port %s did not end within %v of %v", s.port, patience, signals[0])
	}
}

// Restart starts the server again on the same port and directory and waits until it answers. A server that still runs
// is stopped first, as by Stop.
func (s *Server) Restart() error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.launch()
}

// Pause freezes the server (SIGSTOP): connections stay open and nothing is answered, until Resume.
func (s *Server) Pause() error { return s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on (SIGCONT).
func (s *Server) Resume() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal os.Signal) error {
	if err := s.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %v to redis-server on port %s: %w", signal, s.port, err)
	}
	return nil
}
