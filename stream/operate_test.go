package stream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/stream"
)

// fail makes a dead letter of the oldest entry that was not read: group g gives it up as permanent.
func (b bench) fail() stream.ID {
	b.Helper()
	delivery := b.read(b.a, 1)[0]
	event, _ := stream.Decode(delivery.Entry, stream.DecodeOptions{})
	given, err := b.a.GiveUp(b.Context(), stream.GiveUp{
		ID: delivery.ID, Reason: stream.DeadPermanent, Error: "no \x01 stock",
		Event: event.Name, EventID: event.ID,
	})
	if err != nil || !given.Owned {
		b.Fatalf("give up %s: got %+v, %v", delivery.ID, given, err)
	}
	return delivery.ID
}

// bury adds an entry and makes a dead letter of it.
func (b bench) bury(fields ...string) stream.ID {
	b.Helper()
	b.add(fields...)
	return b.fail()
}

func (b bench) letters() []stream.DeadLetter {
	b.Helper()
	letters, err := b.client.DeadLetters(b.Context(), "g", stream.ID{}, 1000)
	if err != nil {
		b.Fatal(err)
	}
	return letters
}

func (b bench) requeue(ids ...stream.ID) []stream.Requeued {
	b.Helper()
	requeued, err := b.client.Requeue(b.Context(), "g", ids)
	if err != nil {
		b.Fatal(err)
	}
	return requeued
}

func TestDeadLetterIsShownAsItWas(t *testing.T) {
	onEach(t, func(b bench) {
		b.add("dead_id", "1-1", "event", "E", "data", "\xff", "event_id", "7", "data", "again")
		entry := b.fail()
		letters := b.letters()
		if len(letters) != 1 {
			b.Fatalf("dead letters: got %d, want 1", len(letters))
		}
		got := letters[0]
		if age := time.Since(got.At); age < -time.Second || age > time.Minute {
			b.Errorf("at: got %v", got.At)
		}
		wantFields := []stream.Field{
			{Name: "dead_id", Value: "1-1"},
			{Name: "event", Value: "E"},
			{Name: "data", Value: "\xff"},
			{Name: "event_id", Value: "7"},
			{Name: "data", Value: "again"},
		}
		if !slices.Equal(got.Fields, wantFields) {
			b.Errorf("fields: got %q, want %q", got.Fields, wantFields)
		}
		want := stream.DeadLetter{
			ID: got.ID, EntryID: entry, Reason: stream.DeadPermanent, Error: "no \ufffd stock", Deliveries: 1,
			Consumer: "a", EventID: "7", At: got.At, Fields: got.Fields,
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			b.Errorf("dead letter:\n got %+v\nwant %+v", got, want)
		}
	})
}

func TestDeadLettersArePagedFoundAndRemoved(t *testing.T) {
	onEach(t, func(b bench) {
		ctx := b.Context()
		var entries []stream.ID
		for range 45 {
			b.add()
			entries = append(entries, b.fail())
		}
		var paged []stream.ID
		for from := (stream.ID{}); ; {
			page, err := b.client.DeadLetters(ctx, "g", from, 10)
			if err != nil {
				b.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, letter := range page {
				paged = append(paged, letter.EntryID)
			}
			from = page[len(page)-1].ID.Next()
		}
		if !slices.Equal(paged, entries) {
			b.Errorf("pages: got %v, want %v", paged, entries)
		}
		letters := b.letters()
		for _, id := range []stream.ID{letters[3].ID, entries[3]} {
			got, err := b.client.DeadLetter(ctx, "g", id)
			if err != nil || got.EntryID != entries[3] && got.ID != id {
				b.Errorf("dead letter %s: got %s of %s, %v, want %s of %s", id, got.ID, got.EntryID, err, letters[3].ID, entries[3])
			}
		}
		if _, err := b.client.DeadLetter(ctx, "g", stream.ID{Ms: 5}); !errors.Is(err, stream.ErrNotFound) {
			b.Errorf("dead letter 5-0: got %v, want ErrNotFound", err)
		}
		first := []stream.ID{letters[0].ID, letters[1].ID}
		for _, want := range []int{2, 0} {
			if got, err := b.client.RemoveDead(ctx, "g", first); err != nil || got != want {
				b.Errorf("remove: got %d, %v, want %d", got, err, want)
			}
		}
		if got, err := b.client.CountDead(ctx, "g"); err != nil || got != 43 {
			b.Errorf("count: got %d, %v, want 43", got, err)
		}
	})
}

func TestRequeuedEntryIsTheSameEvent(t *testing.T) {
	entries := map[string][]string{
		"all given": {
			"event", "E", "data", `{"a":1}`, "event_id", "7", "timestamp", "1763700000", "aggregate_id", "k",
			"traceparent", "tp", "shop", "3",
		},
		"bare":                     {"event", "E"},
		"aliases":                  {"type", "E", "payload", "x", "ce_id", "7", "occurred_on", "2026-01-31T08:00:00Z", "subject", "k"},
		"an id of the order":       {"event", "E", "id", "12"},
		"an unreadable time":       {"event", "E", "timestamp", "yesterday"},
		"all times unreadable":     {"event", "E", "timestamp", "a", "created_at", "b", "occurred_on", "c"},
		"empty values":             {"event", "E", "event_id", "", "timestamp", "", "data", "", "x", ""},
		"repeated and any bytes":   {"event", "E", "\xff", "\x00", "\xff", "2", "data", "1", "data", "2"},
		"an envelope":              {"body", `{"event":"E","data":{"a":1},"to":"me@example.org"}`},
		"an envelope with an id":   {"body", `{"event":"E","event_id":"7","timestamp":1763700000,"payload":"x"}`, "tag", "t"},
		"an earlier replay":        {"event", "E", "to", "g", "replay_of", "5-0"},
		"facts as fields":          {"event", "E", "dead_id", "1-1", "dead_fields", "1:a,1:b,"},
		"dead_fields alone, named": {"dead_fields", `{"event":"E"}`},
		"very many fields":         manyFields(3000),
		"just not packed":          manyFields(1000),
		"just packed":              manyFields(1001),
	}
	onEach(t, func(b bench) {
		for name, fields := range entries {
			failed := b.bury(fields...)
			letter := b.letters()[0]
			original := stream.Entry{ID: failed, Fields: letter.Fields}
			want, err := stream.Decode(original, stream.DecodeOptions{})
			if err != nil || len(letter.Fields) != len(fields)/2 {
				b.Fatalf("%s: letter has %d fields, decodes with %v, want %d", name, len(letter.Fields), err, len(fields)/2)
			}
			requeued := b.requeue(letter.ID, letter.ID)
			if len(requeued) != 2 || requeued[0].EntryID.IsZero() || !requeued[1].Gone {
				b.Fatalf("%s: requeue twice: got %+v, want an entry and gone", name, requeued)
			}
			again := b.read(b.a, 10)
			if len(again) != 1 || again[0].ID != requeued[0].EntryID {
				b.Fatalf("%s: read: got %v, want %s", name, ids(again), requeued[0].EntryID)
			}
			got, err := stream.Decode(again[0].Entry, stream.DecodeOptions{})
			want.To, want.ReplayOf = "g", failed.String()
			if err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				b.Errorf("%s: %v\n got %.2000q\nwant %.2000q", name, err, got, want)
			}
			if to := stream.Recipient(again[0].Entry); to != "g" {
				b.Errorf("%s: recipient %q, want g", name, to)
			}
			if left := len(b.letters()); left != 0 {
				b.Errorf("%s: %d dead letters are left, want 0", name, left)
			}
		}
	})
}

func manyFields(count int) []string {
	fields := []string{"event", "E"}
	for i := range count - 1 {
		fields = append(fields, "f"+strconv.Itoa(i), strings.Repeat(",1:", i%5))
	}
	return fields
}

func TestRequeueRefusesWhatCannotHelp(t *testing.T) {
	onEach(t, func(b bench) {
		b.add("order_id", "5")
		b.add("event", "E", "data", "Array")
		b.fail()
		b.fail()
		deleted := b.add()
		b.read(b.a, 1)
		b.client.Redis().XDel(b.Context(), b.client.Keys().Stream(), deleted.String())
		if _, err := b.a.GiveUp(b.Context(), stream.GiveUp{ID: deleted, Reason: stream.DeadPermanent}); err != nil {
			b.Fatal(err)
		}
		b.client.Redis().Do(b.Context(), "XADD", b.client.Keys().Dead("g"), "*", "event", "E")
		want := []string{"has no event name", "json_encode", "deleted", "not written by Millrace"}
		var letters []stream.ID
		for _, letter := range b.letters() {
			letters = append(letters, letter.ID)
		}
		requeued := b.requeue(letters...)
		if len(requeued) != len(want) {
			b.Fatalf("requeue: got %+v, want %d refusals", requeued, len(want))
		}
		for i, got := range requeued {
			if !strings.Contains(got.Refused, want[i]) || !got.EntryID.IsZero() {
				b.Errorf("requeue %d: got %+v, want a refusal with %q", i, got, want[i])
			}
		}
		if left := len(b.letters()); left != 4 {
			b.Errorf("%d dead letters are left, want 4", left)
		}
	})
}

func TestRequeueTakesANameSetSince(t *testing.T) {
	onEach(t, func(b bench) {
		b.add("order_id", "5")
		b.fail()
		_, err := b.client.EnsureGroups(b.Context(), []stream.GroupSpec{{
			Name:         "g",
			Registration: stream.Registration{Events: []string{"*"}, Unnamed: "orders.created"},
		}})
		if err != nil {
			b.Fatal(err)
		}
		if got := b.requeue(b.letters()[0].ID); got[0].EntryID.IsZero() {
			b.Fatalf("requeue: got %+v, want an entry", got)
		}
		event, err := stream.Decode(b.read(b.a, 1)[0].Entry, stream.DecodeOptions{Unnamed: "orders.created"})
		if err != nil || event.Name != "orders.created" || !maps.Equal(event.Headers, map[string]string{"order_id": "5"}) {
			b.Errorf("event: got %+v, %v", event, err)
		}
	})
}

func TestRequeueCommandsSayWhatRequeueDoes(t *testing.T) {
	onEach(t, func(b bench) {
		b.add("event", "E", "data", `{"name":"O'Neil \"x\" 李"}`+"\n", "event_id", "7", "timestamp", "1763700000")
		entry := b.fail()
		letter := b.letters()[0].ID
		commands, without, err := b.client.RequeueCommands(b.Context(), "g", []stream.ID{letter, {Ms: 5}})
		if err != nil || len(commands) != 4 || len(without) != 1 || !without[0].Gone {
			b.Fatalf("commands: got %v, without %+v, %v", commands, without, err)
		}
		if len(b.letters()) != 1 {
			b.Fatal("the dead letter was touched")
		}
		want := []string{
			"MULTI",
			`XADD event_stream "*" event E data "{\"name\":\"O'Neil \\\"x\\\" \xe6\x9d\x8e\"}\x0a" event_id 7 timestamp 1763700000 ` +
				`to g replay_of ` + entry.String(),
			`XDEL {event_stream}:dead:g ` + letter.String(), "EXEC",
		}
		for i, command := range commands {
			if got := command.String(); got != want[i] {
				b.Errorf("command %d:\n got %s\nwant %s", i, got, want[i])
			}
		}
	})
}

// TestRequeueIsSafeToRepeat has eight operators requeue the same letters at once.
func TestRequeueIsSafeToRepeat(t *testing.T) {
	onEach(t, func(b bench) {
		for range 20 {
			b.add()
			b.fail()
		}
		b.bury(manyFields(1500)...)
		var letters []stream.ID
		for _, letter := range b.letters() {
			letters = append(letters, letter.ID)
		}
		before := b.length()
		results := make(chan error)
		for range 8 {
			go func() {
				_, err := b.client.Requeue(b.Context(), "g", letters)
				results <- err
			}()
		}
		for range 8 {
			if err := <-results; err != nil {
				b.Error(err)
			}
		}
		if added := b.length() - before; added != 21 {
			b.Errorf("entries added: got %d, want 21", added)
		}
	})
}

func (b bench) length() int {
	b.Helper()
	length, err := b.client.Redis().XLen(b.Context(), b.client.Keys().Stream()).Result()
	if err != nil {
		b.Fatal(err)
	}
	return int(length)
}

func TestDeadLetterInJSON(t *testing.T) {
	letter := stream.DeadLetter{
		ID: stream.ID{Ms: 2, Seq: 1}, EntryID: stream.ID{Ms: 1}, Reason: "permanent",
		At: time.UnixMilli(1763700000000).UTC(), Fields: []stream.Field{{Name: "event", Value: "E"}},
	}
	got, err := json.Marshal(letter)
	want := `{"id":"2-1","entry_id":"1-0","reason":"permanent","error":"","deliveries":0,"consumer":"",` +
		`"at":"2025-11-21T04:40:00Z","event_id":"","fields":[{"name":"event","value":"E"}]}`
	if err != nil || string(got) != want {
		t.Errorf("JSON: %v\n got %s\nwant %s", err, got, want)
	}
}

func TestEventTellsAsWhatItWasRequeued(t *testing.T) {
	onEach(t, func(b bench) {
		id := b.bury("event", "E")
		repeat := b.requeue(b.letters()[0].ID)[0].EntryID
		b.add("event", "E", "replay_of", repeat.String(), "to", "g")
		status, err := b.client.Event(b.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if got := status.Groups[0]; got.State != stream.StateAcked || got.RequeuedAs != repeat {
			t.Errorf("Event(%s): got %+v, want acked, requeued as %s", id, got, repeat)
		}
	})
}
