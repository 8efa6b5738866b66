package workload

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/round"
)

// memoryRounds is how often memory is measured at most: it changes little from one run to the next.
const memoryRounds = 2

// memory is whether a consumer's memory depends on what waits to be handled.
func memory() Workload {
	return Workload{
		Name:  "memory",
		About: "peak memory of a consumer that drains 100,000 and 1,000,000 events, in 1 and 3 groups",
		Run: func(ctx context.Context, bench *Bench) ([]round.Table, error) {
			few, many := bench.size(100_000, 5_000), bench.size(1_000_000, 20_000)
			table := round.Table{
				Title: "Memory: peak RSS of a consumer that drains a backlog, in MB",
				Note: "Targets: at most 30 MB, and within 10 % whatever the backlog. The program reserves stock. The others hold " +
					"the benchmark's code, that of all systems; what resp needs is next to nothing but that.",
				Columns: []string{
					"system", "groups", round.Count(few) + " events", round.Count(many) + " events", "target", "ratio", "target",
				},
			}
			var faults []error
			for _, groups := range bench.counts(1, 3) {
				if err := bench.memory(ctx, &table, groups, few, many); err != nil {
					faults = append(faults, fmt.Errorf("%d groups: %w", groups, err))
				}
			}
			return []round.Table{table}, errors.Join(faults...)
		},
	}
}

// memory adds the rows for so many groups.
func (b *Bench) memory(ctx context.Context, table *round.Table, groups, few, many int) error {
	results, err := b.fewRounds(ctx, memoryRounds, b.asked("millrace", program, ceiling),
		func(ctx context.Context, run *run) (round.Measure, error) {
			run.patience *= 2 // the program asks Redis for each of three million deliveries
			measure := round.Measure{}
			for name, events := range map[string]int{"few": few, "many": many} {
				rss, err := run.peakRSS(ctx, child.Spec{Target: run.target(groups, events), Events: events})
				if err != nil {
					return nil, fmt.Errorf("%d events: %w", events, err)
				}
				measure[name] = rss
			}
			measure["ratio"] = measure["many"] / measure["few"]
			return measure, nil
		})
	for _, name := range results.Names() {
		most, growth := "30", "1.1"
		if name == ceiling {
			most, growth = "-", "-"
		}
		table.Add(name, strconv.Itoa(groups), results.Of(name, "few").Figure(), results.Of(name, "many").Figure(), most,
			results.Of(name, "ratio").Ratio(), growth)
	}
	return err
}

// peakRSS empties the server, drains a backlog and returns the consumer's peak in MB.
func (r *run) peakRSS(ctx context.Context, spec child.Spec) (float64, error) {
	if err := r.server.Reset(ctx); err != nil {
		return 0, err
	}
	drain := r.drain
	if r.system.Name() == program {
		drain = r.drainProgram
	}
	measure, err := drain(ctx, spec)
	return measure["RSS"], err
}
