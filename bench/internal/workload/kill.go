package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/round"
	"github.com/millrace/millrace/bench/internal/server"
	"github.com/millrace/millrace/bench/internal/system"
)

const (
	killWorkers = 64
	// killSettle is how long the survivor works before the other one is killed.
	killSettle = time.Second
	// killSlow is how long the slower of the survivors' handlers take.
	killSlow = 10 * time.Millisecond
)

// kill is how soon another process takes over what a killed one held.
func kill() Workload {
	return Workload{
		Name:  "kill",
		About: "a consumer that holds 1,000 entries is killed: how soon another one has handled them",
		Run: func(ctx context.Context, bench *Bench) ([]round.Table, error) {
			redis, err := bench.Redis(ctx)
			if err != nil {
				return nil, err
			}
			held := bench.size(1_000, 100)
			lease := time.Duration(bench.size(5, 1)) * time.Second
			handlers, err := bench.kill(ctx, redis, held, lease)
			programs, programErr := bench.killProgram(ctx, redis, lease)
			return []round.Table{handlers, programs}, errors.Join(err, programErr)
		},
	}
}

// kill measures how a survivor takes over from a consumer whose handlers never return.
func (b *Bench) kill(ctx context.Context, redis *server.Redis, held int, lease time.Duration) (round.Table, error) {
	table := round.Table{
		Title: fmt.Sprintf("Kill: %s entries held by a consumer that is killed, lease %v, a survivor with %d workers",
			round.Count(held), lease, killWorkers),
		Note:    "Seconds after the kill -9. The survivors' handlers do nothing but take their time, or reserve stock (the program).",
		Columns: []string{"survivor", "a handling takes", "first one started", "all done", "target", "entries/s in between"},
	}
	quick := killRow{redis: redis, held: held, lease: lease}
	slow := quick
	slow.work = killSlow
	err := errors.Join(b.killRows(ctx, &table, quick, "millrace", program), b.killRows(ctx, &table, slow, "millrace"))
	return table, err
}

// killRow is what a consumer holds when it is killed, and how long a handling of it takes its survivor.
type killRow struct {
	redis       *server.Redis
	held        int
	lease, work time.Duration
}

// killRows adds a row for each of the systems.
func (b *Bench) killRows(ctx context.Context, table *round.Table, row killRow, systems ...string) error {
	results, err := b.rounds(ctx, b.asked(systems...),
		func(ctx context.Context, run *run) (round.Measure, error) { return run.kill(ctx, row) })
	for _, name := range results.Names() {
		table.Add(name, row.work.String(), results.Of(name, "first").Figure(), results.Of(name, "last").Figure(),
			killTarget(row.lease), results.Of(name, "entries/s").Figure())
	}
	return err
}

// killTarget is when everything that was held is to be taken over.
func killTarget(lease time.Duration) string {
	return round.Spread{Median: (lease + 2*time.Second).Seconds()}.Figure()
}

// kill has a child hold entries with handlers that never return, and a survivor, the child's like or the program, take
// them over. Every entry must come to the survivor once.
func (r *run) kill(ctx context.Context, row killRow) (round.Measure, error) {
	spec := child.Spec{Target: r.target(1, row.held), Events: row.held, Starts: true}
	spec.Target.Lease = row.lease
	if err := r.fill(ctx, spec); err != nil {
		return nil, err
	}
	victim, err := startVictim(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer victim.Kill()
	spec.Target.Concurrency, spec.Work = killWorkers, row.work
	if r.system.Name() == program {
		return r.killBesideProgram(ctx, row.redis, victim, spec)
	}
	consumers, err := r.startConsumers(ctx, spec, 1)
	if err != nil {
		return nil, err
	}
	defer consumers.kill()
	time.Sleep(killSettle)
	killed := time.Now()
	victim.Kill()
	consumed, err := consumers.finish(ctx)
	if err != nil {
		return nil, err
	}
	report := consumed.reports[0]
	first := time.Unix(0, slices.Min(report.Starts))
	return recovery(row.held, first.Sub(killed), report.Ended.Sub(killed)), nil
}

func recovery(held int, first, last time.Duration) round.Measure {
	return round.Measure{
		"first": first.Seconds(), "last": last.Seconds(), "entries/s": float64(held) / (last - first).Seconds(),
	}
}

// startVictim starts a child that holds all events, and returns when it does.
func startVictim(ctx context.Context, spec child.Spec) (*child.Process, error) {
	spec.Role, spec.System, spec.Hold, spec.Starts = child.RoleConsume, "millrace", true, false
	spec.Target.Concurrency = spec.Events
	victim, err := child.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(victim.Go(), victim.AwaitComplete(ctx)); err != nil {
		victim.Kill()
		return nil, err
	}
	return victim, nil
}

// killBesideProgram is kill where the program survives. What it has done is seen in the group.
func (r *run) killBesideProgram(
	ctx context.Context, redis *server.Redis, victim *child.Process, spec child.Spec,
) (round.Measure, error) {
	running, err := r.startProgram(ctx, spec.Target)
	if err != nil {
		return nil, err
	}
	defer running.Kill()
	time.Sleep(killSettle)
	killed := time.Now()
	victim.Kill()
	if err := r.awaitPending(ctx, redis, spec.Target, spec.Events-1); err != nil {
		return nil, err
	}
	first := time.Since(killed)
	if err := r.awaitPending(ctx, redis, spec.Target, 0); err != nil {
		return nil, err
	}
	last := time.Since(killed)
	return recovery(spec.Events, first, last), endProgram(ctx, running, spec.Target, spec.Events)
}

// awaitPending waits until no more than most entries are pending in the first group.
func (r *run) awaitPending(ctx context.Context, redis *server.Redis, target system.Target, most int) error {
	for deadline := time.Now().Add(r.patience); ; time.Sleep(programLook) {
		pending, err := redis.Client().XPending(ctx, target.Stream, target.Groups[0]).Result()
		if err != nil {
			return fmt.Errorf("look at what is pending: %w", err)
		}
		if int(pending.Count) <= most {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d entries were still pending after %v", pending.Count, r.patience)
		}
	}
}
