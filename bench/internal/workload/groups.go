package workload

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/round"
)

// groups is how the drain changes with the number of groups; the number of deliveries stays the same.
func groups() Workload {
	return Workload{
		Name:  "groups",
		About: "600,000 deliveries to 1, 3, 10 and 30 groups, handlers that only read the event",
		Run: func(ctx context.Context, bench *Bench) ([]round.Table, error) {
			deliveries := bench.size(600_000, 15_000)
			table := round.Table{
				Title: "Groups: " + round.Count(deliveries) + " deliveries to so many groups",
				Columns: []string{
					"groups", "system", "deliveries/s", "ratio to go-redis", "client CPU s per million",
					"server CPU s per million", "peak RSS MB",
				},
			}
			var faults []error
			for _, groups := range bench.counts(1, 3, 10, 30) {
				if err := bench.groups(ctx, &table, groups, deliveries/groups); err != nil {
					faults = append(faults, fmt.Errorf("%d groups: %w", groups, err))
				}
			}
			return []round.Table{table}, errors.Join(faults...)
		},
	}
}

// groups adds the rows for so many groups.
func (b *Bench) groups(ctx context.Context, table *round.Table, groups, events int) error {
	results, err := b.rounds(ctx, b.systems("millrace", baseline),
		func(ctx context.Context, run *run) (round.Measure, error) {
			return run.drain(ctx, child.Spec{Target: run.target(groups, events), Events: events})
		})
	for _, name := range results.Names() {
		table.Add(strconv.Itoa(groups), name, results.Of(name, "deliveries/s").Figure(),
			ratio(results, name, baseline, "deliveries/s"), results.Of(name, "client CPU").Figure(),
			results.Of(name, "server CPU").Figure(), results.Of(name, "RSS").Figure())
	}
	return err
}
