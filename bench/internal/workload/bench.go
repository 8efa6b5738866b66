package workload

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/bench/internal/round"
	"github.com/millrace/millrace/bench/internal/server"
	"github.com/millrace/millrace/bench/internal/service"
	"github.com/millrace/millrace/bench/internal/system"
)

const (
	// baseline is what Millrace's speed is a ratio of.
	baseline = "go-redis"
	// ceiling is the fastest consumer that there can be.
	ceiling = "resp"
	// control is the slow handlers without a queue.
	control = "goroutines"

	// patience is far more than the events of a run take: what lasts longer hangs.
	patience = 4 * time.Minute
	// runWithin bounds a whole run.
	runWithin = 10 * time.Minute
)

// Options says what is measured and how often.
type Options struct {
	Rounds int
	// Quick makes everything small: a smoke test.
	Quick bool
	// Systems are the names of those to be measured; none means Millrace and the bare loops, and the peers with Peers.
	Systems []string
	// Peers measures the other libraries too.
	Peers bool
	// CPUProfile is the file for a profile of Millrace in the last round; empty is none.
	CPUProfile string
	// Patience is how long the events of a run may take before it counts as failed; zero is 4 min.
	Patience time.Duration
}

// Bench is what the workloads share: the options, and the servers, which are started when they are first needed.
type Bench struct {
	options Options
	redis   *server.Redis
	hosted  map[string]server.Server // by the system's name
	binary  *service.Binary
}

// NewBench returns a Bench, which the caller ends with Close.
func NewBench(options Options) *Bench {
	options.Patience = cmp.Or(options.Patience, patience)
	return &Bench{options: options, hosted: map[string]server.Server{}}
}

// Close stops the servers.
func (b *Bench) Close() {
	if b.redis != nil {
		b.redis.Stop()
	}
	for _, server := range b.hosted {
		server.Stop()
	}
	if b.binary != nil {
		_ = b.binary.Remove() // what is left lies in the system's directory for temporary files
	}
}

// size is full, or quick where everything is to be small.
func (b *Bench) size(full, quick int) int {
	if b.options.Quick {
		return quick
	}
	return full
}

// counts are all, or the last one where everything is to be small.
func (b *Bench) counts(all ...int) []int {
	if b.options.Quick {
		return all[len(all)-1:]
	}
	return all
}

// systems are those of own and of the peers that were asked for.
func (b *Bench) systems(own ...string) []string {
	names := own
	if b.options.Peers || len(b.options.Systems) > 0 {
		for _, peer := range system.Peers() {
			names = append(names, peer.Name())
		}
	}
	return b.asked(names...)
}

// asked are those of names that were asked for: for what other systems cannot do.
func (b *Bench) asked(names ...string) []string {
	if len(b.options.Systems) == 0 {
		return names
	}
	return slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(b.options.Systems, name) })
}

// rounds measures the systems in turn.
func (b *Bench) rounds(
	ctx context.Context, names []string, measure func(ctx context.Context, run *run) (round.Measure, error),
) (*round.Results, error) {
	return round.Run(ctx, b.options.Rounds, names, func(ctx context.Context, number int, name string) (round.Measure, error) {
		return b.turn(ctx, number, name, measure)
	})
}

// fewRounds is rounds, as often as asked for but no more than most times: for what is the same every time, and long.
func (b *Bench) fewRounds(
	ctx context.Context, most int, names []string, measure func(ctx context.Context, run *run) (round.Measure, error),
) (*round.Results, error) {
	return round.Run(ctx, min(most, b.options.Rounds), names,
		func(ctx context.Context, number int, name string) (round.Measure, error) {
			return b.turn(ctx, number, name, measure)
		})
}

// variants measures one system in several ways in turn, if it was asked for.
func (b *Bench) variants(
	ctx context.Context, name string, variants []string,
	measure func(ctx context.Context, run *run, variant string) (round.Measure, error),
) (*round.Results, error) {
	if len(b.asked(name)) == 0 {
		variants = nil
	}
	return round.Run(ctx, b.options.Rounds, variants,
		func(ctx context.Context, number int, variant string) (round.Measure, error) {
			return b.turn(ctx, number, name, func(ctx context.Context, run *run) (round.Measure, error) {
				return measure(ctx, run, variant)
			})
		})
}

// turn is one system's turn in the round with this number.
func (b *Bench) turn(
	ctx context.Context, number int, name string, measure func(ctx context.Context, run *run) (round.Measure, error),
) (round.Measure, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runWithin, fmt.Errorf("the run took longer than %v", runWithin))
	defer cancel()
	run, err := b.newRun(ctx, name)
	if err != nil {
		return nil, err
	}
	if name == "millrace" && number == b.options.Rounds-1 {
		run.cpuProfile = b.options.CPUProfile
	}
	return measure(ctx, run)
}

// program is the real binary.
func (b *Bench) program(ctx context.Context) (*service.Binary, error) {
	if b.binary == nil {
		binary, err := service.Build(ctx)
		if err != nil {
			return nil, err
		}
		b.binary = binary
	}
	return b.binary, nil
}

// Redis is the redis-server.
func (b *Bench) Redis(ctx context.Context) (*server.Redis, error) {
	if b.redis == nil {
		redis, err := server.StartRedis(ctx)
		if err != nil {
			return nil, err
		}
		b.redis = redis
	}
	return b.redis, nil
}

// serverOf is what the system runs against.
func (b *Bench) serverOf(ctx context.Context, sys system.System) (server.Server, error) {
	hosted, has := sys.(system.Hosted)
	if !has {
		return b.Redis(ctx)
	}
	if running := b.hosted[sys.Name()]; running != nil {
		return running, nil
	}
	started, err := hosted.StartServer(ctx)
	if err == nil {
		b.hosted[sys.Name()] = started
	}
	return started, err
}
