package php

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/millrace/millrace/bench/internal/server"
)

const (
	// startWithin is far more than a server needs to start.
	startWithin = 20 * time.Second
	// stopWithin is far more than a server without requests needs to end.
	stopWithin = 10 * time.Second
)

// Server runs a handler for whoever asks it over a socket.
type Server struct {
	name    string
	network string
	address string
	stop    func() error
	command *exec.Cmd
	log     string // the file that it writes to
	ended   chan error
}

// StartFPM starts PHP-FPM with as many processes, on a socket beside the handler. The caller ends it with Stop.
func StartFPM(ctx context.Context, handler *Handler, processes int) (*Server, error) {
	program, err := FindFPM()
	if err != nil {
		return nil, err
	}
	s := &Server{name: "PHP-FPM", network: "unix", address: handler.path("socket"), log: handler.path("log")}
	s.stop = func() error { return s.command.Process.Signal(syscall.SIGTERM) }
	settings := []string{
		"[global]", "error_log = /dev/stderr", "daemonize = no", "[points]", "listen = " + s.address, "pm = static",
		"pm.max_children = " + strconv.Itoa(processes),
	}
	arguments := []string{"--fpm-config", handler.path("fpm.conf")}
	if os.Getuid() == 0 { // PHP-FPM would go on as another user, who may not enter the directory
		settings, arguments = append(settings, "user = root", "group = root"), append(arguments, "--allow-to-run-as-root")
	}
	if err := os.WriteFile(handler.path("fpm.conf"), []byte(strings.Join(settings, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	s.command = exec.CommandContext(context.WithoutCancel(ctx), program, arguments...)
	return s, s.start(ctx)
}

// StartBuiltIn starts the web server that php itself has, with as many processes, though not with two: it has at least two
// beside the first one, or none. The caller ends it with Stop.
func StartBuiltIn(ctx context.Context, handler *Handler, processes int) (*Server, error) {
	program, err := FindCLI()
	if err != nil {
		return nil, err
	}
	port, err := server.FreePort()
	if err != nil {
		return nil, err
	}
	s := &Server{
		name: "php -S", network: "tcp", address: net.JoinHostPort("127.0.0.1", port), log: handler.path("log"),
	}
	// The first process ends none of the others, and waits for them.
	s.stop = func() error { return server.SignalGroup(s.command.Process.Pid, syscall.SIGINT) }
	s.command = exec.CommandContext(context.WithoutCancel(ctx), program, "-q", "-S", s.address, handler.Script())
	s.command.Env = append(s.command.Environ(), "PHP_CLI_SERVER_WORKERS="+strconv.Itoa(processes-1)) // beside the first one
	return s, s.start(ctx)
}

// start starts the server and returns when it answers.
func (s *Server) start(ctx context.Context) error {
	log, err := os.Create(s.log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has it by then
	s.command.Stdout, s.command.Stderr, s.command.SysProcAttr = log, log, server.GroupOfItsOwn()
	if err := s.command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	s.ended = make(chan error, 1)
	go func() { s.ended <- s.command.Wait() }()
	if err := s.awaitReady(ctx); err != nil {
		_, stopErr := s.Stop()
		return errors.Join(err, stopErr)
	}
	return nil
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, s.network, s.address)
		if err == nil {
			return conn.Close()
		}
		select {
		case ended := <-s.ended:
			s.ended <- ended
			return s.fault(errors.Join(errors.New("it ended by itself"), ended))
		case <-ctx.Done():
			return s.fault(errors.Join(context.Cause(ctx), err))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Address is where it listens: host and port, or the path of a socket.
func (s *Server) Address() string { return s.address }

// Stop ends the server, waits for it, and returns the processor time that all its processes have used. It may be called
// again.
func (s *Server) Stop() (time.Duration, error) {
	select {
	case err := <-s.ended:
		s.ended <- err
		return s.used(), nil
	default:
	}
	if err := s.stop(); err != nil {
		return 0, s.fault(err)
	}
	select {
	case err := <-s.ended:
		s.ended <- err
		return s.used(), nil
	case <-time.After(stopWithin):
		killed := server.SignalGroup(s.command.Process.Pid, syscall.SIGKILL)
		s.ended <- <-s.ended
		return 0, s.fault(errors.Join(fmt.Errorf("it did not end within %v", stopWithin), killed))
	}
}

func (s *Server) used() time.Duration {
	state := s.command.ProcessState
	return state.UserTime() + state.SystemTime()
}

// fault adds what the server wrote.
func (s *Server) fault(err error) error {
	const most = 4096
	written, _ := os.ReadFile(s.log)
	return fmt.Errorf("%s: %w\n%s", s.name, err, written[max(0, len(written)-most):])
}
