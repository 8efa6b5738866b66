package workload

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/round"
	"github.com/millrace/millrace/bench/internal/server"
	"github.com/millrace/millrace/bench/internal/usage"
)

// idleRounds is how often idling is measured at most: it is the same every time, and long.
const idleRounds = 2

// idle is what a consumer costs that has nothing to do.
func idle() Workload {
	return Workload{
		Name:  "idle",
		About: "one consumer of 1, 3 and 30 groups with nothing to do: commands and processor time",
		Run: func(ctx context.Context, bench *Bench) ([]round.Table, error) {
			length := time.Duration(bench.size(20, 1)) * time.Second
			settle := time.Duration(bench.size(2_000, 200)) * time.Millisecond
			table := round.Table{
				Title: fmt.Sprintf("Idle: one consumer with nothing to do, for %v", length),
				Note: "Commands are what the consumer sends; those inside a script are counted apart. Processor time is in " +
					"milliseconds a second, so that 10 are one hundredth of a core.",
				Columns: []string{
					"system", "groups", "commands/s a group", "target", "commands in scripts/s a group", "consumer's CPU ms/s",
					"server's CPU ms/s",
				},
			}
			var faults []error
			for _, groups := range bench.counts(1, 3, 30) {
				if err := bench.idle(ctx, &table, groups, settle, length); err != nil {
					faults = append(faults, fmt.Errorf("%d groups: %w", groups, err))
				}
			}
			return []round.Table{table}, errors.Join(faults...)
		},
	}
}

// idle adds the rows for so many groups. A consumer has settle to come to rest.
func (b *Bench) idle(ctx context.Context, table *round.Table, groups int, settle, length time.Duration) error {
	redis, err := b.Redis(ctx)
	if err != nil {
		return err
	}
	results, err := b.fewRounds(ctx, idleRounds, b.asked("millrace", program),
		func(ctx context.Context, run *run) (round.Measure, error) {
			return run.idle(ctx, redis, groups, settle, length)
		})
	for _, name := range results.Names() {
		table.Add(name, strconv.Itoa(groups), results.Of(name, "sent").Figure(), "2.5", results.Of(name, "in scripts").Figure(),
			results.Of(name, "client CPU").Figure(), results.Of(name, "server CPU").Figure())
	}
	return err
}

// idle starts a consumer and watches it from when it has come to rest.
func (r *run) idle(
	ctx context.Context, redis *server.Redis, groups int, settle, length time.Duration,
) (round.Measure, error) {
	cpu, end, err := r.startIdle(ctx, groups)
	if err != nil {
		return nil, err
	}
	time.Sleep(settle)
	before, err := lookAtIdle(ctx, redis, cpu)
	if err != nil {
		return nil, errors.Join(err, end())
	}
	time.Sleep(length)
	after, err := lookAtIdle(ctx, redis, cpu)
	if err := errors.Join(err, end()); err != nil {
		return nil, err
	}
	seconds := after.at.Sub(before.at).Seconds()
	sent, all := float64(after.sent-before.sent-ownCommands), float64(after.all-before.all-ownCommands)
	return round.Measure{
		"sent":       sent / seconds / float64(groups),
		"in scripts": (all - sent) / seconds / float64(groups),
		"client CPU": (after.cpu - before.cpu).Seconds() / seconds * 1e3,
		"server CPU": (after.serverCPU - before.serverCPU).Seconds() / seconds * 1e3,
	}, nil
}

// startIdle starts the consumer; cpu is what it has used so far, end stops it.
func (r *run) startIdle(ctx context.Context, groups int) (cpu func() (time.Duration, error), end func() error, err error) {
	spec := child.Spec{Target: r.target(groups, 0)}
	if err := r.prepare(ctx, spec); err != nil {
		return nil, nil, err
	}
	if r.system.Name() == program {
		running, err := r.startProgram(ctx, spec.Target)
		if err != nil {
			return nil, nil, err
		}
		return running.CPU, running.Stop, nil
	}
	consumers, err := r.startConsumers(ctx, spec, 1)
	if err != nil {
		return nil, nil, err
	}
	pid := consumers.processes[0].PID()
	end = func() error {
		defer consumers.kill()
		_, err := consumers.end(ctx)
		return err
	}
	return func() (time.Duration, error) { return usage.CPU(pid) }, end, nil
}

// idleLook is what server and consumer have done so far.
type idleLook struct {
	at             time.Time
	sent, all      int // commands; all has those inside scripts too
	cpu, serverCPU time.Duration
}

// lookAtIdle counts as sent what the server has read: nothing is pipelined by a consumer with nothing to do.
func lookAtIdle(ctx context.Context, redis *server.Redis, cpu func() (time.Duration, error)) (idleLook, error) {
	serverCPU, err := redis.CPU(ctx)
	stats, statsErr := redis.Info(ctx, "stats")
	used, cpuErr := cpu()
	sent, sentErr := strconv.Atoi(stats["total_reads_processed"])
	all, allErr := strconv.Atoi(stats["total_commands_processed"])
	look := idleLook{at: time.Now(), sent: sent, all: all, cpu: used, serverCPU: serverCPU}
	return look, errors.Join(err, statsErr, cpuErr, sentErr, allErr)
}

// ownCommands is what the benchmark sends between two looks: INFO, twice.
const ownCommands = 2
