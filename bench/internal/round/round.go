// Package round measures systems in turn, so that what the machine does meanwhile falls on all of them alike, and sums up
// what came of it: medians over the rounds, and medians of the ratios within each round.
package round

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Measure holds what one run of one system came to, by the name of the figure.
type Measure map[string]float64

// Results holds the measures of all rounds.
type Results struct {
	names  []string
	rounds []map[string]Measure
}

// Run measures each of names once in every round. Each round begins with another of them. One that fails is left out from
// then on, and out of the results; the error names all of those.
func Run(
	ctx context.Context, rounds int, names []string, measure func(ctx context.Context, round int, name string) (Measure, error),
) (*Results, error) {
	results := &Results{}
	failed := map[string]error{}
	for round := range rounds {
		measures := map[string]Measure{}
		for turn := range names {
			name := names[(round+turn)%len(names)]
			if failed[name] != nil || ctx.Err() != nil {
				continue
			}
			measured, err := measure(ctx, round, name)
			if err != nil {
				failed[name] = fmt.Errorf("round %d, %s: %w", round+1, name, err)
			}
			measures[name] = measured
		}
		results.rounds = append(results.rounds, measures)
	}
	faults := []error{context.Cause(ctx)}
	for _, name := range names {
		if faults = append(faults, failed[name]); failed[name] == nil && ctx.Err() == nil {
			results.names = append(results.names, name)
		}
	}
	return results, errors.Join(faults...)
}

// Names lists what was measured, in the order in which it was named.
func (r *Results) Names() []string { return r.names }

// Has tells whether name was measured.
func (r *Results) Has(name string) bool { return slices.Contains(r.names, name) }

// Spread is the middle and the ends of what several rounds came to.
type Spread struct{ Median, Min, Max float64 }

// Of sums up a figure of one system.
func (r *Results) Of(name, figure string) Spread {
	values := make([]float64, len(r.rounds))
	for i, round := range r.rounds {
		values[i] = round[name][figure]
	}
	return Summarize(values)
}

// Ratio sums up, over the rounds, a figure of one system divided by that of another in the same round.
func (r *Results) Ratio(name, to, figure string) Spread {
	ratios := make([]float64, len(r.rounds))
	for i, round := range r.rounds {
		ratios[i] = round[name][figure] / round[to][figure]
	}
	return Summarize(ratios)
}

// Summarize returns the middle and the ends of values, of which there must be one at least.
func Summarize(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return Spread{Median: median, Min: sorted[0], Max: sorted[len(sorted)-1]}
}
