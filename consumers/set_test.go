package consumers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// bench is one stream and the results of the groups that run on it.
type bench struct {
	*testing.T
	url    string
	client *stream.Client

	mu      sync.Mutex
	results []consumers.Result
}

func newBench(t *testing.T, url string) *bench {
	t.Helper()
	b := &bench{T: t, url: url}
	b.client = b.open()
	return b
}

func (b *bench) open() *stream.Client {
	b.Helper()
	client, err := stream.Open(stream.Options{URL: b.url})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Close() })
	return client
}

func onEach(t *testing.T, run func(b *bench)) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, url string) {
		t.Parallel()
		run(newBench(t, url))
	})
}

func onReal(t *testing.T, run func(b *bench, server *redistest.Server)) {
	t.Parallel()
	server := redistest.Start(t)
	run(newBench(t, server.URL()), server)
}

// launched is a Set that runs as it would in a process of its own.
type launched struct {
	*consumers.Set
	stop func() // tells it to stop and waits until it has; done once, and at the end of the test
}

// launch starts a Set, whether it gets ready or not.
func (b *bench) launch(change func(*consumers.Options), groups ...consumers.GroupOptions) launched {
	b.Helper()
	options := consumers.Options{
		Consumer: "test", Lease: time.Second, Grace: 5 * time.Second,
		Logger: zaptest.NewLogger(b), Observe: b.observe,
	}
	if change != nil {
		change(&options)
	}
	set, err := consumers.NewSet(b.open(), options, groups...)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := set.Run(ctx); err != nil {
			b.Errorf("Run: got %v, want nil", err)
		}
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			b.Error("Run did not return within 30s")
		}
	})
	b.Cleanup(stop)
	return launched{Set: set, stop: stop}
}

// run launches a Set, waits until it is ready, and returns what stops it and waits.
func (b *bench) run(change func(*consumers.Options), groups ...consumers.GroupOptions) (stop func()) {
	b.Helper()
	set := b.launch(change, groups...)
	b.untilReady(set)
	return set.stop
}

func (b *bench) untilReady(set launched) {
	b.Helper()
	b.until("the set is ready", func() bool { return set.Ready() == nil })
}

func (b *bench) observe(result consumers.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.results = append(b.results, result)
}

// outcomes lists what came of an entry in a group, in order.
func (b *bench) outcomes(group string, id stream.ID) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, result := range b.results {
		if result.Group == group && result.EntryID == id {
			all = append(all, fmt.Sprint(result.Outcome))
		}
	}
	return strings.Join(all, " ")
}

func (b *bench) until(what string, holds func() bool) {
	b.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			b.Fatalf("waited 20s until %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (b *bench) wantOutcomes(group string, id stream.ID, want string) {
	b.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for b.outcomes(group, id) != want && time.Now().Before(deadline) {
		time.Sleep(2 * time.Millisecond)
	}
	if got := b.outcomes(group, id); got != want {
		b.Fatalf("outcomes of %v in %s: got %q, want %q", id, group, got, want)
	}
}

func (b *bench) add(fields ...string) stream.ID {
	b.Helper()
	args := []any{"XADD", "event_stream", "*"}
	for _, field := range fields {
		args = append(args, field)
	}
	text, err := b.client.Redis().Do(b.Context(), args...).Text()
	if err != nil {
		b.Fatal(err)
	}
	id, err := stream.ParseID(text)
	if err != nil {
		b.Fatal(err)
	}
	return id
}

func (b *bench) dead(group string) []stream.DeadLetter {
	b.Helper()
	letters, err := b.client.DeadLetters(b.Context(), group, stream.ID{}, 1000)
	if err != nil {
		b.Fatal(err)
	}
	return letters
}

// consumersLeft names the consumers of a group that are left beside `waiting`.
func (b *bench) consumersLeft(group string) []string {
	b.Helper()
	var names []string
	for _, info := range b.client.Redis().XInfoConsumers(b.Context(), "event_stream", group).Val() {
		if info.Name != stream.Waiting {
			names = append(names, info.Name)
		}
	}
	return names
}

func handler(handle func(ctx context.Context, delivery *consumers.Delivery) error) consumers.Handler {
	return consumers.HandlerFunc(handle)
}

func succeed(context.Context, *consumers.Delivery) error { return nil }

// group is one that subscribes to everything and retries quickly.
func group(name string, handle func(context.Context, *consumers.Delivery) error) consumers.GroupOptions {
	return consumers.GroupOptions{
		Name: name, Handler: handler(handle), Events: []string{"*"},
		Backoff: claim.Backoff{Min: 20 * time.Millisecond, Max: 100 * time.Millisecond},
	}
}

func TestEveryGroupHandlesEveryEvent(t *testing.T) {
	onEach(t, func(b *bench) {
		first := b.add("event", "ORDER", "data", `{"order_id":1}`, "event_id", "o-1")
		got := make(chan consumers.Delivery, 10)
		stop := b.run(nil, group("one", func(_ context.Context, d *consumers.Delivery) error {
			got <- *d
			return nil
		}), group("two", succeed))
		b.wantOutcomes("one", first, "acked")
		b.wantOutcomes("two", first, "acked")
		if d := <-got; d.Name != "ORDER" || string(d.Data) != `{"order_id":1}` || d.ID != "o-1" || d.EntryID != first ||
			d.Deliveries != 1 || d.Group != "one" {
			t.Errorf("delivery: got %+v", d)
		}
		second := b.add("event", "ORDER")
		b.wantOutcomes("one", second, "acked")
		stop()
		for _, name := range []string{"one", "two"} {
			if left := b.consumersLeft(name); len(left) > 0 {
				t.Errorf("consumers of %s after the stop: got %v, want none", name, left)
			}
		}
	})
}

func TestVerdicts(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name    string
		handle  func(ctx context.Context, d *consumers.Delivery) error
		want    string
		reason  string // of the dead letter
		message string // in its error
	}{
		{"error once", func(_ context.Context, d *consumers.Delivery) error {
			if d.Deliveries == 1 {
				return boom
			}
			return nil
		}, "retried acked", "", ""},
		{
			"error always", func(context.Context, *consumers.Delivery) error { return boom },
			"retried retried dead_lettered", stream.DeadMaxDeliveries, "boom",
		},
		{"permanent", func(context.Context, *consumers.Delivery) error {
			return fmt.Errorf("bad order: %w", consumers.Permanent(boom))
		}, "dead_lettered", stream.DeadPermanent, "bad order: boom"},
		{"retry after", func(_ context.Context, d *consumers.Delivery) error {
			if d.Deliveries == 1 {
				return consumers.RetryAfter(time.Millisecond, boom)
			}
			return nil
		}, "retried acked", "", ""},
		{
			"panic", func(context.Context, *consumers.Delivery) error { panic("at the disco") },
			"retried retried dead_lettered", stream.DeadMaxDeliveries, "TestVerdicts",
		},
		{"timeout", func(ctx context.Context, _ *consumers.Delivery) error {
			<-ctx.Done()
			return ctx.Err()
		}, "retried retried dead_lettered", stream.DeadMaxDeliveries, "timeout has passed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onEach(t, func(b *bench) {
				options := group("g", test.handle)
				options.MaxDeliveries, options.Timeout = 3, 50*time.Millisecond
				b.run(nil, options, group("other", succeed))
				id := b.add("event", "ORDER", "data", "\xff\x00", "event_id", "o-1")
				b.wantOutcomes("g", id, test.want)
				b.wantOutcomes("other", id, "acked")
				letters := b.dead("g")
				if test.reason == "" {
					if len(letters) > 0 {
						t.Errorf("dead letters: got %+v, want none", letters)
					}
					return
				}
				if len(letters) != 1 || letters[0].Reason != test.reason || !strings.Contains(letters[0].Error, test.message) ||
					letters[0].EventID != "o-1" || letters[0].EntryID != id {
					t.Errorf("dead letters: got %+v, want one for %s with %q", letters, test.reason, test.message)
				}
			})
		})
	}
}

func TestWhatIsForWhom(t *testing.T) {
	onEach(t, func(b *bench) {
		orders, users := group("orders", succeed), group("users", succeed)
		orders.Events, users.Events = []string{"order.*"}, []string{"user.created"}
		orders.MaxEventBytes = 1000
		b.run(nil, orders, users)
		tests := []struct {
			fields        []string
			orders, users string
			reason        string
		}{
			{[]string{"event", "order.paid"}, "acked", "", ""},
			{[]string{"event", "user.created"}, "", "acked", ""},
			{[]string{"event", "order.paid", "to", "users"}, "", "acked", ""},
			{[]string{"event", "order.paid", "to", "nobody"}, "", "", ""},
			{[]string{"foo", "bar"}, "dead_lettered", "dead_lettered", stream.DeadUndecodable},
			{[]string{"foo", "bar", "to", "orders"}, "dead_lettered", "", stream.DeadUndecodable},
			{[]string{"event", "order.paid", "data", strings.Repeat("x", 5<<20)}, "dead_lettered", "", stream.DeadTooLarge},
			{[]string{"event", "order.paid", "data", "Array"}, "dead_lettered", "", stream.DeadDataDestroyed},
		}
		for _, test := range tests {
			id := b.add(test.fields...)
			after := b.add("event", "order.paid")
			b.wantOutcomes("orders", after, "acked")
			b.wantOutcomes("orders", id, test.orders)
			b.wantOutcomes("users", id, test.users)
		}
		b.until("nothing is pending", func() bool {
			return b.client.Redis().XPending(b.Context(), "event_stream", "orders").Val().Count == 0
		})
	})
}

func TestDedupeSkipsTheTwin(t *testing.T) {
	onEach(t, func(b *bench) {
		var handled atomic.Int32
		release := make(chan struct{})
		options := group("g", func(context.Context, *consumers.Delivery) error {
			handled.Add(1)
			<-release
			return nil
		})
		options.Dedupe = time.Hour
		b.run(nil, options)
		first := b.add("event", "ORDER", "event_id", "1")
		second := b.add("event", "ORDER", "event_id", "1")
		other := b.add("event", "ORDER", "event_id", "2")
		b.until("the other one runs too", func() bool { return handled.Load() == 2 })
		close(release)
		b.wantOutcomes("g", first, "acked")
		b.wantOutcomes("g", other, "acked")
		b.wantOutcomes("g", second, "skipped")
		if n := handled.Load(); n != 2 {
			t.Errorf("handled %d times, want 2", n)
		}
	})
}

func TestHandlerOutlivesItsLease(t *testing.T) {
	onEach(t, func(b *bench) {
		var starts atomic.Int32
		slow := group("g", func(ctx context.Context, _ *consumers.Delivery) error {
			starts.Add(1)
			select {
			case <-time.After(1500 * time.Millisecond): // five leases of the work
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		lease := func(o *consumers.Options) { o.Lease = 300 * time.Millisecond }
		b.run(lease, slow)
		b.run(lease, slow)
		id := b.add("event", "ORDER")
		b.wantOutcomes("g", id, "acked")
		if n := starts.Load(); n != 1 {
			t.Errorf("started %d times, want once", n)
		}
	})
}

func TestStopHandsBackWhatWasNotStarted(t *testing.T) {
	onEach(t, func(b *bench) {
		started := make(chan struct{}, 10)
		options := group("g", func(ctx context.Context, _ *consumers.Delivery) error {
			started <- struct{}{}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		options.Concurrency = 2
		stop := b.run(func(o *consumers.Options) { o.Grace = 50 * time.Millisecond }, options)
		for range 5 {
			b.add("event", "ORDER")
		}
		<-started
		<-started
		stop()
		pending, err := b.client.Pending(b.Context(), "g", stream.ID{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range pending {
			if entry.Consumer != stream.Waiting || entry.Deliveries != 1 || entry.Error == "" ||
				entry.Reason != stream.RetryShutdown {
				t.Errorf("pending: got %+v, want a cut handling under waiting", entry)
			}
		}
		if len(pending) != 2 {
			t.Errorf("pending: got %d entries, want the 2 that were started", len(pending))
		}
		if left := b.consumersLeft("g"); len(left) > 0 {
			t.Errorf("consumers: got %v, want none", left)
		}
	})
}

func TestLostLeaseEndsTheHandler(t *testing.T) {
	onEach(t, func(b *bench) {
		causes := make(chan error, 1)
		started := make(chan struct{}, 1)
		b.run(nil, group("g", func(ctx context.Context, _ *consumers.Delivery) error {
			started <- struct{}{}
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return ctx.Err()
		}))
		id := b.add("event", "ORDER")
		<-started
		b.client.Redis().Do(b.Context(), "XCLAIM", "event_stream", "g", "thief", 0, id.String(), "RETRYCOUNT", 1, "JUSTID")
		if cause := <-causes; !errors.Is(cause, consumers.ErrLeaseLost) {
			t.Errorf("cause: got %v, want ErrLeaseLost", cause)
		}
		b.wantOutcomes("g", id, "lost")
		pending, _ := b.client.Pending(b.Context(), "g", stream.ID{}, 10)
		if len(pending) != 1 || pending[0].Consumer != "thief" {
			t.Errorf("pending: got %+v, want it with the thief", pending)
		}
	})
}

func TestSurvivesAdministrators(t *testing.T) {
	onReal(t, func(b *bench, server *redistest.Server) {
		b.run(nil, group("g", succeed))
		redis := server.Client()
		for name, harm := range map[string]func(){
			"FLUSHALL":       func() { redis.FlushAll(b.Context()) },
			"XGROUP DESTROY": func() { redis.XGroupDestroy(b.Context(), "event_stream", "g") },
			"DEL":            func() { redis.Del(b.Context(), "event_stream") },
			"SCRIPT FLUSH":   func() { redis.ScriptFlush(b.Context()) },
			"restart":        func() { server.Kill(); server.Restart() },
			"CLIENT KILL":    func() { redis.Do(b.Context(), "CLIENT", "KILL", "TYPE", "normal") },
		} {
			harm()
			id := b.add("event", "ORDER", "harm", name)
			b.wantOutcomes("g", id, "acked")
		}
	})
}

func TestWorksOnACluster(t *testing.T) {
	t.Parallel()
	b := newBench(t, redistest.ClusterURL(redistest.StartCluster(t)))
	flaky := group("flaky", func(_ context.Context, d *consumers.Delivery) error {
		switch {
		case d.Name == "POISON":
			return consumers.Permanent(errors.New("poison"))
		case d.Deliveries == 1:
			return errors.New("once")
		default:
			return nil
		}
	})
	deduped := group("deduped", succeed)
	deduped.Dedupe, deduped.KeepResults = time.Hour, true
	deduped.Events, flaky.Events = []string{"ORDER", "POISON"}, []string{"ORDER", "POISON"}
	deduped.Emit, flaky.Emit = stream.Emit{Acked: "DONE"}, stream.Emit{DeadLettered: "FAILED"}
	stop := b.run(nil, flaky, deduped)
	good := b.add("event", "ORDER", "event_id", "1")
	twin := b.add("event", "ORDER", "event_id", "1")
	bad := b.add("event", "POISON")
	b.wantOutcomes("flaky", good, "retried acked")
	b.wantOutcomes("flaky", bad, "dead_lettered")
	b.wantOutcomes("deduped", good, "acked")
	b.wantOutcomes("deduped", twin, "skipped")
	b.untilFollowUps("DONE of "+good.String(), "DONE of "+bad.String(), "FAILED of "+bad.String())
	stop()
	if left := append(b.consumersLeft("flaky"), b.consumersLeft("deduped")...); len(left) > 0 {
		t.Errorf("consumers after the stop: got %v, want none", left)
	}
}

func TestSurplusOfALongReachGoesBack(t *testing.T) {
	onEach(t, func(b *bench) {
		for range 1000 {
			b.add("event", "OTHER")
		}
		handled := make(chan int, 100)
		rare := group("rare", func(_ context.Context, d *consumers.Delivery) error {
			handled <- d.Deliveries
			time.Sleep(10 * time.Millisecond)
			return nil
		})
		rare.Events, rare.Concurrency = []string{"RARE"}, 1
		b.run(nil, rare)
		b.until("all that is for others is passed by", func() bool {
			groups, err := b.client.Groups(b.Context())
			return err == nil && groups[0].Lag == 0 && groups[0].Pending == 0
		})
		pipe := b.client.Redis().Pipeline()
		for range 10 {
			pipe.Do(b.Context(), "XADD", "event_stream", "*", "event", "RARE")
		}
		if _, err := pipe.Exec(b.Context()); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if deliveries := <-handled; deliveries != 1 {
				t.Errorf("handled at delivery %d, want 1: what was handed back is not counted", deliveries)
			}
		}
	})
}
