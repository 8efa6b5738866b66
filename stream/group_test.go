package stream_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

const lease = 200 * time.Millisecond

// bench is one stream with one group of two consumers, on one server.
type bench struct {
	*testing.T
	client *stream.Client
	a, b   *stream.Group
}

// onEach runs a test on the real server and on the one in memory.
func onEach(t *testing.T, run func(b bench)) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, url string) {
		run(newBench(t, url))
	})
}

func newBench(t *testing.T, url string) bench {
	t.Helper()
	client, err := stream.Open(stream.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	b := bench{T: t, client: client}
	b.ensure(stream.Start{}, false)
	b.a, b.b = b.group("a"), b.group("b")
	return b
}

func (b bench) ensure(start stream.Start, seen bool) stream.Ensured {
	b.Helper()
	ensured, err := b.client.EnsureGroups(b.Context(), []stream.GroupSpec{{
		Name: "g", Start: start, SeenBefore: seen,
		Registration: stream.Registration{Kind: "go", Events: []string{"*"}},
	}})
	if err != nil {
		b.Fatal(err)
	}
	return ensured[0]
}

func (b bench) group(consumer string) *stream.Group {
	b.Helper()
	group, err := b.client.Group("g", consumer, lease)
	if err != nil {
		b.Fatal(err)
	}
	return group
}

func (b bench) add(fields ...string) stream.ID {
	b.Helper()
	if len(fields) == 0 {
		fields = []string{"event", "E"}
	}
	args := []any{"XADD", b.client.Keys().Stream(), "*"}
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

func (b bench) read(group *stream.Group, count int) []stream.Delivery {
	b.Helper()
	deliveries, err := group.Read(b.Context(), count, 0)
	if err != nil {
		b.Fatal(err)
	}
	return deliveries
}

func (b bench) sweep(group *stream.Group, change func(*stream.SweepRequest)) stream.Swept {
	b.Helper()
	request := stream.SweepRequest{Room: 10, MaxDeliveries: 3, Rob: true, Alone: true, Guard: time.Millisecond}
	if change != nil {
		change(&request)
	}
	time.Sleep(2 * time.Millisecond) // the guard of the sweep before
	swept, err := group.Sweep(b.Context(), request)
	if err != nil {
		b.Fatal(err)
	}
	return swept
}

// pending describes the group's pending list: id consumer count, in order.
func (b bench) pending() []string {
	b.Helper()
	reply, err := b.client.Redis().Do(b.Context(), "XPENDING", b.client.Keys().Stream(), "g", "-", "+", 100).Slice()
	if err != nil {
		b.Fatal(err)
	}
	var lines []string
	for _, element := range reply {
		entry := element.([]any)
		lines = append(lines, entry[0].(string)+" "+entry[1].(string)+" "+string('0'+rune(entry[3].(int64))))
	}
	return lines
}

func (b bench) wantPending(want ...string) {
	b.Helper()
	if got := b.pending(); !slices.Equal(got, want) {
		b.Fatalf("pending: got %q, want %q", got, want)
	}
}

func (b bench) dead() []map[string]string {
	b.Helper()
	letters, err := b.client.Redis().XRange(b.Context(), b.client.Keys().Dead("g"), "-", "+").Result()
	if err != nil {
		b.Fatal(err)
	}
	var all []map[string]string
	for _, letter := range letters {
		fields := map[string]string{}
		for name, value := range letter.Values {
			fields[name] = value.(string)
		}
		all = append(all, fields)
	}
	return all
}

func ids(deliveries []stream.Delivery) []stream.ID {
	var list []stream.ID
	for _, delivery := range deliveries {
		list = append(list, delivery.ID)
	}
	return list
}

func TestReadAndAck(t *testing.T) {
	onEach(t, func(b bench) {
		first := b.add("event", "E", "data", "\x00\xff", "event", "again")
		second := b.add()
		got := b.read(b.a, 10)
		if len(got) != 2 || got[0].ID != first || got[1].ID != second {
			t.Fatalf("read: got %v, want %v and %v", ids(got), first, second)
		}
		want := []stream.Field{{Name: "event", Value: "E"}, {Name: "data", Value: "\x00\xff"}, {Name: "event", Value: "again"}}
		if !slices.Equal(got[0].Fields, want) {
			t.Errorf("fields: got %q, want %q", got[0].Fields, want)
		}
		b.wantPending(first.String()+" a 1", second.String()+" a 1")
		if acked, err := b.a.Ack(b.Context(), ids(got)); acked != 2 || err != nil {
			t.Errorf("ack: got %d, %v, want 2", acked, err)
		}
		b.wantPending()
		if got := b.read(b.a, 10); got != nil {
			t.Errorf("read again: got %v, want nothing", ids(got))
		}
	})
}

func TestRenewTellsWhatWasLost(t *testing.T) {
	onEach(t, func(b bench) {
		kept, stolen, acked := b.add(), b.add(), b.add()
		b.read(b.a, 10)
		b.claim("b", stolen)
		if _, err := b.a.Ack(b.Context(), []stream.ID{acked}); err != nil {
			t.Fatal(err)
		}
		lost, err := b.a.Renew(b.Context(), []stream.ID{kept, stolen, acked})
		if err != nil {
			t.Fatal(err)
		}
		if want := []stream.ID{stolen, acked}; !slices.Equal(lost, want) {
			t.Errorf("lost: got %v, want %v", lost, want)
		}
		b.wantPending(kept.String()+" a 1", stolen.String()+" b 1")
	})
}

// claim takes an entry as an operator would by hand.
func (b bench) claim(consumer string, id stream.ID) {
	b.Helper()
	err := b.client.Redis().Do(b.Context(), "XCLAIM", b.client.Keys().Stream(), "g", consumer, 0, id.String(),
		"RETRYCOUNT", 1, "JUSTID").Err()
	if err != nil {
		b.Fatal(err)
	}
}

func TestOnlyTheOwnerSettles(t *testing.T) {
	onEach(t, func(b bench) {
		id := b.add()
		b.read(b.a, 1)
		b.claim("b", id)
		if lost, err := b.a.AckOwned(b.Context(), []stream.Settled{{ID: id}}, 0); len(lost) != 1 || err != nil {
			t.Errorf("ack: lost %v, %v, want the entry", lost, err)
		}
		if lost, err := b.a.Release(b.Context(), []stream.Release{{ID: id, Deliveries: 1}}); len(lost) != 1 || err != nil {
			t.Errorf("release: lost %v, %v, want the entry", lost, err)
		}
		if given, err := b.a.GiveUp(b.Context(), stream.GiveUp{ID: id, Reason: stream.DeadPermanent}); given.Owned || err != nil {
			t.Errorf("give up: got %+v, %v, want that it is not owned", given, err)
		}
		b.wantPending(id.String() + " b 1")
		if dead := b.dead(); dead != nil {
			t.Errorf("dead letters: got %v, want none", dead)
		}
	})
}

func TestRetryWaitsInThePendingList(t *testing.T) {
	onEach(t, func(b bench) {
		id := b.add()
		b.read(b.a, 1)
		_, err := b.a.Release(b.Context(), []stream.Release{{
			ID: id, Deliveries: 1, Tries: 1, Delay: 300 * time.Millisecond,
			Reason: stream.RetryFailed, Error: "no \x1b[31mpaper\xff",
		}})
		if err != nil {
			t.Fatal(err)
		}
		b.wantPending(id.String() + " waiting 1")
		released := time.Now()
		for {
			swept := b.sweep(b.b, func(request *stream.SweepRequest) { request.Alone = false })
			if len(swept.Taken) == 0 && time.Since(released) < 5*time.Second {
				continue
			}
			if waited := time.Since(released); waited < 290*time.Millisecond || len(swept.Taken) != 1 {
				t.Fatalf("took %v after %v, want the entry after 300ms", ids(swept.Taken), waited)
			}
			delivery := swept.Taken[0]
			if delivery.Deliveries != 2 || delivery.Orphaned() || delivery.Note == nil {
				t.Fatalf("delivery: got %+v, want the second with a note", delivery)
			}
			if want := "no \uFFFD[31mpaper\uFFFD"; delivery.Note.Error != want || delivery.Note.Consumer != "a" {
				t.Errorf("note: got %+v, want error %q of consumer a", *delivery.Note, want)
			}
			break
		}
		if lost, err := b.b.AckOwned(b.Context(), []stream.Settled{{ID: id}}, 0); len(lost) > 0 || err != nil {
			t.Fatalf("ack: lost %v, %v", lost, err)
		}
		b.wantPending()
		if n := b.client.Redis().HLen(b.Context(), b.client.Keys().Attempts("g")).Val(); n != 0 {
			t.Errorf("notes left: got %d, want 0", n)
		}
	})
}

// TestSettlingAnEarlierDelivery has a release and a dead letter come to Redis so late that the entry was handed over again
// since: what they say is of an earlier delivery, and must not undo the count of that one or bury what it may achieve.
func TestSettlingAnEarlierDelivery(t *testing.T) {
	onEach(t, func(b bench) {
		id := b.add()
		b.read(b.a, 1)
		b.client.Redis().Do(b.Context(), "XCLAIM", b.client.Keys().Stream(), "g", "a", 0, id.String(), "RETRYCOUNT", 2, "JUSTID")
		lost, err := b.a.Release(b.Context(), []stream.Release{{ID: id, Deliveries: 1, Tries: 1, Reason: stream.RetryFailed}})
		if len(lost) != 1 || err != nil {
			t.Errorf("release: got %v, %v, want that the delivery is lost", lost, err)
		}
		given, err := b.a.GiveUp(b.Context(), stream.GiveUp{ID: id, Deliveries: 1, Reason: stream.DeadPermanent})
		if given.Owned || err != nil {
			t.Errorf("dead letter: got %+v, %v, want that the delivery is lost", given, err)
		}
		b.wantPending(id.String() + " a 2")
	})
}

func TestNoNotesWithoutAnythingPending(t *testing.T) {
	onEach(t, func(b bench) {
		id := b.add()
		b.read(b.a, 1)
		release := stream.Release{ID: id, Deliveries: 1, Tries: 1, Reason: stream.RetryFailed, Delay: time.Hour}
		if _, err := b.a.Release(b.Context(), []stream.Release{release}); err != nil {
			t.Fatal(err)
		}
		b.sweep(b.b, nil)
		if notes := b.client.Redis().HLen(b.Context(), b.client.Keys().Attempts("g")).Val(); notes != 1 {
			t.Fatalf("notes while the entry waits: got %d, want 1", notes)
		}
		b.ack(id) // as one who handled it before, and whose XACK was late
		b.sweep(b.b, nil)
		if notes := b.client.Redis().HLen(b.Context(), b.client.Keys().Attempts("g")).Val(); notes != 0 {
			t.Errorf("notes while nothing is pending: got %d, want 0", notes)
		}
	})
}

func TestSweepTakesFromTheSilent(t *testing.T) {
	onEach(t, func(b bench) {
		first, second := b.add(), b.add()
		b.read(b.a, 2)
		if swept := b.sweep(b.b, nil); len(swept.Taken) > 0 {
			t.Fatalf("taken from a living consumer: %v", ids(swept.Taken))
		}
		time.Sleep(lease + 20*time.Millisecond) // the lease runs by the server's clock
		if swept := b.sweep(b.b, func(r *stream.SweepRequest) { r.Rob = false }); len(swept.Taken) > 0 {
			t.Fatalf("taken although an outage had just ended: %v", ids(swept.Taken))
		}
		swept := b.sweep(b.b, func(r *stream.SweepRequest) { r.Alone = false })
		if len(swept.Taken) != 0 || swept.Suspects != 1 || swept.Next != first {
			t.Fatalf("not alone: took %v, left %d suspects, want 0, and 1 at which it goes on", ids(swept.Taken), swept.Suspects)
		}
		for _, want := range []stream.ID{first, second} {
			swept = b.sweep(b.b, nil)
			if len(swept.Taken) != 1 || swept.Taken[0].ID != want || !swept.Taken[0].Orphaned() {
				t.Fatalf("alone: took %+v, want the suspect %v alone", swept.Taken, want)
			}
		}
		b.wantPending(first.String()+" b 2", second.String()+" b 2")
		if swept := b.sweep(b.b, nil); len(swept.Taken) > 0 || swept.Forgotten > 0 {
			t.Errorf("took its own: %v", ids(swept.Taken))
		}
		time.Sleep(lease + 20*time.Millisecond)
		if swept := b.sweep(b.b, nil); swept.Forgotten != 2 {
			t.Errorf("its own, not renewed for a lease: got %d, want 2", swept.Forgotten)
		}
	})
}

func TestSweepTakesOrphansTogether(t *testing.T) {
	onEach(t, func(b bench) {
		first, second := b.add(), b.add()
		b.read(b.a, 2)
		time.Sleep(lease + 20*time.Millisecond) // the lease runs by the server's clock
		afterTwo := func(r *stream.SweepRequest) { r.Alone, r.SuspectAfter = false, 2 }
		swept := b.sweep(b.b, afterTwo)
		if len(swept.Taken) != 2 || swept.Taken[0].ID != first || swept.Taken[1].ID != second || swept.Suspects != 0 {
			t.Fatalf("delivered once: took %v, left %d suspects, want both and 0", ids(swept.Taken), swept.Suspects)
		}
		time.Sleep(lease + 20*time.Millisecond)
		if swept := b.sweep(b.a, afterTwo); len(swept.Taken) != 0 || swept.Suspects != 1 {
			t.Errorf("delivered twice: took %v, left %d suspects, want none and 1", ids(swept.Taken), swept.Suspects)
		}
	})
}

// TestSweepLeavesSuspectsToWhoeverCanTakeThem has a consumer find a suspect while it works on something else. It may go on
// doing so for long, so it must not keep the others from sweeping, neither on that page nor on the ones after it.
func TestSweepLeavesSuspectsToWhoeverCanTakeThem(t *testing.T) {
	onEach(t, func(b bench) {
		guarded := func(r *stream.SweepRequest) { r.Guard, r.Alone = time.Minute, false }
		suspect := b.add()
		b.read(b.group("dead"), 1)
		time.Sleep(lease + 20*time.Millisecond) // the lease runs by the server's clock
		for range 150 {
			b.add()
		}
		b.read(b.a, 150)
		first := b.sweep(b.a, guarded)
		if first.Suspects != 1 || first.Next != suspect {
			t.Fatalf("first page: left %d suspects, goes on at %v, want 1, and %v", first.Suspects, first.Next, suspect)
		}
		second := b.sweep(b.a, func(r *stream.SweepRequest) { guarded(r); r.From = first.Next })
		if second.Suspects != 1 || second.Next != suspect {
			t.Fatalf("second page: left %d suspects, goes on at %v, want 1, and %v", second.Suspects, second.Next, suspect)
		}
		if swept := b.sweep(b.b, func(r *stream.SweepRequest) { r.Guard = time.Minute }); len(swept.Taken) != 1 || swept.Taken[0].ID != suspect {
			t.Errorf("the other consumer took %v, want %v", ids(swept.Taken), suspect)
		}
		if swept := b.sweep(b.a, guarded); swept.Suspects != 0 || len(swept.Taken) > 0 {
			t.Errorf("swept beside the one who sweeps: %+v", swept)
		}
	})
}

func TestSweepThatComesTooLateRobsNobody(t *testing.T) {
	onEach(t, func(b bench) {
		held, released := b.add(), b.add()
		b.read(b.a, 2)
		if _, err := b.a.Release(b.Context(), []stream.Release{{ID: released, Deliveries: 1, Unstarted: true}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lease + 20*time.Millisecond) // the lease runs by the server's clock
		began := time.Now()
		swept := b.sweep(b.b, func(r *stream.SweepRequest) { r.RobBefore = began.Add(-time.Second) })
		if !slices.Equal(ids(swept.Taken), []stream.ID{released}) {
			t.Errorf("too late: took %v, want %v alone, which nobody holds", ids(swept.Taken), released)
		}
		if off := swept.Clock.Sub(began).Abs(); off > 10*time.Second {
			t.Errorf("Clock is %v, %v away from this machine's, which is the server's", swept.Clock, off)
		}
		swept = b.sweep(b.b, func(r *stream.SweepRequest) { r.RobBefore = time.Now().Add(time.Minute) })
		if !slices.Equal(ids(swept.Taken), []stream.ID{held}) {
			t.Errorf("in time: took %v, want %v", ids(swept.Taken), held)
		}
	})
}

func TestSweepGivesUp(t *testing.T) {
	onEach(t, func(b bench) {
		many := []string{"event", "E"}
		for range 1200 {
			many = append(many, "f", "v,\xff")
		}
		exhausted, deleted, large := b.add("event", "E", "event_id", "order-1", "data", "\xff"), b.add(), b.add(many...)
		b.read(b.a, 3)
		b.client.Redis().XDel(b.Context(), b.client.Keys().Stream(), deleted.String())
		time.Sleep(lease + 20*time.Millisecond) // the lease runs by the server's clock
		swept := b.sweep(b.b, func(r *stream.SweepRequest) { r.MaxDeliveries = 1 })
		if len(swept.Buried) != 3 || len(swept.Taken) != 0 {
			t.Fatalf("sweep: got %+v, want three dead letters", swept)
		}
		b.wantPending()
		dead := b.dead()
		if dead[0]["dead_id"] != exhausted.String() || dead[0]["dead_reason"] != stream.DeadMaxDeliveries ||
			dead[0]["dead_consumer"] != "a" || dead[0]["dead_deliveries"] != "1" || dead[0]["dead_event_id"] != "order-1" ||
			dead[0]["data"] != "\xff" {
			t.Errorf("exhausted: got %q", dead[0])
		}
		if dead[1]["dead_reason"] != stream.DeadDeleted {
			t.Errorf("deleted: got %q", dead[1])
		}
		if packed := dead[2]["dead_fields"]; !strings.HasPrefix(packed, "5:event,1:E,1:f,3:v,\xff,") || len(packed) != 2*6+len("5:event,1:E,")-12+1200*(4+6) {
			t.Errorf("%v packed: got %d bytes, %.40q", large, len(packed), packed)
		}
	})
}

func TestSpoiltNotesStopNoSweep(t *testing.T) {
	onEach(t, func(b bench) {
		wait := func(deliveries int, note string) stream.ID {
			id := b.add()
			b.read(b.a, 1)
			b.client.Redis().Do(b.Context(), "XCLAIM", b.client.Keys().Stream(), "g", "a", 0, id.String(),
				"RETRYCOUNT", deliveries, "JUSTID")
			if _, err := b.a.Release(b.Context(), []stream.Release{{ID: id, Deliveries: deliveries}}); err != nil {
				t.Fatal(err)
			}
			b.client.Redis().HSet(b.Context(), b.client.Keys().Attempts("g"), id.String(), note)
			return id
		}
		spoilt := []string{
			"no JSON", `"text"`, "null", "[]", "{}", `{"tries":3,"next":0}`,
			`{"tries":3,"next":"soon","error":"","consumer":""}`, `{"tries":3,"next":0,"error":[],"consumer":{}}`,
		}
		for _, note := range spoilt {
			wait(3, note)
		}
		innocent, suspect := wait(0, spoilt[0]), wait(1, spoilt[0])
		swept := b.sweep(b.b, nil)
		if len(swept.Buried) != len(spoilt) || !slices.Equal(ids(swept.Taken), []stream.ID{innocent}) || swept.Suspects != 1 {
			t.Fatalf("sweep: got %+v, want %d given up, %v taken and a suspect left", swept, len(spoilt), innocent)
		}
		swept = b.sweep(b.b, nil)
		if len(swept.Taken) != 1 || swept.Taken[0].ID != suspect || swept.Taken[0].Note != nil {
			t.Errorf("sweep again: got %+v, want %v without a note", swept.Taken, suspect)
		}
	})
}

func TestSweepKeepsTheCheckpointAndRemovesTheSilent(t *testing.T) {
	onEach(t, func(b bench) {
		ctx := b.Context()
		b.add()
		id := b.add()
		deliveries := b.read(b.a, 2)
		if _, err := b.a.Ack(ctx, ids(deliveries[:1])); err != nil {
			t.Fatal(err)
		}
		b.sweep(b.b, nil)
		checkpoint := b.client.Redis().HGet(ctx, b.client.Keys().Groups(), "g:checkpoint").Val()
		if want := id.Previous().String(); checkpoint != want {
			t.Errorf("checkpoint: got %s, want %s, just below the oldest pending", checkpoint, want)
		}
		time.Sleep(20 * time.Millisecond) // silence by the server's clock
		swept := b.sweep(b.b, func(r *stream.SweepRequest) { r.RemoveSilent = 10 * time.Millisecond })
		if len(swept.Removed) != 0 {
			t.Fatalf("removed %v, which has an entry pending", swept.Removed)
		}
		if _, err := b.a.Ack(ctx, ids(deliveries)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		swept = b.sweep(b.b, func(r *stream.SweepRequest) { r.RemoveSilent = 10 * time.Millisecond })
		if !slices.Equal(swept.Removed, []string{"a"}) {
			t.Errorf("removed: got %v, want a", swept.Removed)
		}
	})
}

func TestLostGroupGoesOnAtItsCheckpoint(t *testing.T) {
	onEach(t, func(b bench) {
		ctx, redis, keys := b.Context(), b.client.Redis(), b.client.Keys()
		b.add()
		pending := b.add()
		deliveries := b.read(b.a, 2)
		if _, err := b.a.Ack(ctx, ids(deliveries[:1])); err != nil {
			t.Fatal(err)
		}
		b.sweep(b.b, nil)
		redis.XGroupDestroy(ctx, keys.Stream(), "g")
		added := b.add()
		if _, err := b.a.Read(ctx, 1, 0); !stream.IsNoGroup(err) {
			t.Fatalf("read without a group: got %v, want NOGROUP", err)
		}
		if got := b.ensure(stream.FromNew(), true); got.What != stream.GroupRecreated {
			t.Fatalf("ensure: got %+v, want recreated", got)
		}
		if got, want := ids(b.read(b.a, 10)), []stream.ID{pending, added}; !slices.Equal(got, want) {
			t.Errorf("after XGROUP DESTROY: got %v, want %v", got, want)
		}
		redis.FlushAll(ctx)
		added = b.add()
		b.ensure(stream.FromNew(), true)
		if got := ids(b.read(b.a, 10)); !slices.Equal(got, []stream.ID{added}) {
			t.Errorf("after FLUSHALL: got %v, want %v", got, added)
		}
	})
}

func TestSpoiltCheckpointIsNone(t *testing.T) {
	onEach(t, func(b bench) {
		ctx, redis, keys := b.Context(), b.client.Redis(), b.client.Keys()
		added := b.add()
		for _, spoilt := range []string{"", "garbage", "-1", "7", "1-", "{", "99999999999999999999999-0"} {
			redis.XGroupDestroy(ctx, keys.Stream(), "g")
			if err := redis.HSet(ctx, keys.Groups(), "g:checkpoint", spoilt).Err(); err != nil {
				t.Fatal(err)
			}
			if trimmed, err := b.client.Trim(ctx, time.Nanosecond, false); err != nil || trimmed.Removed != 0 {
				t.Errorf("with the checkpoint %q Trim() = %+v, %v, want nothing removed", spoilt, trimmed, err)
			}
			if got := b.ensure(stream.FromNew(), false); got.What != stream.GroupRecreated || got.At != "0-0" {
				t.Errorf("with the checkpoint %q the group was %+v, want it created again at the beginning", spoilt, got)
			}
			if got := ids(b.read(b.a, 10)); !slices.Equal(got, []stream.ID{added}) {
				t.Errorf("with the checkpoint %q read %v, want %v", spoilt, got, added)
			}
		}
	})
}

func TestAdoptTakesUpLostReplies(t *testing.T) {
	onEach(t, func(b bench) {
		held, lost := b.add(), b.add()
		b.read(b.a, 2)
		adopted, _, err := b.a.Adopt(b.Context(), func(id stream.ID) bool { return id == held }, stream.Room{Entries: 5, Bytes: 100})
		if err != nil {
			t.Fatal(err)
		}
		if len(adopted) != 1 || adopted[0].ID != lost || adopted[0].Deliveries != 1 || adopted[0].Orphaned() {
			t.Errorf("adopted: got %+v, want %v with its first delivery", adopted, lost)
		}
	})
}

func TestLeaveOnlyWithNothingPending(t *testing.T) {
	onEach(t, func(b bench) {
		id := b.add()
		b.read(b.a, 1)
		if gone, err := b.a.Leave(b.Context()); gone || err != nil {
			t.Fatalf("leave with a pending entry: got %v, %v", gone, err)
		}
		_, err := b.a.Release(b.Context(), []stream.Release{{ID: id, Deliveries: 1, Unstarted: true}})
		if err != nil {
			t.Fatal(err)
		}
		b.wantPending(id.String() + " waiting 0")
		if gone, err := b.a.Leave(b.Context()); !gone || err != nil {
			t.Fatalf("leave: got %v, %v", gone, err)
		}
		swept := b.sweep(b.b, nil)
		if len(swept.Taken) != 1 || swept.Taken[0].Deliveries != 1 || swept.Taken[0].Orphaned() {
			t.Errorf("handed back: got %+v, want its first delivery at once", swept.Taken)
		}
	})
}

func TestDedupe(t *testing.T) {
	onEach(t, func(b bench) {
		ctx := context.Background()
		entry := func(id stream.ID) []stream.Settled { return []stream.Settled{{ID: id, Event: "E", EventID: "1"}} }
		begin := func(id stream.ID) stream.Marker {
			markers, err := b.a.Begin(ctx, entry(id), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			return markers[0]
		}
		first, second, third := b.add(), b.add(), b.add()
		b.read(b.a, 3)
		steps := []struct {
			name string
			id   stream.ID
			want stream.Marker
		}{
			{"first", first, stream.MarkerStart},
			{"first again", first, stream.MarkerStart},
			{"second beside it", second, stream.MarkerRunning},
		}
		for _, step := range steps {
			if got := begin(step.id); got != step.want {
				t.Errorf("%s: got %s, want %s", step.name, got, step.want)
			}
		}
		if _, err := b.a.GiveUp(ctx, stream.GiveUp{ID: first, Reason: "permanent", Event: "E", EventID: "1", Deduped: true}); err != nil {
			t.Fatal(err)
		}
		if got := begin(second); got != stream.MarkerStart {
			t.Errorf("second after the first gave up: got %s, want start", got)
		}
		if _, err := b.a.AckOwned(ctx, entry(second), time.Minute); err != nil {
			t.Fatal(err)
		}
		if got := begin(third); got != stream.MarkerDone {
			t.Errorf("third: got %s, want done", got)
		}
	})
}
