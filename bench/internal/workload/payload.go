package workload

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/round"
)

const payloadGroups = 3

// payload is how the drain changes with the size of the data.
func payload() Workload {
	return Workload{
		Name:  "payload",
		About: "a drain of events with 100 B, 1 KB and 100 KB of data, 3 groups",
		Run: func(ctx context.Context, bench *Bench) ([]round.Table, error) {
			table := round.Table{
				Title: "Payload: a drain of stored events with so much data each, 3 groups",
				Columns: []string{
					"data", "events", "system", "deliveries/s", "ratio to go-redis", "MB/s of data",
					"client CPU s per million", "server CPU s per million", "peak RSS MB",
				},
			}
			var faults []error
			for _, size := range []payloadSize{
				{"100 B", 100, bench.size(200_000, 10_000), 1_000},
				{"1 KB", 1 << 10, bench.size(100_000, 5_000), 1_000},
				{"100 KB", 100 << 10, bench.size(5_000, 100), 20},
			} {
				if err := bench.payload(ctx, &table, size); err != nil {
					faults = append(faults, fmt.Errorf("%s: %w", size.name, err))
				}
			}
			return []round.Table{table}, errors.Join(faults...)
		},
	}
}

// payloadSize is the data of each event, how many events there are, and how many of them the bare loops read at once.
type payloadSize struct {
	name       string
	bytes      int
	events     int
	readAtOnce int
}

// payload adds the rows for one size.
func (b *Bench) payload(ctx context.Context, table *round.Table, size payloadSize) error {
	results, err := b.rounds(ctx, b.systems("millrace", baseline, ceiling),
		func(ctx context.Context, run *run) (round.Measure, error) {
			target := run.target(payloadGroups, size.events)
			target.ReadAtOnce = size.readAtOnce
			measure, err := run.drain(ctx, child.Spec{Target: target, Events: size.events, DataBytes: size.bytes})
			if err == nil {
				measure["MB/s"] = measure["deliveries/s"] * float64(size.bytes) / 1e6
			}
			return measure, err
		})
	for _, name := range results.Names() {
		table.Add(size.name, round.Count(size.events), name, results.Of(name, "deliveries/s").Figure(),
			ratio(results, name, baseline, "deliveries/s"), results.Of(name, "MB/s").Figure(),
			results.Of(name, "client CPU").Figure(), results.Of(name, "server CPU").Figure(),
			results.Of(name, "RSS").Figure())
	}
	return err
}
