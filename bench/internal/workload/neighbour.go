package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/bench/internal/check"
	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/round"
)

const (
	neighbourFast = 2
	neighbourWork = 5 * time.Millisecond
	// alone and beside are what this workload measures in turn.
	alone  = "two fast groups"
	beside = "the same, beside a slow one"
)

// neighbour is what a slow group costs the fast ones in the same process.
func neighbour() Workload {
	return Workload{
		Name:  "neighbour",
		About: "two fast groups, alone and beside one with handlers of 5 ms, one at a time",
		Run: func(ctx context.Context, bench *Bench) ([]round.Table, error) {
			events := bench.size(300_000, 20_000)
			results, err := bench.variants(ctx, "millrace", []string{alone, beside},
				func(ctx context.Context, run *run, variant string) (round.Measure, error) {
					slow := 0
					if variant == beside {
						slow = 1
					}
					return run.neighbour(ctx, events, slow)
				})
			return []round.Table{neighbourTable(results, events)}, err
		},
	}
}

// neighbour measures the fast groups, until both have handled everything; the slow ones are far from it then.
func (r *run) neighbour(ctx context.Context, events, slow int) (round.Measure, error) {
	spec := child.Spec{Target: r.target(neighbourFast+slow, events), Events: events, Work: neighbourWork}
	spec.Target.Slow = slow
	if slow == 0 {
		spec.Work = 0
	}
	if err := r.fill(ctx, spec); err != nil {
		return nil, err
	}
	consumers, err := r.startConsumers(ctx, spec, 1)
	if err != nil {
		return nil, err
	}
	defer consumers.kill()
	handled := consumers.awaitHandled(ctx)
	reports, err := consumers.end(ctx)
	if err := errors.Join(handled, err); err != nil {
		return nil, err
	}
	report := reports[0]
	slowly, err := checkSlow(report.Slow)
	if err := errors.Join(err, check.Faults(events, report.Seen)); err != nil {
		return nil, err
	}
	return round.Measure{
		"deliveries/s": float64(events*neighbourFast) / report.Elapsed().Seconds(),
		"slow/s":       float64(slowly) / report.Elapsed().Seconds(),
	}, nil
}

// checkSlow returns how much slow groups have handled, and an error where any came twice or nothing at all came.
func checkSlow(accounts []check.Account) (handled int, err error) {
	for number, account := range accounts {
		handled += account.Count()
		if err := account.Fault(max(1, account.Count())); err != nil {
			return 0, fmt.Errorf("slow group %d: %w", number+1, err)
		}
	}
	return handled, nil
}

func neighbourTable(results *round.Results, events int) round.Table {
	table := round.Table{
		Title: "A slow neighbour: " + round.Count(events) + " stored events, handlers of 5 ms one at a time in the slow group",
		Columns: []string{
			"groups", "deliveries/s of the fast ones", "ratio to the fast ones alone", "target", "deliveries/s of the slow one",
		},
	}
	for _, name := range results.Names() {
		target := "-"
		if name == beside {
			target = "1"
		}
		table.Add(name, results.Of(name, "deliveries/s").Figure(), ratio(results, name, alone, "deliveries/s"), target,
			results.Of(name, "slow/s").Figure())
	}
	return table
}
