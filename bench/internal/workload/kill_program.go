package workload

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/round"
	"github.com/millrace/millrace/bench/internal/server"
	"github.com/millrace/millrace/bench/internal/service"
	"github.com/millrace/millrace/bench/internal/system"
)

// killProgram adds what happens when the program itself is killed in the middle of its work.
func (b *Bench) killProgram(ctx context.Context, redis *server.Redis, lease time.Duration) (round.Table, error) {
	events := b.size(100_000, 20_000)
	table := round.Table{
		Title: fmt.Sprintf("Kill: one of two programs, in the middle of a drain of %s orders, lease %v", round.Count(events), lease),
		Note:  "Seconds after the kill -9. What it held then is no part of the order in which the other one goes on.",
		Columns: []string{
			"survivor", "entries that the killed one held", "all of them taken over", "target", "all orders done",
		},
	}
	results, err := b.variants(ctx, program, []string{program},
		func(ctx context.Context, run *run, _ string) (round.Measure, error) {
			return run.killProgram(ctx, redis, events, lease)
		})
	for _, name := range results.Names() {
		table.Add(name, results.Of(name, "held").Figure(), results.Of(name, "taken over").Figure(), killTarget(lease),
			results.Of(name, "done").Figure())
	}
	return table, err
}

// killProgram has two programs share a drain and kills the first one half-way. Every order must be reserved at the end.
func (r *run) killProgram(
	ctx context.Context, redis *server.Redis, events int, lease time.Duration,
) (round.Measure, error) {
	target := r.target(1, events)
	target.Concurrency, target.Lease, target.Processes = killWorkers, lease, 2
	if err := r.fill(ctx, child.Spec{Target: target, Events: events}); err != nil {
		return nil, err
	}
	victim, err := r.startProgram(ctx, target)
	if err != nil {
		return nil, err
	}
	defer victim.Kill()
	target.Process = 1
	survivor, err := r.startProgram(ctx, target)
	if err != nil {
		return nil, err
	}
	defer survivor.Kill()
	if err := r.awaitRead(ctx, redis, target, events/2); err != nil {
		return nil, err
	}
	killed := time.Now()
	victim.Kill()
	target.Process = 0
	held, err := heldBy(ctx, redis, target)
	if err != nil {
		return nil, err
	}
	for left := held; left > 0; time.Sleep(programLook) {
		if left, err = heldBy(ctx, redis, target); err != nil {
			return nil, err
		}
	}
	taken := time.Since(killed)
	if err := r.awaitNothingLeft(ctx, target); err != nil {
		return nil, err
	}
	return round.Measure{
		"held": float64(held), "taken over": taken.Seconds(), "done": time.Since(killed).Seconds(),
	}, errors.Join(system.CheckStock(ctx, target, events), survivor.Stop())
}

// awaitRead waits until the first group has been handed so many entries.
func (r *run) awaitRead(ctx context.Context, redis *server.Redis, target system.Target, entries int) error {
	for deadline := time.Now().Add(r.patience); time.Now().Before(deadline); time.Sleep(programLook) {
		groups, err := redis.Client().XInfoGroups(ctx, target.Stream).Result()
		if err != nil {
			return fmt.Errorf("look at the group: %w", err)
		}
		if len(groups) > 0 && int(groups[0].EntriesRead) >= entries {
			return nil
		}
	}
	return fmt.Errorf("less than %d entries were read within %v", entries, r.patience)
}

// heldBy is how many entries are pending under the name of the target's process; none where the name is gone.
func heldBy(ctx context.Context, redis *server.Redis, target system.Target) (int, error) {
	all, err := redis.Client().XInfoConsumers(ctx, target.Stream, target.Groups[0]).Result()
	if err != nil {
		return 0, fmt.Errorf("look at the consumers: %w", err)
	}
	for _, consumer := range all {
		if strings.HasPrefix(consumer.Name, service.Consumer(target)) {
			return int(consumer.Pending), nil
		}
	}
	return 0, nil
}
