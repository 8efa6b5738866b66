package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/round"
	"github.com/millrace/millrace/bench/internal/server"
	"github.com/millrace/millrace/stream"
)

// retryLook is how often it is looked at whether all first tries have failed.
const retryLook = 10 * time.Millisecond

// retry is how late a second try begins, with many others waiting.
func retry() Workload {
	return Workload{
		Name:  "retry",
		About: "10,000 events wait for their second try: how late it begins",
		Run: func(ctx context.Context, bench *Bench) ([]round.Table, error) {
			events := bench.size(10_000, 500)
			table := round.Table{
				Title: "Retry: how late a second try begins with " + round.Count(events) + " events waiting, in seconds",
				Note: "The first tries are as fast as the failures can be noted. Target: p99 at most 1.5 s where the " +
					"times are spread.",
				Columns: []string{"due after", "first tries/s", "p50", "p99", "max"},
			}
			var faults []error
			for _, due := range bench.retryTimes() {
				err := bench.retry(ctx, &table, events, due)
				if err != nil {
					faults = append(faults, fmt.Errorf("due after %v: %w", due, err))
				}
			}
			return []round.Table{table}, errors.Join(faults...)
		},
	}
}

// span is the shortest and the longest wait.
type span struct{ least, most time.Duration }

// String writes both ends.
func (s span) String() string {
	if s.least == s.most {
		return s.least.String()
	}
	return fmt.Sprintf("%v to %v", s.least, s.most)
}

// retryTimes are waits that are spread, and one that ends for all events at about the same time.
func (b *Bench) retryTimes() []span {
	if b.options.Quick {
		return []span{{time.Second, 2 * time.Second}}
	}
	return []span{{5 * time.Second, 25 * time.Second}, {8 * time.Second, 8 * time.Second}}
}

// retry adds the row for waits of one span.
func (b *Bench) retry(ctx context.Context, table *round.Table, events int, due span) error {
	redis, err := b.Redis(ctx)
	if err != nil {
		return err
	}
	results, err := b.rounds(ctx, b.asked("millrace"), func(ctx context.Context, run *run) (round.Measure, error) {
		return run.retry(ctx, redis, events, due)
	})
	for _, name := range results.Names() {
		table.Add(due.String(), results.Of(name, "first tries/s").Figure(), results.Of(name, "p50").Figure(),
			results.Of(name, "p99").Figure(), results.Of(name, "max").Figure())
	}
	return err
}

// retry has a consumer fail each event once, reads from the notes when the second tries are due, and compares.
func (r *run) retry(ctx context.Context, redis *server.Redis, events int, due span) (round.Measure, error) {
	spec := child.Spec{
		Target: r.target(1, events), Events: events, RetryMin: due.least, RetryMax: due.most, Starts: true,
	}
	if err := r.fill(ctx, spec); err != nil {
		return nil, err
	}
	consumers, err := r.startConsumers(ctx, spec, 1)
	if err != nil {
		return nil, err
	}
	defer consumers.kill()
	began := time.Now()
	notes, err := awaitNotes(ctx, redis, spec)
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	dues, err := dueTimes(ctx, redis, spec, notes)
	if err != nil {
		return nil, err
	}
	consumed, err := consumers.finish(ctx)
	if err != nil {
		return nil, err
	}
	late, err := lateness(dues, consumed.reports[0].Starts)
	if err != nil {
		return nil, err
	}
	at := func(percent int) float64 { return late[min(len(late)*percent/100, len(late)-1)].Seconds() }
	return round.Measure{
		"first tries/s": float64(events) / took.Seconds(), "p50": at(50), "p99": at(99), "max": at(100),
	}, nil
}

// awaitNotes waits until every event has failed once, and returns the notes of that by entry ID. The first one that is due
// takes its note away, so that must be later.
func awaitNotes(ctx context.Context, redis *server.Redis, spec child.Spec) (map[string]string, error) {
	keys, err := stream.NewKeys(spec.Target.Stream)
	if err != nil {
		return nil, err
	}
	key := keys.Attempts(spec.Target.Groups[0])
	for deadline := time.Now().Add(spec.RetryMin); time.Now().Before(deadline); time.Sleep(retryLook) {
		count, err := redis.Client().HLen(ctx, key).Result()
		if err != nil {
			return nil, fmt.Errorf("count the notes: %w", err)
		}
		if int(count) == spec.Events {
			return redis.Client().HGetAll(ctx, key).Result()
		}
	}
	return nil, fmt.Errorf("not all %d first tries had failed within %v", spec.Events, spec.RetryMin)
}

// dueTimes are when the second tries are due, in milliseconds since 1970 by the server's clock, by sequence number.
func dueTimes(ctx context.Context, redis *server.Redis, spec child.Spec, notes map[string]string) ([]int64, error) {
	entries, err := redis.Client().XRange(ctx, spec.Target.Stream, "-", "+").Result()
	if err != nil {
		return nil, fmt.Errorf("read the entries: %w", err)
	}
	dues := make([]int64, spec.Events)
	for _, entry := range entries {
		var event order.Event
		id, _ := entry.Values["event_id"].(string)
		if err := event.SetID(id); err != nil {
			return nil, err
		}
		var note stream.Note
		if err := json.Unmarshal([]byte(notes[entry.ID]), &note); err != nil {
			return nil, fmt.Errorf("note of entry %s: %w", entry.ID, err)
		}
		dues[event.Sequence] = note.Next
	}
	return dues, nil
}

// lateness is how long after it was due each try began, sorted. One that began too early is an error.
func lateness(dues, starts []int64) ([]time.Duration, error) {
	late := make([]time.Duration, len(dues))
	for sequence, due := range dues {
		late[sequence] = time.Duration(starts[sequence]) - time.Duration(due)*time.Millisecond
	}
	slices.Sort(late)
	if late[0] < 0 {
		return nil, fmt.Errorf("a second try began %v before it was due", -late[0])
	}
	return late, nil
}
