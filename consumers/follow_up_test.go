package consumers_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// emitting is a group with follow-ups of both outcomes.
func emitting(name string, handle func(context.Context, *consumers.Delivery) error) consumers.GroupOptions {
	options := group(name, handle)
	options.Events = []string{"E"}
	options.Emit = stream.Emit{Acked: "DONE", DeadLettered: "FAILED"}
	return options
}

// followUps are `event of entry` of all follow-ups in the stream, sorted.
func (b *bench) followUps() []string {
	b.Helper()
	entries, err := b.client.Redis().XRange(b.Context(), b.client.Keys().Stream(), "-", "+").Result()
	if err != nil {
		b.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		if of := entry.Values["causation_entry"]; of != nil {
			found = append(found, fmt.Sprintf("%s of %s", entry.Values["event"], of))
		}
	}
	slices.Sort(found)
	return found
}

func (b *bench) untilFollowUps(want ...string) {
	b.Helper()
	slices.Sort(want)
	b.until(fmt.Sprintf("the follow-ups are %q", want), func() bool { return slices.Equal(b.followUps(), want) })
}

func TestEveryOutcomeIsFollowed(t *testing.T) {
	onEach(t, func(b *bench) {
		metrics := prometheus.NewRegistry()
		options := emitting("g", func(_ context.Context, delivery *consumers.Delivery) error {
			switch {
			case delivery.ID == "permanent":
				return consumers.Permanent(errors.New("no stock"))
			case delivery.ID == "again" && delivery.Deliveries == 1:
				return consumers.RetryAfter(time.Millisecond, errors.New("busy"))
			case delivery.ID == "exhausted":
				return consumers.RetryAfter(time.Millisecond, errors.New("busy"))
			default:
				return nil
			}
		})
		options.MaxDeliveries, options.Dedupe = 2, time.Minute
		options.MaxEventBytes = 1000
		b.run(func(o *consumers.Options) { o.Metrics = consumers.NewMetrics(metrics) }, options)
		add := func(words ...string) string { return b.add(words...).String() }
		passed := add("event", "OTHER")
		acked := add("event", "E", "event_id", "acked")
		b.untilFollowUps("DONE of " + acked)
		skipped := add("event", "E", "event_id", "acked")
		again := add("event", "E", "event_id", "again")
		exhausted := add("event", "E", "event_id", "exhausted")
		permanent := add("event", "E", "event_id", "permanent")
		large := add("event", "E", "event_id", "large", "data", strings.Repeat("x", 2000))
		nameless := add("x", "y")
		deep := add("event", "E", "event_id", "deep", "causation_depth", "16")
		b.untilFollowUps("DONE of "+acked, "DONE of "+again, "FAILED of "+exhausted, "FAILED of "+permanent,
			"FAILED of "+large, "FAILED of "+nameless)
		for id, want := range map[string]consumers.Outcome{skipped: consumers.Skipped, deep: consumers.Acked} {
			at, _ := stream.ParseID(id)
			b.wantOutcomes("g", at, string(want))
		}
		b.until("all is settled", func() bool { return b.settledAll("g") })
		b.untilFollowUps("DONE of "+acked, "DONE of "+again, "FAILED of "+exhausted, "FAILED of "+permanent,
			"FAILED of "+large, "FAILED of "+nameless)
		if passed == "" {
			b.Error("nothing was passed by")
		}
		want := map[string]float64{"follow_ups_total acked": 2, "follow_ups_total dead_lettered": 4, "follow_ups_cut_total ": 1}
		b.until("the metrics tell", func() bool { return maps.Equal(followUpCounts(b, metrics), want) })
	})
}

// followUpCounts are the counters of follow-ups, by name and outcome.
func followUpCounts(b *bench, metrics prometheus.Gatherer) map[string]float64 {
	b.Helper()
	families, err := metrics.Gather()
	if err != nil {
		b.Fatal(err)
	}
	counts := map[string]float64{}
	for _, family := range families {
		name, isOne := strings.CutPrefix(family.GetName(), "millrace_")
		if !isOne || !strings.HasPrefix(name, "follow_ups") {
			continue
		}
		for _, metric := range family.GetMetric() {
			outcome := ""
			for _, label := range metric.GetLabel() {
				if label.GetName() == "outcome" {
					outcome = label.GetValue()
				}
			}
			counts[name+" "+outcome] = metric.GetCounter().GetValue()
		}
	}
	return counts
}

// settledAll tells whether the group has been handed everything and holds nothing.
func (b *bench) settledAll(group string) bool {
	b.Helper()
	report, err := b.client.Redis().XInfoGroups(b.Context(), b.client.Keys().Stream()).Result()
	if err != nil {
		b.Fatal(err)
	}
	last := b.client.Redis().XRevRangeN(b.Context(), b.client.Keys().Stream(), "+", "-", 1).Val()
	for _, each := range report {
		if each.Name == group {
			return each.Pending == 0 && len(last) == 1 && each.LastDeliveredID == last[0].ID
		}
	}
	return false
}

// A chain of handlers: each event makes the next handler's, which gets the data of the first.
func TestFollowUpsDriveOtherHandlers(t *testing.T) {
	onEach(t, func(b *bench) {
		first, second := emitting("first", succeed), emitting("second", func(_ context.Context, delivery *consumers.Delivery) error {
			if string(delivery.Data) != `{"order_id":1}` || delivery.AggregateID != "k" || delivery.Headers["causation"] != "1" {
				return consumers.Permanent(fmt.Errorf("got %+v", delivery.Event))
			}
			return nil
		})
		second.Events, second.Emit = []string{"DONE"}, stream.Emit{Acked: "SHIPPED", DeadLettered: "LATE"}
		b.run(nil, first, second)
		id := b.add("event", "E", "event_id", "1", "data", `{"order_id":1}`, "aggregate_id", "k").String()
		b.until("there are two", func() bool { return len(b.followUps()) == 2 })
		if got := b.followUps(); got[0] != "DONE of "+id || !strings.HasPrefix(got[1], "SHIPPED") {
			b.Errorf("follow-ups: got %q", got)
		}
	})
}

// What follows the largest event that is handled is larger than that, and handled all the same; so is its requeue.
func TestFollowUpOfTheLargestEvent(t *testing.T) {
	onEach(t, func(b *bench) {
		const limit = 4000
		first := emitting("first", func(_ context.Context, delivery *consumers.Delivery) error {
			if delivery.ReplayOf != "" {
				return nil
			}
			return consumers.Permanent(errors.New(strings.Repeat("no stock ", 1000)))
		})
		data := make(chan int, 10)
		second := group("second", func(_ context.Context, delivery *consumers.Delivery) error {
			data <- len(delivery.Data)
			return nil
		})
		second.Events = []string{"DONE", "FAILED"}
		first.MaxEventBytes, second.MaxEventBytes = limit, limit
		b.run(nil, first, second)
		size := limit - len("eventEdata")
		id := b.add("event", "E", "data", strings.Repeat("x", size))
		b.until("it is a dead letter", func() bool { return len(b.dead("first")) == 1 })
		letters, err := b.client.DeadLetters(b.Context(), "first", stream.ID{}, 1)
		if err != nil || letters[0].EntryID != id || letters[0].Reason != stream.DeadPermanent {
			b.Fatalf("the letter: got %d of %s, %v", len(letters), id, err)
		}
		if _, err := b.client.Requeue(b.Context(), "first", []stream.ID{letters[0].ID}); err != nil {
			b.Fatal(err)
		}
		for range 2 {
			select {
			case got := <-data:
				if got != size {
					b.Errorf("data of what follows: got %d bytes, want %d", got, size)
				}
			case <-time.After(20 * time.Second):
				b.Fatalf("waited 20s for what follows; %d dead letters of it", len(b.dead("second")))
			}
		}
	})
}

func TestFollowUpsWaitForMemory(t *testing.T) {
	onReal(t, func(b *bench, _ *redistest.Server) {
		b.run(nil, emitting("g", succeed))
		var want []string
		for i := range 50 {
			want = append(want, "DONE of "+b.add("event", "E", "event_id", fmt.Sprint(i)).String())
			if i == 25 {
				b.client.Redis().ConfigSet(b.Context(), "maxmemory", "1")
				time.AfterFunc(300*time.Millisecond, func() { b.client.Redis().ConfigSet(context.Background(), "maxmemory", "0") })
				b.until("there is memory again", func() bool {
					return b.client.Redis().Set(b.Context(), "probe", 1, 0).Err() == nil
				})
			}
		}
		b.untilFollowUps(want...)
	})
}

func TestResultsAreKept(t *testing.T) {
	onEach(t, func(b *bench) {
		leave := func(_ context.Context, delivery *consumers.Delivery) error {
			delivery.Result = []byte("booked as " + delivery.ID)
			return nil
		}
		keeps, drops := group("keeps", leave), group("drops", leave)
		keeps.KeepResults = true
		b.run(nil, keeps, drops)
		id := b.add("event", "E", "event_id", "7")
		b.wantOutcomes("keeps", id, "acked")
		b.wantOutcomes("drops", id, "acked")
		status, err := b.client.Event(b.Context(), id)
		if err != nil {
			b.Fatal(err)
		}
		for _, in := range status.Groups {
			if want := map[string]string{"keeps": "booked as 7"}[in.Group]; in.Result != want {
				b.Errorf("result in %s: got %q, want %q", in.Group, in.Result, want)
			}
		}
		life := b.client.Redis().PTTL(b.Context(), b.client.Keys().Result("keeps", id)).Val()
		if life < 23*time.Hour || life > consumers.DefaultKeepResults {
			b.Errorf("the result is kept for %v, want 24h", life)
		}
	})
}

func TestEmitIsValidated(t *testing.T) {
	t.Parallel()
	options := group("g", succeed)
	options.Emit.Acked = "two\nlines"
	if err := options.Validate(); err == nil || !strings.Contains(err.Error(), `group "g": emit acked`) {
		t.Errorf("got %v, want the field and the group", err)
	}
}
