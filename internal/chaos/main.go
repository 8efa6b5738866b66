// Command chaos proves that nothing is lost: it runs real consumer processes on a real redis-server, publishes to them
// while nemeses break whatever can break, and compares what was published, handled and found in Redis at the end.
//
//	go run ./internal/chaos -seed 7 -for 2m
//	go run ./internal/chaos -seed 7 -for 9m -events 1000000 -nemeses kill=200,redis=20
//	go run ./internal/chaos -trial pauses
//
// The seed gives the order of the nemeses and the tasks of the events; the times at which things happen are the machine's
// own. It exits with 0 where the run was sound, 1 where not, and 2 where it was called wrongly.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

func main() { os.Exit(start(os.Args[1:], os.Stdout, os.Stderr)) }

// start is the program: the run itself, or one of the consumer processes that the run starts.
func start(args []string, out, errorOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	silenceLibrary()
	if isRole(args) {
		if err := roles()[args[0]](ctx, args[1]); err != nil {
			fmt.Fprintln(errorOut, err)
			return 1
		}
		return 0
	}
	settings, err := parse(args, errorOut)
	if err != nil {
		return 2
	}
	if err := runIn(ctx, settings, out); err != nil {
		fmt.Fprintln(errorOut, err)
		return 1
	}
	fmt.Fprintln(out, "sound")
	return 0
}

// isRole tells whether the program was started by a run, as one of its processes.
func isRole(args []string) bool { return len(args) == 2 && roles()[args[0]] != nil }

func parse(args []string, errorOut io.Writer) (settings, error) {
	told := settings{slack: writingDown}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(errorOut)
	flags.Uint64Var(&told.seed, "seed", rand.Uint64N(1_000_000), "what repeats a run; drawn where it is not given")
	flags.DurationVar(&told.during, "for", 2*time.Minute, "over how long events are published and nemeses strike; "+
		"longer where that is too short for all events and all strikes that are counted")
	flags.IntVar(&told.events, "events", 0, "how many events; 0 is 200 a second")
	flags.IntVar(&told.fleet, "consumers", 3, "how many consumer processes run at a time")
	flags.DurationVar(&told.pause, "pause", 2*time.Second, "how long at most, and a fifth of it, until the next nemesis strikes")
	names := flags.String("nemeses", "", "which of "+strings.Join(nemesisNames(), ",")+", each with how often it strikes "+
		"(kill=20,redis=2) or none with that; empty is all, "+strings.Join(demandedNames(), " and ")+
		" strike only where they are named, "+destroyMode+" is what loses by nature")
	flags.StringVar(&told.trial, "trial", "", "in place of all else, show one thing that is promised: "+strings.Join(trialNames(), ", "))
	flags.IntVar(&told.size, "size", 0, "how many pauses, restarts, faults or kills, or seconds, a trial takes; 0 is what is to be shown")
	if err := flags.Parse(args); err != nil {
		return told, err
	}
	var err error
	if told.nemeses, told.strikes, err = parseNemeses(*names); err == nil {
		_, err = chosen(told.nemeses)
	}
	if told.events == 0 {
		told.events = int(200 * told.during.Seconds())
	}
	if err != nil || told.during <= 0 || told.fleet < 1 || told.events < 1 || told.pause <= 0 || flags.NArg() > 0 {
		fmt.Fprintln(errorOut, "expected a time, at least one event and one consumer, a pause, no arguments and known nemeses:", err)
		return told, flag.ErrHelp
	}
	if told.size < 0 || told.trial != "" && trialNamed(told.trial) == nil {
		fmt.Fprintf(errorOut, "expected a size of zero or more, and of the trials one of %s\n", strings.Join(trialNames(), ", "))
		return told, flag.ErrHelp
	}
	return told, nil
}

// silenceLibrary has the Redis library keep to itself what is no news here.
func silenceLibrary() { redis.SetLogger(silence{}) }

// silence is a log of the Redis library that nobody reads.
type silence struct{}

// Printf does nothing.
func (silence) Printf(context.Context, string, ...any) {}

// runIn runs in a directory that is removed after a sound run, and kept after any other.
func runIn(ctx context.Context, settings settings, out io.Writer) error {
	dir, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	settings.dir = dir
	if tried := trialNamed(settings.trial); tried != nil {
		err = runTrial(ctx, tried, settings, out)
	} else {
		err = run(ctx, settings, out)
	}
	if err != nil {
		return fmt.Errorf("seed %d, files in %s: %w", settings.seed, dir, err)
	}
	return os.RemoveAll(dir)
}
