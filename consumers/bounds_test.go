package consumers_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// What is here takes long with the sizes that matter, so each measurement is a benchmark that is told its size, and a test of a
// smaller one:
//
//	go test ./consumers -run '^$' -bench 'Reconnects' -benchtime 1000x
//	go test ./consumers -run '^$' -bench 'StuckHandler|WaitingForRetry' -benchtime 100000x
//
// They do not run beside other tests, whose memory, goroutines and descriptors they would count.

// flatBytes is how much more memory may be in use when something has gone on for long.
const flatBytes = 4 * mebibyte

func TestReconnects(t *testing.T) { reconnect(t, 20) }

// BenchmarkReconnects loses every connection to Redis b.N times.
func BenchmarkReconnects(b *testing.B) { reconnect(b, b.N) }

// reconnect cuts all connections, so many times, each time after reading has resumed. What was open and running before
// must be so afterwards, but for a connection or two that the pool has more.
func reconnect(tb testing.TB, times int) {
	const slack = 3
	server := redistest.Start(tb)
	redis := openRedis(tb, server.URL())
	handled := make(chan struct{}, 100)
	stop := startGroups(tb, server.URL(), consumers.GroupOptions{
		Name: "g", Events: []string{"*"},
		Handler: consumers.HandlerFunc(func(context.Context, *consumers.Delivery) error {
			handled <- struct{}{}
			return nil
		}),
	})
	defer stop()
	cut := func() {
		if err := redis.ClientKillByFilter(tb.Context(), "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
			tb.Fatal(err)
		}
		addOne(tb, redis)
		select {
		case <-handled:
		case <-time.After(30 * time.Second):
			tb.Fatal("reading has not resumed within 30 s")
		}
	}
	cut()
	cut()
	goroutines, descriptors := runtime.NumGoroutine(), openDescriptors(tb)
	for range times {
		cut()
	}
	deadline := time.Now().Add(20 * time.Second)
	for runtime.NumGoroutine() > goroutines+slack || openDescriptors(tb) > descriptors+slack {
		if time.Now().After(deadline) {
			tb.Fatalf("after %d reconnects there are %d goroutines and %d descriptors, want those from before, %d and %d, and %d more at most",
				times, runtime.NumGoroutine(), openDescriptors(tb), goroutines, descriptors, slack)
		}
		time.Sleep(10 * time.Millisecond)
	}
	report(tb, map[string]float64{
		"goroutines-before": float64(goroutines), "goroutines": float64(runtime.NumGoroutine()),
		"descriptors-before": float64(descriptors), "descriptors": float64(openDescriptors(tb)),
	})
}

func TestMemoryWithAStuckHandler(t *testing.T) { stuckHandler(t, 5000) }

// BenchmarkStuckHandler measures with b.N events behind a handler that never returns.
func BenchmarkStuckHandler(b *testing.B) { stuckHandler(b, b.N) }

// stuckHandler has one group whose only handler ignores the end of its context, with so many events behind it, and another
// that goes on.
func stuckHandler(tb testing.TB, events int) {
	server := redistest.Start(tb)
	fill(tb, server.URL(), events)
	var before atomic.Uint64
	var handled atomic.Int64
	forever, started, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	start := sync.OnceFunc(func() { close(started) })
	stop := startGroups(tb, server.URL(),
		consumers.GroupOptions{
			Name: "stuck", Events: []string{"*"}, Concurrency: 1, Timeout: 10 * time.Millisecond,
			Handler: consumers.HandlerFunc(func(context.Context, *consumers.Delivery) error {
				start()
				<-forever
				return nil
			}),
		},
		consumers.GroupOptions{
			Name: "g", Events: []string{"*"},
			Handler: consumers.HandlerFunc(func(context.Context, *consumers.Delivery) error {
				<-started
				now := handled.Add(1)
				if now == int64(min(1000, events)) {
					before.Store(live())
				}
				if now == int64(events) {
					close(done)
				}
				return nil
			}),
		})
	defer stop()
	defer close(forever)
	wait(tb, "the other group has handled everything", done)
	redis := openRedis(tb, server.URL())
	until(tb, "the stuck handler has been abandoned", func() bool { return ownedBy(tb, redis, "stuck", "waiting") > 0 })
	wantFlat(tb, before.Load(), live(), map[string]float64{})
}

func TestMemoryWithManyWaitingForRetry(t *testing.T) { waitingForRetry(t, 3000) }

// BenchmarkWaitingForRetry measures with b.N events that have failed once.
func BenchmarkWaitingForRetry(b *testing.B) { waitingForRetry(b, b.N) }

// waitingForRetry fails so many events, which then wait for hours, and sees how long new ones take.
func waitingForRetry(tb testing.TB, events int) {
	server := redistest.Start(tb)
	redis := openRedis(tb, server.URL())
	fill(tb, server.URL(), events)
	stored := usedMemory(tb, redis)
	var before atomic.Uint64
	var failed atomic.Int64
	arrived := make(chan time.Time, 1)
	stop := startGroups(tb, server.URL(), consumers.GroupOptions{
		Name: "g", Events: []string{"*"}, Backoff: claim.Backoff{Min: 20_000 * time.Hour, Max: 20_000 * time.Hour},
		Handler: consumers.HandlerFunc(func(_ context.Context, delivery *consumers.Delivery) error {
			if delivery.Name == "NEW" {
				arrived <- time.Now()
				return nil
			}
			if failed.Add(1) == int64(min(1000, events)) {
				before.Store(live())
			}
			return errors.New("not yet")
		}),
	})
	defer stop()
	until(tb, "every event waits for its retry", func() bool { return ownedBy(tb, redis, "g", "waiting") == int64(events) })
	waiting := usedMemory(tb, redis)
	took := make([]time.Duration, 100)
	for i := range took {
		added := time.Now()
		addOne(tb, redis)
		took[i] = (<-arrived).Sub(added)
	}
	slices.Sort(took)
	if median := took[len(took)/2]; median > 100*time.Millisecond {
		tb.Errorf("a new event took %v beside %d that wait, want it handled at once", median, events)
	}
	wantFlat(tb, before.Load(), live(), map[string]float64{
		"ms-new-median": took[len(took)/2].Seconds() * 1000, "ms-new-slowest": took[len(took)-1].Seconds() * 1000,
		"redis-bytes/event": stored / float64(events), "redis-bytes-more/waiting": (waiting - stored) / float64(events),
	})
}

// startGroups runs groups; stop ends them and waits, and must be called.
func startGroups(tb testing.TB, url string, groups ...consumers.GroupOptions) (stop func()) {
	tb.Helper()
	client, err := stream.Open(stream.Options{URL: url})
	if err != nil {
		tb.Fatal(err)
	}
	set, err := consumers.NewSet(client, consumers.Options{Grace: shortGrace}, groups...)
	if err != nil {
		tb.Fatal(err)
	}
	running, end := context.WithCancel(tb.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = set.Run(running) // it returns nil
	}()
	return func() { end(); <-done; _ = client.Close() }
}

func addOne(tb testing.TB, client *redis.Client) {
	tb.Helper()
	if err := client.Do(tb.Context(), "XADD", "event_stream", "*", "event", "NEW").Err(); err != nil {
		tb.Fatal(err)
	}
}

// ownedBy counts what is pending in a group under a consumer's name.
func ownedBy(tb testing.TB, client *redis.Client, group, consumer string) int64 {
	tb.Helper()
	summary, err := client.XPending(tb.Context(), "event_stream", group).Result()
	if err != nil {
		return 0 // the group is not there yet
	}
	return summary.Consumers[consumer]
}

func usedMemory(tb testing.TB, client *redis.Client) float64 {
	tb.Helper()
	info, err := client.Info(tb.Context(), "memory").Result()
	if err != nil {
		tb.Fatal(err)
	}
	_, rest, _ := strings.Cut(info, "used_memory:")
	text, _, _ := strings.Cut(rest, "\r\n")
	used, err := strconv.ParseFloat(text, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return used
}

func openDescriptors(tb testing.TB) int {
	tb.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, os.ErrNotExist) {
		return 0 // not Linux
	}
	if err != nil {
		tb.Fatal(err)
	}
	return len(entries)
}

// live is how much memory is in use, after the garbage has been collected.
func live() uint64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func wantFlat(tb testing.TB, before, after uint64, figures map[string]float64) {
	tb.Helper()
	if after > before+flatBytes {
		tb.Errorf("%d bytes are in use, want at most %d more than the %d before", after, flatBytes, before)
	}
	figures["MB-live-before"], figures["MB-live"] = float64(before)/1e6, float64(after)/1e6
	report(tb, figures)
}

// report adds figures to what a benchmark prints, or to the log of a test.
func report(tb testing.TB, figures map[string]float64) {
	if b, isBenchmark := tb.(*testing.B); isBenchmark {
		for unit, figure := range figures {
			b.ReportMetric(figure, unit)
		}
		return
	}
	tb.Log(figures)
}

func wait(tb testing.TB, what string, done <-chan struct{}) {
	tb.Helper()
	until(tb, what, func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
}

func until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Minute); !holds(); {
		if time.Now().After(deadline) {
			tb.Fatalf("waited 10 min until %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
