// Command failover measures what a change of the master costs: real Redis servers with sentinels, or a Redis Cluster, whose
// master is taken away under load, again and again, and what was acknowledged before, gone after and handled twice.
//
//	go run ./internal/failover -scenario crash -rounds 20
//
// Every second event is published with WAIT. It exits with 0 where nothing happened that the failover does not explain, 1
// where something did, and 2 where it was called wrongly.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

func main() { os.Exit(start(os.Args[1:], os.Stdout, os.Stderr)) }

func start(args []string, out, errorOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	silenceLibrary()
	told, rounds, err := parse(args, errorOut)
	if err != nil {
		return 2
	}
	if err := measure(ctx, told, rounds, out); err != nil {
		fmt.Fprintln(errorOut, err)
		return 1
	}
	return 0
}

func parse(args []string, errorOut io.Writer) (told settings, rounds int, err error) {
	flags := flag.NewFlagSet("failover", flag.ContinueOnError)
	flags.SetOutput(errorOut)
	flags.StringVar(&told.scenario, "scenario", crash, "what happens to the master: "+strings.Join(scenarioNames(), ", "))
	flags.IntVar(&rounds, "rounds", 5, "how often, each time with new servers")
	flags.IntVar(&told.rate, "rate", 400, "events a second")
	flags.IntVar(&told.wait, "wait", 1, "for how many replicas every second event waits")
	flags.IntVar(&told.needed, "min-replicas", 0, "min-replicas-to-write of the servers with sentinels")
	flags.DurationVar(&told.lag, "lag", 50*time.Millisecond, "how far replicas are behind, in machine and preferred")
	flags.DurationVar(&told.flow, "flow", time.Second, "how long events flow before the blow, and again after it")
	if err := flags.Parse(args); err != nil {
		return told, 0, err
	}
	if !slices.Contains(scenarioNames(), told.scenario) || rounds < 1 || told.rate < 1 || told.wait < 0 || flags.NArg() > 0 {
		fmt.Fprintln(errorOut, "expected a known scenario, at least one round and one event a second, and no arguments")
		return told, 0, flag.ErrHelp
	}
	told.log = zap.NewNop()
	return told, rounds, nil
}

// measure plays rounds and writes a line for each to out, and one for all.
func measure(ctx context.Context, told settings, rounds int, out io.Writer) error {
	dir, err := os.MkdirTemp("", "failover-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	var faults []error
	var sum tally
	var worst outcome
	fmt.Fprintf(out, "scenario %s, %d events a second, every second one with WAIT %d, min-replicas-to-write %d\n",
		told.scenario, told.rate, told.wait, told.needed)
	for round := range rounds {
		came, err := play(ctx, filepath.Join(dir, strconv.Itoa(round)), told)
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("round %d, files in %s: %w", round, dir, err))
			continue
		}
		if err := came.report.Sound(); err != nil {
			faults = append(faults, fmt.Errorf("round %d, files in %s: %w", round, dir, err))
		}
		fmt.Fprintf(out, "round %d: %v; %v\n", round, came.tally, came)
		sum.sum(came.tally)
		worst.slower(came)
	}
	fmt.Fprintf(out, "all: %v\nlongest: %v\n", sum, worst)
	if len(faults) == 0 {
		faults = append(faults, os.RemoveAll(dir))
	}
	return errors.Join(faults...)
}

func short(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// silenceLibrary has the Redis library keep to itself what is no news here.
func silenceLibrary() { redis.SetLogger(silence{}) }

// silence is a log of the Redis library that nobody reads.
type silence struct{}

// Printf does nothing.
func (silence) Printf(context.Context, string, ...any) {}
