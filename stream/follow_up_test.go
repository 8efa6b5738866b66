package stream_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// emitting is consumer a of group g with follow-ups of both outcomes.
func (b bench) emitting() *stream.Group {
	return b.a.Emitting(stream.Emit{Acked: "RESERVED", DeadLettered: "FAILED"})
}

// settle acks the entries as what their events say.
func (b bench) settle(group *stream.Group, deliveries ...stream.Delivery) stream.Settlement {
	b.Helper()
	settlement, err := group.Settle(b.Context(), settledOf(deliveries), stream.Keep{})
	if err != nil {
		b.Fatalf("settle: %v", err)
	}
	return settlement
}

func settledOf(deliveries []stream.Delivery) []stream.Settled {
	settled := make([]stream.Settled, len(deliveries))
	for i, delivery := range deliveries {
		event, _ := stream.Decode(delivery.Entry, stream.DecodeOptions{})
		settled[i] = stream.Settled{ID: delivery.ID, Event: event.Name, EventID: event.ID}
	}
	return settled
}

// followUps are the follow-ups in the stream, each as its fields by name.
func (b bench) followUps() []map[string]string {
	b.Helper()
	entries, err := b.client.Redis().XRange(b.Context(), b.client.Keys().Stream(), "-", "+").Result()
	if err != nil {
		b.Fatal(err)
	}
	var found []map[string]string
	for _, entry := range entries {
		if entry.Values["causation_entry"] == nil {
			continue
		}
		fields := map[string]string{}
		for name, value := range entry.Values {
			fields[name] = value.(string)
		}
		found = append(found, fields)
	}
	return found
}

// wantFollowUps compares the follow-ups with texts that name `event event_id`.
func (b bench) wantFollowUps(want ...string) {
	b.Helper()
	var got []string
	for _, fields := range b.followUps() {
		got = append(got, fields["event"]+" "+fields["event_id"])
	}
	if !slices.Equal(got, want) {
		b.Errorf("follow-ups:\n got %q\nwant %q", got, want)
	}
}

func TestFollowUpTakesOverItsCause(t *testing.T) {
	onEach(t, func(b bench) {
		id := b.add("event", "order:new", "data", "\xff{}", "event_id", "7", "timestamp", "1600000000", "aggregate_id", "k",
			"traceparent", "tp", "to", "g", "colour", "red", "colour", "blue", "", "x", "causation", "none", "dead_error", "old")
		before := time.Now().Add(-time.Minute)
		b.settle(b.emitting(), b.read(b.a, 1)[0])
		b.wantPending()
		b.wantFollowUps("RESERVED order%3Anew:7:g:acked")
		got := b.followUps()[0]
		if ms, err := strconv.ParseInt(got["timestamp"], 10, 64); err != nil || time.UnixMilli(ms).Before(before) {
			b.Errorf("timestamp: got %q, want the server's time in ms", got["timestamp"])
		}
		delete(got, "timestamp")
		want := map[string]string{
			"event": "RESERVED", "event_id": "order%3Anew:7:g:acked", "data": "\xff{}", "aggregate_id": "k", "traceparent": "tp",
			"colour": "blue", "": "x", // the last of a name in this map
			"causation": "7", "causation_event": "order:new", "causation_entry": id.String(), "causation_group": "g",
			"causation_depth": "1",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			b.Errorf("follow-up:\n got %q\nwant %q", got, want)
		}
	})
}

func TestFollowUpOfADeadLetterSaysWhy(t *testing.T) {
	onEach(t, func(b bench) {
		group := b.emitting()
		b.add("event", "E", "event_id", "7", "data", "{}")
		id := b.read(group, 1)[0].ID
		letter := stream.GiveUp{ID: id, Reason: stream.DeadPermanent, Error: "no stock", Event: "E", EventID: "7"}
		if given, err := group.GiveUp(b.Context(), letter); err != nil || !given.Owned || given.Cut {
			b.Fatalf("give up: got %+v, %v", given, err)
		}
		b.wantPending()
		b.wantFollowUps("FAILED E:7:g:dead_lettered")
		if got := b.followUps()[0]; got["dead_reason"] != "permanent" || got["dead_error"] != "no stock" || got["data"] != "{}" {
			b.Errorf("follow-up: got %q", got)
		}
		requeued := b.requeue(b.letters()[0].ID)[0]
		again := b.readFor("g")
		if again.ID != requeued.EntryID {
			b.Fatalf("got %s, want the requeued entry %s", again.ID, requeued.EntryID)
		}
		b.settle(group, again)
		b.wantFollowUps("FAILED E:7:g:dead_lettered", "RESERVED E:7:g:acked:"+id.String())
	})
}

// An envelope may hold more members than a Lua call takes arguments: 8,000, two for each.
func TestFollowUpOfAnEnvelopeOfVeryManyMembers(t *testing.T) {
	onEach(t, func(b bench) {
		var text strings.Builder
		text.WriteString(`{"event":"E","aggregate_id":"k","data":{"order_id":1}`)
		for i := range 5_000 {
			fmt.Fprintf(&text, `,"f%d":%d`, i, i)
		}
		text.WriteString("}")
		b.add("body", text.String())
		b.settle(b.emitting(), b.read(b.a, 1)[0])
		b.wantPending()
		if got := b.followUps()[0]; got["data"] != `{"order_id":1}` || got["aggregate_id"] != "k" || got["f7"] != "" {
			b.Errorf("follow-up: got %d fields, data %q", len(got), got["data"])
		}
	})
}

// readFor reads until something is for group, and acks what comes before without a follow-up.
func (b bench) readFor(group string) stream.Delivery {
	b.Helper()
	for {
		delivery := b.read(b.a, 1)[0]
		if stream.Recipient(delivery.Entry) == group {
			return delivery
		}
		if _, err := b.a.Ack(b.Context(), []stream.ID{delivery.ID}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestSweepEmits(t *testing.T) {
	onEach(t, func(b bench) {
		group := b.emitting()
		b.add("type", "E", "event_id", "1")
		b.add("event", "E", "event_id", "2")
		deliveries := b.read(group, 2)
		for _, delivery := range deliveries {
			b.makeSilent(delivery.ID)
		}
		b.client.Redis().XDel(b.Context(), b.client.Keys().Stream(), deliveries[1].ID.String())
		sweeper := b.b.Emitting(stream.Emit{DeadLettered: "FAILED"})
		swept := b.sweep(sweeper, func(request *stream.SweepRequest) { request.MaxDeliveries = 1 })
		if len(swept.Buried) != 2 || swept.Buried[0].Cut {
			b.Fatalf("buried: got %+v, want both", swept.Buried)
		}
		b.wantFollowUps("FAILED E:1:g:dead_lettered", "FAILED :"+deliveries[1].ID.String()+":g:dead_lettered")
		if got := b.followUps()[1]["dead_reason"]; got != stream.DeadDeleted {
			b.Errorf("reason: got %q, want that it was deleted", got)
		}
	})
}

// makeSilent has an entry look as if its owner had been silent for long.
func (b bench) makeSilent(id stream.ID) {
	b.Helper()
	keys := b.client.Keys()
	err := b.client.Redis().Do(b.Context(), "XCLAIM", keys.Stream(), "g", "gone", 0, id.String(), "IDLE", 3_600_000,
		"RETRYCOUNT", 1, "JUSTID").Err()
	if err != nil && err != redis.Nil { //nolint:errorlint // go-redis returns it as it is
		b.Fatal(err)
	}
}

func TestEveryBurialEmits(t *testing.T) {
	ways := map[string]func(b bench, group *stream.Group, id stream.ID) error{
		"renew": func(b bench, group *stream.Group, id stream.ID) error {
			_, err := group.Renew(b.Context(), []stream.ID{id})
			return err
		},
		"release": func(b bench, group *stream.Group, id stream.ID) error {
			_, err := group.Release(b.Context(), []stream.Release{{ID: id, Deliveries: 1}})
			return err
		},
		"give up": func(b bench, group *stream.Group, id stream.ID) error {
			_, err := group.GiveUp(b.Context(), stream.GiveUp{ID: id, Reason: stream.DeadPermanent})
			return err
		},
		"adopt": func(b bench, group *stream.Group, _ stream.ID) error {
			_, _, err := group.Adopt(b.Context(), func(stream.ID) bool { return false }, stream.Room{Entries: 1, Bytes: 1})
			return err
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(b bench) {
				b.add("event", "E")
				group := b.emitting()
				id := b.read(group, 1)[0].ID
				b.client.Redis().XDel(b.Context(), b.client.Keys().Stream(), id.String())
				if err := way(b, group, id); err != nil {
					b.Fatal(err)
				}
				b.wantPending()
				if got := b.followUps(); len(got) != 1 || got[0]["event"] != "FAILED" || got[0]["causation_entry"] != id.String() {
					b.Errorf("follow-ups: got %q, want one", got)
				}
			})
		})
	}
}

func TestFollowUpOfWhatNobodyCanRead(t *testing.T) {
	entries := map[string]struct {
		reason string
		fields []string
		want   map[string]string
	}{
		"undecodable": {
			stream.DeadUndecodable,
			[]string{"x", "y", "data", "1", "subject", "k"},
			map[string]string{"subject": "k", "x": "", "data": ""},
		},
		"destroyed":   {stream.DeadDataDestroyed, []string{"event", "E", "data", "Array"}, map[string]string{"data": ""}},
		"too large":   {stream.DeadTooLarge, []string{"event", "E", "data", "1"}, map[string]string{"data": ""}},
		"an envelope": {"permanent", []string{"body", `{"type":"E","data":1}`}, map[string]string{"data": "1", "body": ""}},
		"two envelopes": {
			"permanent",
			[]string{"a", `{"type":"E"}`, "b", `{"type":"F"}`},
			map[string]string{"data": "", "a": `{"type":"E"}`},
		},
		"bare fields": {"permanent", []string{"order", "1", "x", "{"}, map[string]string{"data": "", "order": "1"}},
	}
	for name, entry := range entries {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(b bench) {
				b.add(entry.fields...)
				group := b.emitting()
				id := b.read(group, 1)[0].ID
				if _, err := group.GiveUp(b.Context(), stream.GiveUp{ID: id, Reason: entry.reason, Error: "no", EventID: "7"}); err != nil {
					b.Fatal(err)
				}
				got := b.followUps()[0]
				for field, want := range entry.want {
					if got[field] != want {
						b.Errorf("field %s: got %q, want %q", field, got[field], want)
					}
				}
			})
		})
	}
}

func TestFollowUpOfVeryManyFields(t *testing.T) {
	onEach(t, func(b bench) {
		fields := []string{"event", "E", "data", "", "data", "{}"}
		for i := range 1500 {
			fields = append(fields, "f"+strconv.Itoa(i), "x")
		}
		b.add(fields...)
		b.settle(b.emitting(), b.read(b.a, 1)[0])
		if got := b.followUps()[0]; got["data"] != "{}" || got["f7"] != "" {
			b.Errorf("follow-up: got %d fields, data %q", len(got), got["data"])
		}
	})
}

func TestChainOfFollowUpsIsCut(t *testing.T) {
	onEach(t, func(b bench) {
		group := b.emitting()
		for depth, cut := range map[string]bool{"15": false, "16": true, "99999999999999999999": true, "-3": false, "x": false} {
			b.add("event", "E", "causation", "0", "causation_depth", depth)
			had := len(b.followUps())
			settlement := b.settle(group, b.read(group, 1)[0])
			if got := len(settlement.Cut) == 1; got != cut || len(b.followUps()) == had != cut {
				b.Errorf("depth %s: got cut %v and %d more, want %v", depth, got, len(b.followUps())-had, cut)
			}
			if !cut {
				b.readAndAck()
			}
		}
		b.wantPending()
		b.add("event", "E", "causation_depth", "16")
		id := b.read(group, 1)[0].ID
		given, err := group.GiveUp(b.Context(), stream.GiveUp{ID: id, Reason: stream.DeadPermanent})
		if err != nil || !given.Owned || !given.Cut {
			b.Errorf("give up: got %+v, %v, want that it is cut", given, err)
		}
		b.wantPending()
	})
}

// readAndAck settles the next entry without a follow-up.
func (b bench) readAndAck() {
	b.Helper()
	if _, err := b.a.Ack(b.Context(), ids(b.read(b.a, 1))); err != nil {
		b.Fatal(err)
	}
}

func TestSettleIsSafeToRepeat(t *testing.T) {
	onEach(t, func(b bench) {
		for i := range 3 {
			b.add("event", "E", "event_id", strconv.Itoa(i))
		}
		group := b.emitting()
		deliveries := b.read(group, 3)
		b.claim("b", deliveries[1].ID)
		for range 2 {
			settlement := b.settle(group, deliveries...)
			b.wantFollowUps("RESERVED E:0:g:acked", "RESERVED E:2:g:acked")
			if !slices.Contains(settlement.Lost, deliveries[1].ID) {
				b.Errorf("lost: got %v, want what another consumer owns", settlement.Lost)
			}
		}
		for range 2 {
			letter := stream.GiveUp{ID: deliveries[1].ID, Reason: stream.DeadPermanent, Event: "E", EventID: "1"}
			if _, err := b.b.Emitting(stream.Emit{DeadLettered: "FAILED"}).GiveUp(b.Context(), letter); err != nil {
				b.Fatal(err)
			}
		}
		b.wantFollowUps("RESERVED E:0:g:acked", "RESERVED E:2:g:acked", "FAILED E:1:g:dead_lettered")
	})
}

func TestSettleKeepsResultsAndMarkers(t *testing.T) {
	onEach(t, func(b bench) {
		b.add("event", "E", "event_id", "1")
		settled := settledOf(b.read(b.a, 1))
		settled[0].Result = "booked as 7"
		settlement, err := b.a.Settle(b.Context(), settled, stream.Keep{Markers: time.Minute, Results: time.Hour})
		if err != nil || len(settlement.Lost) > 0 || settlement.Refused != nil {
			b.Fatalf("settle: got %+v, %v", settlement, err)
		}
		keys := b.client.Keys()
		for key, want := range map[string]string{
			keys.Result("g", settled[0].ID): "booked as 7", keys.Done("g", "E", "1"): "done " + settled[0].ID.String(),
		} {
			got := b.client.Redis().Get(b.Context(), key).Val()
			life := b.client.Redis().PTTL(b.Context(), key).Val()
			if got != want || life <= 0 {
				b.Errorf("%s: got %q for %v, want %q", key, got, life, want)
			}
		}
		b.wantFollowUps()
		b.wantPending()
	})
}

// What is kept for less than a millisecond is not kept, and takes no key of another one's.
func TestSettleKeepsNothingForNoTime(t *testing.T) {
	onEach(t, func(b bench) {
		b.add("event", "E", "event_id", "1")
		b.add("event", "E", "event_id", "2")
		settled := settledOf(b.read(b.a, 2))
		settled[0].Result, settled[1].Result = "x", "y"
		if _, err := b.a.Settle(b.Context(), settled, stream.Keep{Markers: time.Hour, Results: time.Microsecond}); err != nil {
			b.Fatal(err)
		}
		for _, entry := range settled {
			want := "done " + entry.ID.String()
			if got := b.client.Redis().Get(b.Context(), b.client.Keys().Done("g", "E", entry.EventID)).Val(); got != want {
				b.Errorf("marker: got %q, want %q", got, want)
			}
			if got := b.client.Redis().Exists(b.Context(), b.client.Keys().Result("g", entry.ID)).Val(); got != 0 {
				b.Error("a result was kept")
			}
		}
	})
}

// Out of memory: nothing is acked and nothing added, and later both are.
func TestFollowUpInFullMemory(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b := newBench(t, server.URL())
	group := b.emitting()
	b.add("event", "E", "event_id", "1")
	b.add("event", "E", "event_id", "2")
	deliveries := b.read(group, 2)
	letter := stream.GiveUp{ID: deliveries[1].ID, Reason: stream.DeadPermanent, Event: "E", EventID: "2"}
	b.client.Redis().ConfigSet(b.Context(), "maxmemory", "1")
	if _, err := group.Settle(b.Context(), settledOf(deliveries[:1]), stream.Keep{}); err == nil || !strings.Contains(err.Error(), "OOM") {
		b.Errorf("settle: got %v, want OOM", err)
	}
	if _, err := group.GiveUp(b.Context(), letter); err == nil || !strings.Contains(err.Error(), "OOM") {
		b.Errorf("give up: got %v, want OOM", err)
	}
	b.wantFollowUps()
	b.wantPending(deliveries[0].ID.String()+" a 1", deliveries[1].ID.String()+" a 1")
	if dead := b.dead(); dead != nil {
		b.Errorf("dead letters: got %v, want none", dead)
	}
	b.client.Redis().ConfigSet(b.Context(), "maxmemory", "0")
	b.settle(group, deliveries[0])
	if _, err := group.GiveUp(b.Context(), letter); err != nil {
		b.Error(err)
	}
	b.wantFollowUps("RESERVED E:1:g:acked", "FAILED E:2:g:dead_lettered")
	b.wantPending()
}

// A result is not worth holding up an ack.
func TestResultIsRefusedAlone(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b := newBench(t, server.URL())
	b.add("event", "E", "event_id", "1")
	settled := settledOf(b.read(b.a, 1))
	settled[0].Result = "booked as 7"
	b.client.Redis().ConfigSet(b.Context(), "maxmemory", "1")
	settlement, err := b.a.Settle(b.Context(), settled, stream.Keep{Results: time.Hour})
	if err != nil || settlement.Refused == nil {
		b.Errorf("settle: got %+v, %v, want that the result was refused", settlement, err)
	}
	b.wantPending()
}

// A key of dead letters that is no stream leaves everything as it was, the stream too.
func TestRefusedDeadLetterHasNoFollowUp(t *testing.T) {
	onEach(t, func(b bench) {
		group := b.emitting()
		b.add("event", "E")
		id := b.read(group, 1)[0].ID
		b.client.Redis().Set(b.Context(), b.client.Keys().Dead("g"), "no stream", 0)
		if _, err := group.GiveUp(b.Context(), stream.GiveUp{ID: id, Reason: stream.DeadPermanent}); err == nil {
			b.Error("give up: got no error")
		}
		b.wantFollowUps()
		b.wantPending(id.String() + " a 1")
	})
}

// A stream of dead letters that takes none is found out only when the follow-up is there already.
func TestRefusedDeadLetterTakesItsFollowUpBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, redistest.Start(t).URL())
	group := b.emitting()
	b.add("event", "E")
	id := b.read(group, 1)[0].ID
	last := fmt.Sprintf("%d-%d", uint64(math.MaxUint64), uint64(math.MaxUint64))
	if err := b.client.Redis().Do(b.Context(), "XADD", b.client.Keys().Dead("g"), last, "a", "b").Err(); err != nil {
		b.Fatal(err)
	}
	for range 3 {
		if _, err := group.GiveUp(b.Context(), stream.GiveUp{ID: id, Reason: stream.DeadPermanent}); err == nil {
			b.Error("give up: got no error")
		}
	}
	b.wantFollowUps()
	b.wantPending(id.String() + " a 1")
}

func TestCutResult(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, result, want string }{
		{"none", "", ""},
		{"short", "\xff\x00", "\xff\x00"},
		{"all of it", strings.Repeat("x", stream.MaxResultBytes), strings.Repeat("x", stream.MaxResultBytes)},
		{"long", strings.Repeat("x", 5000), strings.Repeat("x", stream.MaxResultBytes-6) + " [...]"},
		{"cut in a character", strings.Repeat("é", 2500), strings.Repeat("é", 2045) + " [...]"},
	} {
		if got := stream.CutResult([]byte(test.result)); got != test.want {
			t.Errorf("%s: got %d bytes ending in %q, want %d", test.name, len(got), got[max(0, len(got)-10):], len(test.want))
		}
	}
}

func TestEmitValidate(t *testing.T) {
	t.Parallel()
	if err := (stream.Emit{Acked: "A", DeadLettered: "order.failed"}).Validate(); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	err := stream.Emit{Acked: "a\nb", DeadLettered: strings.Repeat("x", 300)}.Validate()
	if err == nil || !strings.Contains(err.Error(), "emit acked") || !strings.Contains(err.Error(), "emit dead_lettered") {
		t.Errorf("got %v, want both faults", err)
	}
}

// envelopes are entries in an envelope; what follows them has the data that their handler got.
func envelopes() []string {
	return []string{
		`{"type":"E","data":{"b":1,"a":[12345678901234567890, 1.50, {}, []]}}`,
		` { "type" : "E" , "payload" : [ 1 , "}\"]\\" ] , "x":null}`,
		`{"event":"E","payload":1,"data":2}`,
		`{"data":"{\"order_id\":1}","event":"E"}`,
		`{"event":"E","data":"\u00e9\n\ud83d\ude00"}`,
		`{"event":"E","data":null,"payload":1}`,
		`{"event":"E","data":""}`,
		`{"event":"E","data":"","payload":"x"}`,
		`{"event":"E","data":{},"payload":null}`,
		`{"event":"E","data":true}`,
		`{"event":"E","data":-1.5e10 }`,
		`{"event":"E","data":1,"data":{"last":"one"}}`,
		`{"event":"E","d\u0061ta":{}}`,
		`{"event":"E","other":{"data":1}}`,
		`{"event":"E"}`,
		`{"event_name":"E","data":{"quoted \"}":"[","\\":"\\\\"},"z":"z"}`,
		`{"event":null,"type":"E","data":1}`,
		`{"event":{"id":1},"type":"E","data":1}`,
		`{"event":"","type":"E","data":1}`,
		`{"event":"E","aggregate_id":"k","traceparent":"00-1","shop":"north","data":{"order_id":1}}`,
		`{"event":"E","aggregate_id":7,"subject":"s","key":{},"to":"kim","event_id":"1","timestamp":1,"causation":"c","data":1}`,
		`{"event":"E","key":null,"subject":true,"shop":"north"}`,
		`{"event":"E","data":1,"a":"","n":null,"list":[1,2],"ce_source":"s"}`,
	}
}

func TestFollowUpOfAnEnvelope(t *testing.T) {
	onEach(t, func(b bench) {
		group := b.emitting()
		for _, text := range envelopes() {
			for _, field := range []string{"body", "data", "payload"} {
				b.wantContentOf(group, field, text)
			}
		}
	})
}

// wantContentOf adds an envelope in a field and compares what follows with what the envelope decodes to.
func (b bench) wantContentOf(group *stream.Group, field, text string) {
	b.Helper()
	id := b.add("tag", "t", field, text)
	delivery := b.read(group, 1)[0]
	want, err := stream.Decode(delivery.Entry, stream.DecodeOptions{})
	if err != nil {
		b.Fatalf("%s: %v", text, err)
	}
	b.settle(group, delivery)
	follows := b.read(b.a, 1)[0]
	got, err := stream.Decode(follows.Entry, stream.DecodeOptions{})
	if err != nil || got.Headers["causation_entry"] != id.String() || takenOver(got) != takenOver(want) {
		b.Errorf("%s %s:\n got %s, %v\nwant %s", field, text, takenOver(got), err, takenOver(want))
	}
	if _, err := b.a.Ack(b.Context(), []stream.ID{follows.ID}); err != nil {
		b.Fatal(err)
	}
}

// takenOver is what an event has in common with what follows it.
func takenOver(event stream.Event) string {
	headers := map[string]string{}
	for name, value := range event.Headers {
		if known := []string{"event", "event_name", "type"}; !strings.HasPrefix(name, "causation") && !slices.Contains(known, name) {
			headers[name] = value
		}
	}
	return fmt.Sprintf("%q %q %q %q", event.Data, event.AggregateID, event.TraceParent, headers)
}
