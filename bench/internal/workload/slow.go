package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/round"
)

const (
	slowGroups      = 3
	slowConcurrency = 64
	slowWork        = 5 * time.Millisecond
)

// slow is how much of the time that handlers could work they do work. The control, goroutines without a queue, shows what
// the machine's timers take of it.
func slow() Workload {
	return Workload{
		Name:  "slow",
		About: "handlers of 5 ms, 64 at a time in each of 3 groups, in one process and in two",
		Run: func(ctx context.Context, bench *Bench) ([]round.Table, error) {
			var tables []round.Table
			var faults []error
			for _, processes := range []int{1, 2} {
				table, err := bench.slow(ctx, processes)
				tables = append(tables, table)
				if err != nil {
					faults = append(faults, fmt.Errorf("%d processes: %w", processes, err))
				}
			}
			return tables, errors.Join(faults...)
		},
	}
}

func (b *Bench) slow(ctx context.Context, processes int) (round.Table, error) {
	length := time.Duration(b.size(10_000, 300)) * time.Millisecond
	events := slowConcurrency * int(length/slowWork)
	results, err := b.rounds(ctx, b.systems("millrace", baseline, ceiling, control),
		func(ctx context.Context, run *run) (round.Measure, error) { return run.slow(ctx, events, processes) })
	return slowTable(results, processes), err
}

// slow drains a backlog with handlers that sleep, in as many processes on the same groups.
func (r *run) slow(ctx context.Context, events, processes int) (round.Measure, error) {
	spec := child.Spec{Target: r.target(slowGroups, events), Events: events, Work: slowWork}
	spec.Target.Concurrency = slowConcurrency
	if err := r.fill(ctx, spec); err != nil {
		return nil, err
	}
	consumed, err := r.consume(ctx, spec, processes)
	if err != nil {
		return nil, err
	}
	deliveries := float64(events * slowGroups)
	speed := deliveries / consumed.elapsed().Seconds()
	ideal := float64(slowGroups*slowConcurrency*processes) / slowWork.Seconds()
	cpu := time.Duration(0)
	for _, report := range consumed.reports {
		cpu += report.Usage.CPU
	}
	return round.Measure{
		"deliveries/s": speed, "share": speed / ideal, "client CPU": cpu.Seconds() / deliveries * 1e6,
		"server CPU": consumed.serverCPU.Seconds() / deliveries * 1e6,
	}, nil
}

func slowTable(results *round.Results, processes int) round.Table {
	ideal := slowGroups * slowConcurrency * processes * int(time.Second/slowWork)
	table := round.Table{
		Title: "Slow handlers: 5 ms each, 64 at a time per group and process, 3 groups, processes: " + round.Count(processes),
		Note:  "The ideal is " + round.Count(ideal) + " deliveries/s; the control shows what the machine's timers leave of it.",
		Columns: []string{
			"system", "deliveries/s", "ratio to the control", "share of the ideal", "client CPU s per million",
			"server CPU s per million",
		},
	}
	for _, name := range results.Names() {
		table.Add(name, results.Of(name, "deliveries/s").Figure(), ratio(results, name, control, "deliveries/s"),
			results.Of(name, "share").Figure(), results.Of(name, "client CPU").Figure(), results.Of(name, "server CPU").Figure())
	}
	return table
}
