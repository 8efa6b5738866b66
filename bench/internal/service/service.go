package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/millrace/millrace/bench/internal/server"
	"github.com/millrace/millrace/bench/internal/system"
	"github.com/millrace/millrace/bench/internal/usage"
)

const (
	// readyWithin is far more than the program needs to begin to read.
	readyWithin = 20 * time.Second
	// stopWithin is more than the program's grace period.
	stopWithin = 40 * time.Second
)

// Service is one running `millrace run`.
type Service struct {
	command *exec.Cmd
	dir     string
	address string // of HTTP
	ended   chan error
}

// Start starts the program with the kind `inventory` in every group of target; see StartHandlers.
func (b *Binary) Start(ctx context.Context, target system.Target) (*Service, error) {
	return b.StartHandlers(ctx, target, Inventory(target))
}

// StartHandlers starts the program with this text as its handlers file, whose handlers are the groups of target, and returns
// when it reads. The caller ends it with Stop or Kill.
func (b *Binary) StartHandlers(ctx context.Context, target system.Target, handlers string) (*Service, error) {
	port, err := server.FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "run-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for millrace to run in: %w", err)
	}
	s := &Service{dir: dir, address: "127.0.0.1:" + port, ended: make(chan error, 1)}
	if err := os.WriteFile(filepath.Join(dir, "handlers.yaml"), []byte(handlers), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(s.log())
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the program has it by then
	outlivesRun := context.WithoutCancel(ctx)
	s.command = exec.CommandContext(outlivesRun, b.path(), "run")
	s.command.Dir, s.command.Stderr, s.command.Env = dir, log, s.variables(target)
	s.command.SysProcAttr = server.DieWithParent()
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("start millrace: %w", err)
	}
	go func() { s.ended <- s.command.Wait() }()
	if err := s.awaitReady(ctx); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// variables are the whole environment; what is not named keeps its default.
func (s *Service) variables(target system.Target) []string {
	set := []string{
		"MILLRACE_REDIS_URL=" + target.URL, "MILLRACE_STREAM=" + target.Stream, "MILLRACE_HANDLERS_FILE=handlers.yaml",
		"MILLRACE_CONSUMER=" + Consumer(target), "MILLRACE_HTTP_ADDR=" + s.address, "MILLRACE_LOG_FORMAT=json",
	}
	if target.Concurrency > 0 {
		set = append(set, fmt.Sprintf("MILLRACE_CONCURRENCY=%d", target.Concurrency))
	}
	if target.Lease > 0 {
		set = append(set, fmt.Sprintf("MILLRACE_LEASE=%v", target.Lease))
	}
	return set
}

// Consumer is how the name of the program's consumer begins.
func Consumer(target system.Target) string { return fmt.Sprintf("process-%d", target.Process) }

func (s *Service) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("it was not ready within %v", readyWithin))
	defer cancel()
	for {
		select {
		case err := <-s.ended:
			s.ended <- err
			return s.fault(errors.Join(errors.New("it ended by itself"), err))
		case <-ctx.Done():
			return s.fault(context.Cause(ctx))
		case <-time.After(5 * time.Millisecond):
		}
		if s.ready(ctx) {
			return nil
		}
	}
}

func (s *Service) ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// CPU is the processor time that the program has used so far.
func (s *Service) CPU() (time.Duration, error) { return usage.CPU(s.command.Process.Pid) }

// FamilyCPU is the processor time that the program and all the processes that it has started used. It may be called when
// the program has ended.
func (s *Service) FamilyCPU() time.Duration {
	state := s.command.ProcessState
	return state.UserTime() + state.SystemTime() // Linux counts what a process has waited for with its own
}

// PeakRSS is the most memory that the program ever held, in bytes.
func (s *Service) PeakRSS() (int64, error) { return usage.PeakRSS(s.command.Process.Pid) }

// Stop tells the program to end in good order and waits until it has.
func (s *Service) Stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return s.fault(err)
	}
	select {
	case err := <-s.ended:
		s.ended <- err
		if err != nil {
			return s.fault(err)
		}
		return nil
	case <-time.After(stopWithin):
		s.Kill()
		return s.fault(fmt.Errorf("it did not end within %v of SIGTERM", stopWithin))
	}
}

// Kill ends the program at once, as kill -9 does. It may be called on one that has ended.
func (s *Service) Kill() {
	_ = s.command.Process.Kill()
	s.ended <- <-s.ended
}

func (s *Service) log() string { return filepath.Join(s.dir, "log") }

// fault adds the end of the program's log.
func (s *Service) fault(err error) error {
	const most = 4096
	written, _ := os.ReadFile(s.log())
	return fmt.Errorf("millrace: %w\n%s", err, written[max(0, len(written)-most):])
}
