package consumers_test

import (
	"context"
	"errors"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

const (
	shortGrace = 200 * time.Millisecond
	// stopLimit is what the documentation of a stop promises, and a moment for a busy machine.
	stopLimit = shortGrace + 8*time.Second + 500*time.Millisecond
)

// inTrouble gives a Set a short grace and a log that the test can read, and that is shown where the test fails.
func (b *bench) inTrouble() (change func(*consumers.Options), log *observer.ObservedLogs) {
	core, log := observer.New(zapcore.InfoLevel)
	b.Cleanup(func() {
		for _, line := range log.All() {
			if b.Failed() {
				b.Log(line.Level, line.Message, line.ContextMap())
			}
		}
	})
	return func(o *consumers.Options) { o.Grace, o.Logger = shortGrace, zap.New(core) }, log
}

func (b *bench) untilNotReady(set launched, why string) {
	b.Helper()
	b.until("readiness says "+why, func() bool {
		err := set.Ready()
		return err != nil && strings.Contains(err.Error(), why)
	})
}

func (b *bench) wantStopInTime(set launched) {
	b.Helper()
	began := time.Now()
	set.stop()
	if took := time.Since(began); took > stopLimit {
		b.Errorf("stop: took %v, want at most %v", took, stopLimit)
	}
}

// addMany adds events in one step, in which they are handed to the consumer, unless that is "": a reply that it never got.
func (b *bench) addMany(count int, consumer string) {
	b.Helper()
	pipe := b.client.Redis().TxPipeline()
	for range count {
		pipe.Do(b.Context(), "XADD", "event_stream", "*", "event", "ORDER")
	}
	if consumer != "" {
		pipe.Do(b.Context(), "XREADGROUP", "GROUP", "g", consumer, "STREAMS", "event_stream", ">")
	}
	if _, err := pipe.Exec(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// pending counts what group g has been handed and has not acked.
func (b *bench) pending() int64 {
	b.Helper()
	summary, err := b.client.Redis().XPending(b.Context(), "event_stream", "g").Result()
	if err != nil {
		b.Fatal(err)
	}
	return summary.Count
}

// claim moves a pending entry of group g to a consumer, as one whose first delivery nobody has said anything of.
func (b *bench) claim(consumer string, id stream.ID, idle time.Duration) {
	b.Helper()
	err := b.client.Redis().Do(b.Context(), "XCLAIM", "event_stream", "g", consumer, 0, id.String(),
		"IDLE", idle.Milliseconds(), "RETRYCOUNT", 1, "JUSTID").Err()
	if err != nil {
		b.Fatal(err)
	}
}

// addHandedOver makes group g and adds an event that a consumer was handed, of which nothing has been heard for so long.
func (b *bench) addHandedOver(consumer string, idle time.Duration) stream.ID {
	b.Helper()
	if _, err := b.client.EnsureGroups(b.Context(), []stream.GroupSpec{{Name: "g"}}); err != nil {
		b.Fatal(err)
	}
	id := b.add("event", "ORDER")
	b.client.Redis().Do(b.Context(), "XREADGROUP", "GROUP", "g", consumer, "STREAMS", "event_stream", ">")
	b.claim(consumer, id, idle)
	if n := b.pending(); n != 1 {
		b.Fatalf("handed over: got %d entries pending, want 1", n)
	}
	return id
}

func TestStopWithoutRedis(t *testing.T) {
	onReal(t, func(b *bench, server *redistest.Server) {
		started, lost, forever := make(chan struct{}, 3), make(chan struct{}), make(chan struct{})
		defer close(forever)
		change, _ := b.inTrouble()
		set := b.launch(change, group("g", func(_ context.Context, d *consumers.Delivery) error {
			started <- struct{}{}
			<-lost
			switch d.Name {
			case "HANGS":
				<-forever
			case "FAILS":
				return errors.New("boom")
			}
			return nil
		}))
		for _, name := range []string{"HANGS", "FAILS", "SUCCEEDS"} {
			b.add("event", name)
			<-started
		}
		server.Kill()
		close(lost)
		b.wantStopInTime(set)
	})
}

func TestStopWithAFullQueue(t *testing.T) {
	onReal(t, func(b *bench, _ *redistest.Server) {
		var slow atomic.Bool
		var handled atomic.Int32
		options := group("g", func(ctx context.Context, _ *consumers.Delivery) error {
			handled.Add(1)
			if !slow.Load() {
				return nil
			}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		options.Concurrency = 1
		change, _ := b.inTrouble()
		set := b.launch(change, options)
		b.addMany(100, "") // so quickly done that a long queue is worth having
		b.until("all of them are acked", func() bool { return handled.Load() == 100 && b.pending() == 0 })
		slow.Store(true)
		b.addMany(2000, b.consumersLeft("g")[0])
		b.client.Redis().Do(b.Context(), "CLIENT", "KILL", "TYPE", "normal")
		b.until("it has taken up more than it has room for", func() bool { return handled.Load() > 100 })
		b.wantStopInTime(set)
		left, err := b.client.Pending(b.Context(), "g", stream.ID{}, 2000)
		if err != nil {
			t.Fatal(err)
		}
		started := 0
		for _, entry := range left {
			started += entry.Deliveries
			if entry.Consumer != stream.Waiting {
				t.Fatalf("pending: got %+v, want it handed back", entry)
			}
		}
		if started != 1 {
			t.Errorf("deliveries counted: got %d, want that of the one that was started", started)
		}
	})
}

func TestLostEntryComesBack(t *testing.T) {
	onReal(t, func(b *bench, _ *redistest.Server) {
		ended, windDown := make(chan struct{}), make(chan struct{})
		var starts atomic.Int32
		change, _ := b.inTrouble()
		b.run(change, group("g", func(ctx context.Context, _ *consumers.Delivery) error {
			if starts.Add(1) > 1 {
				return nil
			}
			<-ctx.Done()
			close(ended)
			<-windDown
			return context.Cause(ctx)
		}))
		id := b.add("event", "ORDER")
		b.until("it is handled", func() bool { return starts.Load() == 1 })
		own := b.consumersLeft("g")[0]
		b.claim("thief", id, 0)
		<-ended
		b.claim(own, id, 0) // as our own sweep does when the thief has handed it back
		close(windDown)
		b.wantOutcomes("g", id, "lost acked")
	})
}

// TestHandedOverUnnoticed has an entry handed to a consumer that cannot know of it: its read was so late on the way that the
// consumer had given it up, and had looked already for what a lost reply might have brought. Nobody else is there to help.
func TestHandedOverUnnoticed(t *testing.T) {
	onEach(t, func(b *bench) {
		var handled atomic.Int32
		b.run(nil, group("g", func(context.Context, *consumers.Delivery) error {
			handled.Add(1)
			return nil
		}))
		b.add("event", "ORDER")
		b.until("the consumer is known", func() bool { return handled.Load() == 1 })
		b.addMany(1, b.consumersLeft("g")[0])
		b.until("it is handled all the same", func() bool { return handled.Load() == 2 })
	})
}

func TestFullMemoryStopsNoWork(t *testing.T) {
	onReal(t, func(b *bench, server *redistest.Server) {
		options := group("g", func(_ context.Context, d *consumers.Delivery) error {
			if d.Deliveries == 1 {
				return errors.New("boom")
			}
			return nil
		})
		b.run(nil, options)() // the group exists from here on
		id := b.add("event", "ORDER")
		server.CLI("CONFIG", "SET", "maxmemory", "1")
		set := b.launch(nil, options)
		b.wantOutcomes("g", id, "retried acked")
		b.untilNotReady(set, "OOM")
		server.CLI("CONFIG", "SET", "maxmemory", "0")
		b.untilReady(set)
	})
}

func TestDedupeInFullMemory(t *testing.T) {
	onReal(t, func(b *bench, server *redistest.Server) {
		var started atomic.Int32
		full := make(chan struct{})
		options := group("g", func(context.Context, *consumers.Delivery) error {
			started.Add(1)
			<-full
			return nil
		})
		options.Dedupe, options.Concurrency = time.Hour, 4
		change, _ := b.inTrouble()
		set := b.launch(change, options)
		b.addMany(2000, "")
		b.until("every worker is busy", func() bool { return started.Load() == 4 })
		server.CLI("CONFIG", "SET", "maxmemory", "1")
		close(full)
		b.untilNotReady(set, "OOM")
		const window, most = 2 * time.Second, 150
		before := b.calls()
		time.Sleep(window) // the measurement
		if calls := b.calls() - before; calls > most {
			t.Errorf("called Redis %d times in %v, want at most %d", calls, window, most)
		}
		b.wantStopInTime(set)
		if left := b.consumersLeft("g"); len(left) > 0 {
			t.Errorf("consumers after the stop: got %v, want none", left)
		}
	})
}

var readsAndScripts = regexp.MustCompile(`cmdstat_(?:xreadgroup|evalsha):calls=(\d+)`)

// calls is how many reads and scripts the server has been sent (Redis, "INFO", section commandstats).
func (b *bench) calls() int {
	b.Helper()
	info, err := b.client.Redis().Info(b.Context(), "commandstats").Result()
	if err != nil {
		b.Fatal(err)
	}
	sum := 0
	for _, match := range readsAndScripts.FindAllStringSubmatch(info, -1) {
		calls, _ := strconv.Atoi(match[1])
		sum += calls
	}
	return sum
}

func TestRefusedAcksAreHeardOf(t *testing.T) {
	onReal(t, func(b *bench, server *redistest.Server) {
		var handled atomic.Int32
		change, log := b.inTrouble()
		set := b.launch(change, group("g", func(context.Context, *consumers.Delivery) error {
			handled.Add(1)
			return nil
		}))
		b.untilReady(set)
		server.CLI("ACL", "SETUSER", "default", "-xack")
		first := b.add("event", "ORDER")
		b.untilNotReady(set, "NOPERM")
		b.until("the log says it", func() bool { return log.FilterField(zap.String("work", "acking")).Len() > 0 })
		for range 10 {
			before := handled.Load()
			b.add("event", "ORDER")
			b.until("the next event is handled", func() bool { return handled.Load() > before })
			if set.Ready() == nil {
				t.Fatal("ready while acks are refused")
			}
		}
		server.CLI("ACL", "SETUSER", "default", "+xack")
		b.wantOutcomes("g", first, "acked")
		b.untilReady(set)
	})
}

func TestRefusedDeadLetterIsHeardOf(t *testing.T) {
	onReal(t, func(b *bench, _ *redistest.Server) {
		options := group("g", succeed)
		options.Concurrency = 1
		change, log := b.inTrouble()
		set := b.launch(change, options)
		b.untilReady(set)
		key := b.client.Keys().Dead("g")
		b.client.Redis().Set(b.Context(), key, "no stream", 0)
		bad := b.add("no", "name")
		b.untilNotReady(set, "WRONGTYPE")
		for range 10 {
			good := b.add("event", "ORDER")
			b.wantOutcomes("g", good, "acked")
			if set.Ready() == nil {
				t.Fatal("ready while dead letters are refused")
			}
		}
		if lines := log.FilterMessageSnippet("could not settle an entry"); lines.Len() == 0 {
			t.Error("log: got no line about the dead letter, want one")
		}
		b.client.Redis().Del(b.Context(), key)
		b.wantOutcomes("g", bad, "dead_lettered")
		b.untilReady(set)
	})
}

func TestNobodyIsRobbedAfterARestart(t *testing.T) {
	t.Parallel()
	const lease = 2 * time.Second
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	b := newBench(t, server.URL())
	id := b.addHandedOver("owner", time.Hour) // who could not renew for so long
	server.Restart()
	restarted := time.Now()
	b.run(func(o *consumers.Options) { o.Lease = lease }, group("g", succeed))
	b.wantOutcomes("g", id, "acked")
	if took := time.Since(restarted); took < lease {
		t.Errorf("taken over %v after the restart, want at least %v", took, lease)
	}
}

// TestNobodyIsRobbedByASweepThatRedisHeldUp has Redis answer nobody for longer than a lease, and no command fail of it. The
// sweep that was sent meanwhile is run before the owner can renew.
func TestNobodyIsRobbedByASweepThatRedisHeldUp(t *testing.T) {
	onReal(t, func(b *bench, _ *redistest.Server) {
		const lease, held = time.Second, 2 * time.Second
		id := b.addHandedOver("owner", 0)
		rival, err := b.client.Group("g", "rival", lease)
		if err != nil {
			t.Fatal(err)
		}
		sweeper := claim.NewSweeper(rival, 16)
		sweep := func() int {
			swept, err := sweeper.Sweep(t.Context(), stream.Room{Entries: 1, Bytes: 1}, true)
			if err != nil {
				t.Fatal(err)
			}
			return len(swept.Taken)
		}
		for began := time.Now(); time.Since(began) <= lease; { // in its first lease it robs nobody anyway
			b.claim("owner", id, 0)
			sweep()
		}
		if err := b.client.Redis().Do(t.Context(), "CLIENT", "PAUSE", held.Milliseconds(), "ALL").Err(); err != nil {
			t.Fatal(err)
		}
		if taken := sweep(); taken > 0 { // it returns when the pause is over
			t.Error("the sweep that was sent during the pause took the entry from its owner, who had no chance to renew")
		}
		over := time.Now()
		b.until("the entry is taken from an owner who never renews", func() bool { return sweep() > 0 })
		if took := time.Since(over); took < lease*9/10 {
			t.Errorf("taken over %v after the pause, want at least a lease of %v", took, lease)
		}
	})
}

// TestNobodyIsRobbedAfterAReadThatRedisHeldUp has Redis answer nobody for longer than a lease while a consumer waits for new
// entries, and no command fail of it. The owner is heard a moment later than the consumer's first sweep.
func TestNobodyIsRobbedAfterAReadThatRedisHeldUp(t *testing.T) {
	onReal(t, func(b *bench, _ *redistest.Server) {
		const lease, held, moment = 1200 * time.Millisecond, 2 * time.Second, 400 * time.Millisecond
		id := b.addHandedOver("owner", 0)
		taken := make(chan struct{})
		change, _ := b.inTrouble()
		b.run(func(o *consumers.Options) { change(o); o.Lease = lease }, group("g", func(context.Context, *consumers.Delivery) error {
			close(taken)
			return nil
		}))
		for range 3 {
			for began := time.Now(); time.Since(began) <= 2*lease; time.Sleep(lease / 20) {
				b.claim("owner", id, 0)
			}
			if err := b.client.Redis().Do(t.Context(), "CLIENT", "PAUSE", held.Milliseconds(), "ALL").Err(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-taken:
				t.Fatal("the entry was taken from its owner, who had no chance to renew")
			case <-time.After(held + moment):
			}
		}
	})
}

func TestHandlerThatDoesNotReturnInTime(t *testing.T) {
	onReal(t, func(b *bench, _ *redistest.Server) {
		end := make(chan struct{})
		options := group("g", func(_ context.Context, d *consumers.Delivery) error {
			if d.Deliveries == 1 {
				<-end
			}
			return nil
		})
		options.Timeout, options.Concurrency = 50*time.Millisecond, 2
		change, _ := b.inTrouble()
		set := b.launch(change, options)
		id := b.add("event", "ORDER")
		b.until("half of the handlers are lost", func() bool { return set.Live() != nil })
		close(end) // while its entry is being settled in its place
		b.wantOutcomes("g", id, "retried acked")
		b.until("the handler is back", func() bool { return set.Live() == nil })
	})
}

func TestHandlerThatEndsItsGoroutine(t *testing.T) {
	onEach(t, func(b *bench) {
		ids := make([]stream.ID, 20)
		for i := range ids {
			ids[i] = b.add("event", "ORDER")
		}
		options := group("g", func(_ context.Context, d *consumers.Delivery) error {
			if d.EntryID == ids[0] || d.EntryID == ids[10] && d.Deliveries == 1 {
				runtime.Goexit()
			}
			return nil
		})
		options.Concurrency, options.MaxDeliveries = 1, 2
		stop := b.run(nil, options)
		for i, id := range ids {
			switch i {
			case 0:
				b.wantOutcomes("g", id, "retried dead_lettered")
			case 10:
				b.wantOutcomes("g", id, "retried acked")
			default:
				b.wantOutcomes("g", id, "acked")
			}
		}
		if dead := b.dead("g"); len(dead) != 1 || !strings.Contains(dead[0].Error, "runtime.Goexit") {
			t.Errorf("dead letters: got %+v, want one that names runtime.Goexit", dead)
		}
		stop()
	})
}

func TestReadyWhileASuspectRuns(t *testing.T) {
	onReal(t, func(b *bench, _ *redistest.Server) {
		id := b.addHandedOver(stream.Waiting, 0)
		started, end := make(chan struct{}), make(chan struct{})
		options := group("g", func(context.Context, *consumers.Delivery) error {
			close(started)
			<-end
			return nil
		})
		options.MaxDeliveries = 3
		set := b.launch(nil, options)
		<-started
		b.untilReady(set)
		close(end)
		b.wantOutcomes("g", id, "acked")
	})
}

// TestLossDuringAnOutageIsNoOutcomeOfOurs has another consumer take and finish an entry while this one cannot reach
// Redis to settle it: what it would have recorded must not be claimed to stand.
func TestLossDuringAnOutageIsNoOutcomeOfOurs(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	b := newBench(t, proxy.URL())
	started, fail := make(chan struct{}), make(chan struct{})
	b.run(nil, group("g", func(context.Context, *consumers.Delivery) error {
		close(started)
		<-fail
		return consumers.Permanent(errors.New("no such product"))
	}))
	id := b.add("event", "ORDER")
	<-started
	proxy.Blackhole()
	server.CLI("XCLAIM", "event_stream", "g", "thief", "0", id.String(), "RETRYCOUNT", "1", "JUSTID")
	server.CLI("XACK", "event_stream", "g", id.String())
	close(fail)
	time.Sleep(5 * time.Second) // the outage: an attempt to settle fails after 3 s, and the lease has ended
	proxy.Heal()
	b.wantOutcomes("g", id, "lost")
	if dead := strings.TrimSpace(server.CLI("XLEN", "{event_stream}:dead:g")); dead != "0" {
		t.Errorf("dead letters: got %s, want none", dead)
	}
}

// TestDeadConsumerIsTakenOver has entries taken over that a dead consumer held, each of which could have killed it. With
// deliveries to spare they are handled side by side, else one by one; the log says so once.
func TestDeadConsumerIsTakenOver(t *testing.T) {
	for _, test := range []struct {
		name                  string
		maxDeliveries, beside int
	}{{"many deliveries", 16, 8}, {"few deliveries", 3, 1}} {
		t.Run(test.name, func(t *testing.T) {
			onReal(t, func(b *bench, _ *redistest.Server) {
				const held = 40
				if err := b.client.Redis().XGroupCreateMkStream(b.Context(), "event_stream", "g", "0").Err(); err != nil {
					b.Fatal(err)
				}
				b.addMany(held, "dead")
				change, log := b.inTrouble()
				var running, most, handled atomic.Int32
				full := make(chan struct{})
				b.run(change, consumers.GroupOptions{
					Name: "g", Events: []string{"ORDER"}, MaxDeliveries: test.maxDeliveries,
					Handler: consumers.HandlerFunc(func(ctx context.Context, _ *consumers.Delivery) error {
						beside := running.Add(1)
						defer running.Add(-1)
						most.Store(max(most.Load(), beside))
						if int(beside) == test.beside && handled.Load() == 0 {
							close(full)
						}
						select {
						case <-full:
						case <-ctx.Done():
						}
						handled.Add(1)
						return nil
					}),
				})
				b.until("all are handled", func() bool { return handled.Load() == held && b.pending() == 0 })
				if test.beside == 1 && most.Load() != 1 {
					b.Errorf("%d entries that may have killed their process were handled at once, want 1", most.Load())
				}
				if lines := log.FilterMessageSnippet("ended without a word").Len(); lines != 1 {
					b.Errorf("%d lines say that entries were taken over, want 1", lines)
				}
			})
		})
	}
}

// TestTakingOverGoesOnAtOnce has more taken over than there are slots for: the next ones follow as soon as a slot is free, and not
// with the next second's sweep.
func TestTakingOverGoesOnAtOnce(t *testing.T) {
	onReal(t, func(b *bench, _ *redistest.Server) {
		const held, took, slots, most = 60, 20 * time.Millisecond, 4, 5 * time.Second
		if err := b.client.Redis().XGroupCreateMkStream(b.Context(), "event_stream", "g", "0").Err(); err != nil {
			b.Fatal(err)
		}
		b.addMany(held, "dead")
		change, _ := b.inTrouble()
		var handled atomic.Int32
		var first atomic.Pointer[time.Time]
		options := group("g", func(context.Context, *consumers.Delivery) error {
			now := time.Now()
			first.CompareAndSwap(nil, &now)
			time.Sleep(took)
			handled.Add(1)
			return nil
		})
		options.Concurrency = slots
		b.run(change, options)
		b.until("all are handled", func() bool { return handled.Load() == held })
		if since := time.Since(*first.Load()); since > most {
			b.Errorf("%d entries were handled in %v from the first to the last, want at most %v", held, since, most)
		}
	})
}

// TestNothingIsHandedBackInADrain checks that what was read into free slots stays: handings back cost a script each, and
// wait for the next sweep.
func TestNothingIsHandedBackInADrain(t *testing.T) {
	onReal(t, func(b *bench, _ *redistest.Server) {
		const events = 4000
		b.addMany(events, "")
		var handled atomic.Int32
		stop := b.run(func(o *consumers.Options) { o.Logger = nil }, consumers.GroupOptions{
			Name: "g", Events: []string{"ORDER"}, Concurrency: 64,
			Handler: consumers.HandlerFunc(func(context.Context, *consumers.Delivery) error {
				time.Sleep(time.Duration(handled.Add(1)%8) * time.Millisecond) // the mean goes up and down
				return nil
			}),
		})
		b.until("all are handled", func() bool { return handled.Load() == events })
		for _, consumer := range b.client.Redis().XInfoConsumers(b.Context(), "event_stream", "g").Val() {
			if consumer.Name == stream.Waiting {
				t.Errorf("entries were handed back: there is a consumer %q", consumer.Name)
			}
		}
		stop()
	})
}

// TestSuspectStartsBesideSteadyEvents has an entry taken over that may have killed its process, while new events keep coming
// and there is never a moment without one in hand: the suspect must have its turn all the same.
func TestSuspectStartsBesideSteadyEvents(t *testing.T) {
	onReal(t, func(b *bench, _ *redistest.Server) {
		if err := b.client.Redis().XGroupCreateMkStream(b.Context(), "event_stream", "g", "0").Err(); err != nil {
			b.Fatal(err)
		}
		b.addMany(1, "dead")
		change, _ := b.inTrouble()
		var handled atomic.Int32
		suspect := make(chan struct{})
		b.run(change, consumers.GroupOptions{
			Name: "g", Events: []string{"ORDER"}, MaxDeliveries: 3,
			Handler: consumers.HandlerFunc(func(_ context.Context, delivery *consumers.Delivery) error {
				if delivery.Deliveries > 1 {
					close(suspect)
					return nil
				}
				handled.Add(1)
				time.Sleep(200 * time.Millisecond)
				return nil
			}),
		})
		adding := time.NewTicker(50 * time.Millisecond)
		defer adding.Stop()
		deadline := time.After(15 * time.Second)
		for {
			select {
			case <-adding.C:
				b.addMany(1, "")
			case <-suspect:
				return
			case <-deadline:
				b.Fatalf("the suspect was not started within 15s, while %d new events were", handled.Load())
			}
		}
	})
}
