package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/round"
)

const latencyGroups = 3

// latency is how long after its publishing an event's handling begins, at a rate that everybody keeps up with.
func latency() Workload {
	return Workload{
		Name:  "latency",
		About: "an open-loop producer at 1,000/s and 5,000/s, 3 groups: from the time of publishing to the handler",
		Run: func(ctx context.Context, bench *Bench) ([]round.Table, error) {
			var tables []round.Table
			var faults []error
			for _, rate := range []int{1000, 5000} {
				table, err := bench.latency(ctx, rate)
				tables = append(tables, table)
				if err != nil {
					faults = append(faults, fmt.Errorf("%d/s: %w", rate, err))
				}
			}
			return tables, errors.Join(faults...)
		},
	}
}

func (b *Bench) latency(ctx context.Context, rate int) (round.Table, error) {
	seconds := b.size(6, 1)
	results, err := b.rounds(ctx, b.systems("millrace", baseline, ceiling),
		func(ctx context.Context, run *run) (round.Measure, error) {
			return run.latency(ctx, rate, seconds*rate)
		})
	return latencyTable(results, rate), err
}

// latency has a child consume while another one produces. The events of the first second are
// handled and do not count.
func (r *run) latency(ctx context.Context, rate, events int) (round.Measure, error) {
	spec := child.Spec{
		System: r.system.Name(), Target: r.target(latencyGroups, events), Events: events, Rate: rate, Latency: true,
		WarmUp: min(rate, events/2),
	}
	if err := r.prepare(ctx, spec); err != nil {
		return nil, err
	}
	consumers, err := r.startConsumers(ctx, spec, 1)
	if err != nil {
		return nil, err
	}
	defer consumers.kill()
	spec.Role = child.RoleProduce
	produced, err := child.Run(ctx, spec)
	if err != nil {
		return nil, err
	}
	consumed, err := consumers.finish(ctx)
	if err != nil {
		return nil, err
	}
	took := consumed.reports[0].Latency
	return round.Measure{
		"p50": milliseconds(took.P50), "p99": milliseconds(took.P99), "p99.9": milliseconds(took.P999),
		"late": milliseconds(produced.Late.P99),
	}, nil
}

func milliseconds(length time.Duration) float64 { return float64(length) / float64(time.Millisecond) }

func latencyTable(results *round.Results, rate int) round.Table {
	table := round.Table{
		Title: "Latency at " + round.Count(rate) + " events/s, 3 groups: from the time of publishing to the handler, in milliseconds",
		Note:  "The last column is how late the producer itself was (p99), which is part of what stands before it.",
		Columns: []string{
			"system", "p50", "ratio to go-redis", "p99", "ratio to go-redis", "p99.9", "ratio to go-redis", "producer late",
		},
	}
	for _, name := range results.Names() {
		cells := []string{name}
		for _, quantile := range []string{"p50", "p99", "p99.9"} {
			cells = append(cells, results.Of(name, quantile).Figure(), ratio(results, name, baseline, quantile))
		}
		table.Add(append(cells, results.Of(name, "late").Figure())...)
	}
	return table
}
