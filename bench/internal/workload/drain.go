package workload

import (
	"context"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/round"
)

const drainGroups = 3

// drain is how fast a stored backlog is handled by handlers that do nothing but read the event.
func drain() Workload {
	return Workload{
		Name:  "drain",
		About: "200,000 stored events, 3 groups, handlers that only read the event",
		Run: func(ctx context.Context, bench *Bench) ([]round.Table, error) {
			events := bench.size(200_000, 20_000)
			results, err := bench.rounds(ctx, bench.systems("millrace", baseline, ceiling),
				func(ctx context.Context, run *run) (round.Measure, error) {
					return run.drain(ctx, child.Spec{Target: run.target(drainGroups, events), Events: events})
				})
			return []round.Table{drainTable(results, events)}, err
		},
	}
}

// drain fills a backlog, has one child handle it in every group, and measures from the beginning of its consuming to the
// end of the last handling. That everything is acked a moment later is checked and not measured.
func (r *run) drain(ctx context.Context, spec child.Spec) (round.Measure, error) {
	if err := r.fill(ctx, spec); err != nil {
		return nil, err
	}
	consumed, err := r.consume(ctx, spec, 1)
	if err != nil {
		return nil, err
	}
	deliveries := float64(spec.Events * len(spec.Target.Groups))
	usage := consumed.reports[0].Usage
	return round.Measure{
		"deliveries/s": deliveries / consumed.elapsed().Seconds(),
		"client CPU":   usage.CPU.Seconds() / deliveries * 1e6,
		"server CPU":   consumed.serverCPU.Seconds() / deliveries * 1e6,
		"RSS":          float64(usage.PeakRSS) / (1 << 20),
		"allocations":  float64(usage.Mallocs) / deliveries,
	}, nil
}

func drainTable(results *round.Results, events int) round.Table {
	table := round.Table{
		Title: "Drain: " + round.Count(events) + " stored events, 3 groups",
		Columns: []string{
			"system", "deliveries/s", "ratio to go-redis", "ratio to resp", "client CPU s per million",
			"server CPU s per million", "peak RSS MB", "allocations per delivery",
		},
	}
	for _, name := range results.Names() {
		table.Add(name, results.Of(name, "deliveries/s").Figure(),
			ratio(results, name, baseline, "deliveries/s"), ratio(results, name, ceiling, "deliveries/s"),
			results.Of(name, "client CPU").Figure(), results.Of(name, "server CPU").Figure(),
			results.Of(name, "RSS").Figure(), results.Of(name, "allocations").Figure())
	}
	return table
}
