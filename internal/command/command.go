// Package command is the command line: one file for each subcommand. It prints for people unless it is told to print
// JSON, changes nothing in Redis that it was not asked for in so many words, and leaves environment, signals and the end
// of the process to main.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/millrace/millrace/stream"
)

// Config is what the environment says, checked and with its defaults filled in.
type Config struct {
	// RedisURL is where Redis is; "" is the embedded server.
	RedisURL string
	// EmbeddedAddr is where the embedded server listens, and where the other commands look for it.
	EmbeddedAddr string
	// Stream is the stream's name.
	Stream string
	// HandlersFile is the handlers file; "" is handlers.yaml if it is there, else the built-in handlers.
	HandlersFile string
	// Handlers are those that run; none means all.
	Handlers []string
	// Consumer is the first part of the consumers' names; "" is the host's name.
	Consumer string
	// Lease is how long a silent consumer keeps what it was handed.
	Lease time.Duration
	// MaxDeliveries is how often an entry is handed over before it becomes a dead letter.
	MaxDeliveries int
	// BackoffMin and BackoffMax bound the wait between two tries.
	BackoffMin, BackoffMax time.Duration
	// Timeout bounds one handling.
	Timeout time.Duration
	// Concurrency is how many handlings of one handler run at once.
	Concurrency int
	// ShutdownGrace is how long handlers may go on when the service is told to stop.
	ShutdownGrace time.Duration
	// Retention is how long events stay that every group has finished.
	Retention time.Duration
	// MaxEventBytes is the size of the largest event that is accepted.
	MaxEventBytes int
	// HeldBytes is how many bytes of events are in hand at once, beside one event of each group.
	HeldBytes int
	// HTTPAddr is where health and metrics are served.
	HTTPAddr string
	// HTTPToken is what everything there but the probes asks for, as a bearer token; "" is nothing.
	HTTPToken string
	// LogLevel is the least level that is logged.
	LogLevel zapcore.Level
	// LogFormat is console or json; "" is console on a terminal and json elsewhere.
	LogFormat string
}

// Process is what a command is given of the process that it runs in.
type Process struct {
	Config Config
	// ConfigFaults is what is wrong with the configuration, or nil. Commands that need none of it run all the same.
	ConfigFaults error
	// Warnings are about the configuration, and no reason not to run.
	Warnings []string
	// Environment is all variables by name; handlers find their secrets in it.
	Environment map[string]string
	// Logger takes what a service says. What a command answers goes to Stdout, and why it cannot to Stderr.
	Logger *zap.Logger
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Execute runs the command that args name, the program's own name first, and returns the exit code: 0 done, 1 failed, 2
// wrong usage or configuration. What is wrong stands on Stderr then. It blocks until the command has ended; ctx ends it
// early, which is how a service is meant to end.
func Execute(ctx context.Context, args []string, process Process) int {
	program := &program{Process: process, name: invocation(args[0])}
	root := program.root()
	root.SetArgs(args[1:])
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	program.complain(err)
	if usage := (*usageError)(nil); errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// program is what every subcommand is a method of.
type program struct {
	Process
	// name is how the program was called, for lines to copy.
	name string
}

// invocation is what to type to call the program again. `go run` leaves the program in a directory of its own.
func invocation(path string) string {
	if strings.Contains(filepath.ToSlash(path), "/go-build") {
		return "go run ."
	}
	return path
}

// complain prints an error, a line for each fault that it joins. Text from Redis cannot play tricks on the terminal.
func (p *program) complain(err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(p.Stderr, "millrace: %s\n", stream.CleanError(line))
	}
}

// usageError is a fault of the arguments or of the configuration.
type usageError struct{ error }

// Unwrap returns the fault.
func (e *usageError) Unwrap() error { return e.error }

func usage(format string, values ...any) error {
	return &usageError{fmt.Errorf(format, values...)}
}

// config is the configuration, or what is wrong with it.
func (p *program) config() (Config, error) {
	if p.ConfigFaults != nil {
		return Config{}, &usageError{p.ConfigFaults}
	}
	return p.Config, nil
}

// misuse is a usageError that says of which command, and where to read more.
func misuse(command *cobra.Command, fault string) error {
	if command.HasParent() {
		fault = strings.TrimPrefix(command.CommandPath(), command.Root().Name()+" ") + ": " + fault
	}
	return usage("%s: see `%s --help`", oneLine(fault), command.CommandPath())
}

// between accepts from least to most arguments; words say what they are.
func between(least, most int, words string) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return misuse(command, "expected "+words)
		}
		return nil
	}
}
