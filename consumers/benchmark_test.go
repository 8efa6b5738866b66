package consumers_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// mostAllocations and mostBytes are what a delivery may cost from its read to its ack, not counting the handler's own.
// Those for a batch are shared by its deliveries, so a single one more for each shows.
const (
	mostAllocations = 0.6
	mostBytes       = 600
)

// TestAllocationsPerDelivery counts what a delivery costs on the way of a success, with every part of a group at work. It does
// not run beside other tests, whose allocations it would count.
func TestAllocationsPerDelivery(t *testing.T) {
	const events = 100_000
	server := redistest.Start(t)
	fill(t, server.URL(), events)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	drain(t, server.URL(), events, nil)
	runtime.ReadMemStats(&after)
	got := float64(after.Mallocs-before.Mallocs) / events
	bytes := float64(after.TotalAlloc-before.TotalAlloc) / events
	if got > mostAllocations || bytes > mostBytes {
		t.Errorf("%.2f allocations and %.0f bytes for each delivery, want at most %v and %v",
			got, bytes, mostAllocations, mostBytes)
	}
}

// BenchmarkDrain takes stored events all the way from the read to their outcome.
func BenchmarkDrain(b *testing.B) {
	refused := consumers.Permanent(errors.New("there is no such order"))
	for name, handled := range map[string]struct {
		options consumers.GroupOptions
		result  error
	}{
		"acked":                  {},
		"acked_followed":         {options: consumers.GroupOptions{Emit: stream.Emit{Acked: "INVENTORY_RESERVED"}}},
		"acked_with_results":     {options: consumers.GroupOptions{KeepResults: true}},
		"dead_lettered":          {result: refused},
		"dead_lettered_followed": {options: consumers.GroupOptions{Emit: stream.Emit{DeadLettered: "INVENTORY_FAILED"}}, result: refused},
	} {
		b.Run(name, func(b *testing.B) {
			server := redistest.Start(b)
			fill(b, server.URL(), b.N)
			b.ReportAllocs()
			b.ResetTimer()
			drainAs(b, server.URL(), b.N, handled.options, handled.result)
		})
	}
}

// fill stores order events as a producer would.
func fill(t testing.TB, url string, events int) {
	t.Helper()
	fillWith(t, url, events, `{"order_id":%d,"customer_id":4711,"items":[{"sku":"A-1","quantity":2}],"total":"129.90"}`)
}

// fillWith stores events with this data, in which %d is the event's number.
func fillWith(t testing.TB, url string, events int, data string) {
	t.Helper()
	client := openRedis(t, url)
	for stored := 0; stored < events; {
		pipe := client.Pipeline()
		for range min(1000, events-stored) {
			stored++
			pipe.Do(t.Context(), "XADD", "event_stream", "*", "event", "NEW_ORDER_RECEIVED",
				"data", strings.Replace(data, "%d", strconv.Itoa(stored), 1),
				"event_id", fmt.Sprintf("0198c2f0-0000-7000-8000-%012d", stored), "timestamp", "2026-11-21T05:00:00Z",
				"aggregate_id", stored)
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func openRedis(t testing.TB, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// drain handles events until all of them are settled; the handler returns result.
func drain(t testing.TB, url string, events int, result error) {
	t.Helper()
	drainAs(t, url, events, consumers.GroupOptions{}, result)
}

// drainAs is drain with other options than the defaults.
func drainAs(t testing.TB, url string, events int, options consumers.GroupOptions, result error) {
	t.Helper()
	var handled atomic.Int64
	runGroupAs(t, url, options, func(_ context.Context, delivery *consumers.Delivery, stop func()) error {
		if options.KeepResults {
			delivery.Result = []byte("booked")
		}
		if delivery.AggregateID == "" {
			t.Errorf("entry %v arrived without its order", delivery.EntryID)
		}
		if handled.Add(1) == int64(events) {
			stop()
		}
		return result
	})
	summary, err := openRedis(t, url).XPending(t.Context(), "event_stream", "g").Result()
	if err != nil || summary.Count != 0 || handled.Load() != int64(events) {
		t.Errorf("%d of %d events were handled, and %d are pending (%v)", handled.Load(), events, summary.Count, err)
	}
}

// runGroup runs the group g, with the defaults of everything, until handle has called stop and all is settled.
func runGroup(t testing.TB, url string, handle func(ctx context.Context, delivery *consumers.Delivery, stop func()) error) {
	t.Helper()
	runGroupAs(t, url, consumers.GroupOptions{}, handle)
}

// runGroupAs is runGroup with other options than the defaults.
func runGroupAs(t testing.TB, url string, options consumers.GroupOptions,
	handle func(ctx context.Context, delivery *consumers.Delivery, stop func()) error,
) {
	t.Helper()
	client, err := stream.Open(stream.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	running, stop := context.WithCancel(t.Context())
	defer stop()
	options.Name, options.Events = "g", []string{"NEW_ORDER_RECEIVED"}
	options.Handler = consumers.HandlerFunc(func(ctx context.Context, delivery *consumers.Delivery) error {
		return handle(ctx, delivery, stop)
	})
	set, err := consumers.NewSet(client, consumers.Options{}, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Run(running); err != nil {
		t.Fatal(err)
	}
}
