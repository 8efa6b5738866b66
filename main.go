// Command millrace handles the events of a Redis stream: every handler is a consumer group of its own.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/caarlos0/env/v11"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/millrace/millrace/internal/command"
)

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args, os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program, from its arguments and its environment, in the forms of os.Args and os.Environ, to its exit
// code: 0 done, 1 failed, 2 wrong usage or configuration. It stops in good order when ctx ends.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	config, warnings, faults := readConfig(environ)
	logger := command.NewLogger(config, stderr)
	redis.SetLogger(libraryLog{logger}) // it is the library's only way, and holds for the whole process
	return command.Execute(ctx, args, command.Process{
		Config:       config,
		ConfigFaults: faults,
		Warnings:     warnings,
		Environment:  env.ToMap(environ),
		Logger:       logger,
		Stdin:        stdin,
		Stdout:       stdout,
		Stderr:       stderr,
	})
}

// libraryLog takes what the Redis library would print by itself. Whoever called it gets the same as an error, so this is
// for a close look only.
type libraryLog struct{ logger *zap.Logger }

// Printf logs one line.
func (l libraryLog) Printf(_ context.Context, format string, values ...any) {
	if entry := l.logger.Check(zap.DebugLevel, "the Redis library says"); entry != nil {
		entry.Write(zap.String("line", fmt.Sprintf(format, values...)))
	}
}
