package workload

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/round"
)

const publishGroups = 3

// publish is how fast one client adds events.
func publish() Workload {
	return Workload{
		Name:  "publish",
		About: "one client that publishes one by one, in batches of 100 and of 1,000",
		Run: func(ctx context.Context, bench *Bench) ([]round.Table, error) {
			var tables []round.Table
			var faults []error
			for _, batch := range []int{1, 100, 1000} {
				table, err := bench.publish(ctx, batch)
				tables = append(tables, table)
				if err != nil {
					faults = append(faults, fmt.Errorf("batches of %d: %w", batch, err))
				}
			}
			return tables, errors.Join(faults...)
		},
	}
}

func (b *Bench) publish(ctx context.Context, batch int) (round.Table, error) {
	events := b.size(200_000, 20_000)
	if batch == 1 {
		events /= 10
	}
	results, err := b.rounds(ctx, b.systems("millrace", baseline, ceiling),
		func(ctx context.Context, run *run) (round.Measure, error) { return run.publish(ctx, events, batch) })
	return publishTable(results, batch), err
}

// publish measures a child that publishes; what it published is then handled, unmeasured, to check that all of it came.
func (r *run) publish(ctx context.Context, events, batch int) (round.Measure, error) {
	spec := child.Spec{System: r.system.Name(), Target: r.target(publishGroups, events), Events: events, Batch: batch}
	if err := r.prepare(ctx, spec); err != nil {
		return nil, err
	}
	spec.Role, spec.CPUProfile = child.RolePublish, r.cpuProfile
	before, err := r.server.CPU(ctx)
	if err != nil {
		return nil, err
	}
	report, err := child.Run(ctx, spec)
	if err != nil || report.Unsupported {
		return nil, err
	}
	after, err := r.server.CPU(ctx)
	if err != nil {
		return nil, err
	}
	r.cpuProfile = "" // the profile is of the publishing
	if _, err := r.consume(ctx, spec, 1); err != nil {
		return nil, err
	}
	published := float64(events)
	return round.Measure{
		"events/s":    published / report.Elapsed().Seconds(),
		"client CPU":  report.Usage.CPU.Seconds() / published * 1e6,
		"server CPU":  (after - before).Seconds() / published * 1e6,
		"allocations": float64(report.Usage.Mallocs) / published,
	}, nil
}

func publishTable(results *round.Results, batch int) round.Table {
	title := "Publish: one client, batches of " + round.Count(batch)
	if batch == 1 {
		title = "Publish: one client, one call after the other"
	}
	table := round.Table{Title: title, Columns: []string{
		"system", "events/s", "ratio to go-redis", "client CPU s per million", "server CPU s per million", "allocations per event",
	}}
	for _, name := range results.Names() {
		if results.Of(name, "events/s").Max == 0 {
			table.Add(name, "cannot", "-", "-", "-", "-")
			continue
		}
		table.Add(name, results.Of(name, "events/s").Figure(), ratio(results, name, baseline, "events/s"),
			results.Of(name, "client CPU").Figure(), results.Of(name, "server CPU").Figure(),
			results.Of(name, "allocations").Figure())
	}
	return table
}
