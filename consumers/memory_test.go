package consumers_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

const (
	mebibyte   = 1 << 20
	largeEvent = 5 * mebibyte
	// mostLive is what a group with large events may keep in memory: its part, one event beyond that, the one that is being
	// read, in pieces of twice its size, what a sweep brought and is being copied, and what this test needs itself.
	mostLive = consumers.DefaultHeldBytes + 7*largeEvent
)

// TestMemoryOfLargeEvents handles events that are far too large to be handled all at once. It does not run beside other
// tests, whose memory it would count.
func TestMemoryOfLargeEvents(t *testing.T) {
	for _, test := range []struct{ workers, small, large int }{
		{workers: 16, large: 40},
		{workers: 64, large: 60},
		{workers: 64, small: 10_000, large: 60},
	} {
		t.Run(fmt.Sprintf("%d small and %d large, %d workers", test.small, test.large, test.workers), func(t *testing.T) {
			server := redistest.Start(t)
			fill(t, server.URL(), test.small)
			fillLarge(t, server.URL(), test.large)
			most := watchLive(t)
			handled := handleLarge(t, server.URL(), test.workers, int64(test.small+test.large))
			if live := most(); live > mostLive {
				t.Errorf("up to %d MB were in use at once, want at most %d MB", live>>20, mostLive>>20)
			}
			if handled.large != int64(test.large) || handled.small != int64(test.small) {
				t.Errorf("handled: got %+v, want %d small and %d large events", handled, test.small, test.large)
			}
			if test.large > 0 && handled.together < 2 {
				t.Error("large events were handled one after the other, although several fit")
			}
		})
	}
}

// fillLarge stores large events.
func fillLarge(t *testing.T, url string, events int) {
	t.Helper()
	client, data := openRedis(t, url), strings.Repeat("x", largeEvent-1000)
	for range events {
		err := client.XAdd(t.Context(), &redis.XAddArgs{
			Stream: stream.DefaultName, Values: []any{"event", "NEW_ORDER_RECEIVED", "data", data, "aggregate_id", "large"},
		}).Err()
		if err != nil {
			t.Fatal(err)
		}
	}
}

type handledEvents struct{ small, large, together int64 }

// handleLarge handles so many events, each large one for a moment.
func handleLarge(t *testing.T, url string, workers int, events int64) handledEvents {
	t.Helper()
	var small, large, running, together atomic.Int64
	runGroupAs(t, url, consumers.GroupOptions{Concurrency: workers, MaxEventBytes: 8 * mebibyte},
		func(_ context.Context, delivery *consumers.Delivery, stop func()) error {
			if len(delivery.Data) < mebibyte {
				small.Add(1)
			} else {
				now := running.Add(1)
				for most := together.Load(); now > most && !together.CompareAndSwap(most, now); most = together.Load() {
				}
				time.Sleep(5 * time.Millisecond)
				running.Add(-1)
				large.Add(1)
			}
			if small.Load()+large.Load() == events {
				stop()
			}
			return nil
		})
	return handledEvents{small.Load(), large.Load(), together.Load()}
}

// watchLive watches how much memory the garbage collector finds in use. most ends that, and returns the most there was.
func watchLive(t *testing.T) (most func() uint64) {
	t.Helper()
	runtime.GC()
	watching, stop := context.WithCancel(t.Context())
	result := make(chan uint64, 1)
	go func() {
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		var most uint64
		for watching.Err() == nil {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			time.Sleep(time.Millisecond)
		}
		result <- most
	}()
	return func() uint64 { stop(); return <-result }
}

// TestMemoryOfLostReplies takes up large events that Redis has handed to the consumer in a reply that it never got.
func TestMemoryOfLostReplies(t *testing.T) {
	const events = 30
	server := redistest.Start(t)
	client := openRedis(t, server.URL())
	addOne(t, client)
	var handled atomic.Int64
	stop := startGroups(t, server.URL(), consumers.GroupOptions{
		Name: "g", Events: []string{"*"}, MaxEventBytes: 8 * mebibyte,
		Handler: consumers.HandlerFunc(func(context.Context, *consumers.Delivery) error {
			handled.Add(1)
			return nil
		}),
	})
	defer stop()
	until(t, "the group reads", func() bool { return handled.Load() == 1 })
	handOver(t, client, events)
	most := watchLive(t)
	if err := client.ClientKillByFilter(t.Context(), "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	until(t, "everything is handled", func() bool { return handled.Load() >= 1+events })
	if live := most(); live > mostLive {
		t.Errorf("up to %d MB were in use at once, want at most %d MB", live>>20, mostLive>>20)
	}
}

// handOver adds large events and hands each to the consumer of group g in one step, without a word to it.
func handOver(t *testing.T, client *redis.Client, events int) {
	t.Helper()
	of, err := client.XInfoConsumers(t.Context(), stream.DefaultName, "g").Result()
	if err != nil || len(of) == 0 {
		t.Fatalf("XINFO CONSUMERS: %+v, %v", of, err)
	}
	name := of[slices.IndexFunc(of, func(one redis.XInfoConsumer) bool { return one.Name != "waiting" })].Name
	script := `redis.call('XADD', KEYS[1], '*', 'event', 'LARGE', 'data', string.rep('x', ARGV[2]))
		redis.call('XREADGROUP', 'GROUP', 'g', ARGV[1], 'COUNT', 1, 'STREAMS', KEYS[1], '>')`
	for range events {
		err := client.Eval(t.Context(), script, []string{stream.DefaultName}, name, largeEvent).Err()
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
	}
}
