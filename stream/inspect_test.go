package stream_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/stream"
)

func (b bench) groupStatus(name string) stream.GroupStatus {
	b.Helper()
	groups, err := b.client.Groups(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, group := range groups {
		if group.Name == name {
			return group
		}
	}
	b.Fatalf("group %s is not among %+v", name, groups)
	return stream.GroupStatus{}
}

func TestInspectWithoutAStream(t *testing.T) {
	onEach(t, func(b bench) {
		b.do("DEL", b.client.Keys().Stream(), b.client.Keys().Groups())
		status, err := b.client.Inspect(b.Context())
		if err != nil || status.Length != 0 || !status.LastEntry.IsZero() || len(status.Groups) != 0 {
			b.Errorf("inspect: got %+v, %v", status, err)
		}
		if age := time.Since(status.Time); age < -time.Second || age > time.Minute {
			b.Errorf("time: got %v", status.Time)
		}
	})
}

func TestInspectTellsHowGroupsStand(t *testing.T) {
	onEach(t, func(b bench) {
		first := b.add()
		b.fail()
		second, third := b.add(), b.add()
		b.add()
		last := b.add()
		b.read(b.a, 3)
		_, err := b.a.Release(b.Context(), []stream.Release{{ID: third, Deliveries: 1, Tries: 1, Delay: time.Hour, Reason: stream.RetryFailed}})
		if err != nil {
			b.Fatal(err)
		}
		now, err := b.client.Redis().Time(b.Context()).Result()
		if err != nil {
			b.Fatal(err)
		}
		keys := b.client.Keys()
		b.do("HSET", keys.Groups(), "g", `{"kind":"inventory","events":["NEW*"],"lease_ms":10000}`,
			"g:seen", now.UnixMilli(), "lost", "{", "lost:checkpoint", second.String())
		b.do("HSET", keys.Consumers("g"), "a", now.UnixMilli(), "dead", now.UnixMilli()-20_000)
		b.do("XGROUP", "CREATE", keys.Stream(), "php:worker", first.String())

		status, err := b.client.Inspect(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if status.Length != 5 || status.FirstEntry != first || status.LastEntry != last || status.LastGenerated != last {
			b.Errorf("stream: got %+v, want 5 entries from %s to %s", status, first, last)
		}
		var names []string
		for _, group := range status.Groups {
			names = append(names, group.Name)
		}
		if want := []string{"g", "lost", "php:worker"}; !slices.Equal(names, want) {
			b.Fatalf("groups: got %q, want %q", names, want)
		}
		g, lost, php := status.Groups[0], status.Groups[1], status.Groups[2]
		if g.Registration == nil || g.Registration.Kind != "inventory" || !g.Exists || g.Seen.UnixMilli() != now.UnixMilli() {
			b.Errorf("g: got %+v", g)
		}
		if g.Pending != 3 || g.Waiting != 1 || g.OldestPending != second || !g.OldestPendingTime.Equal(second.Time()) || g.Dead != 1 {
			b.Errorf("g: got %+v, want 3 pending from %s, 1 of them waiting, 1 dead", g, second)
		}
		if g.Lag != 1 || g.LagIsEstimate {
			b.Errorf("g: lag: got %d, estimate %v, want 1", g.Lag, g.LagIsEstimate)
		}
		wantConsumers := []stream.ConsumerStatus{
			{Name: "a", Pending: 2, Seen: time.UnixMilli(now.UnixMilli()).UTC(), Alive: true},
			{Name: "dead", Seen: time.UnixMilli(now.UnixMilli() - 20_000).UTC()},
		}
		if !slices.Equal(g.Consumers, wantConsumers) {
			b.Errorf("g: consumers:\n got %+v\nwant %+v", g.Consumers, wantConsumers)
		}
		if lost.Exists || lost.Registration == nil || lost.LastDelivered != second || lost.Lag != 3 {
			b.Errorf("lost: got %+v, want missing, registered, at %s with a lag of 3", lost, second)
		}
		b.do("HSET", keys.Groups(), "lost:checkpoint", "18446744073709551615-0")
		if lost := b.groupStatus("lost"); lost.Lag != 5 {
			b.Errorf("lost, with a checkpoint above the stream: got a lag of %d, want 5: it begins at the beginning", lost.Lag)
		}
		if php.Registration != nil || !php.Exists || php.Lag != 4 || php.Pending != 0 || len(php.Consumers) != 0 {
			b.Errorf("php: got %+v, want no registration and a lag of 4", php)
		}
	})
}

func TestLagIsOurOwn(t *testing.T) {
	onEach(t, func(b bench) {
		key := b.client.Keys().Stream()
		check := func(when string, want int, estimate bool) {
			b.Helper()
			if g := b.groupStatus("g"); g.Lag != want || g.LagIsEstimate != estimate {
				b.Errorf("%s: lag: got %d, estimate %v, want %d, %v", when, g.Lag, g.LagIsEstimate, want, estimate)
			}
		}
		check("empty", 0, false)
		entries := b.addMany(10)
		check("nothing read", 10, false)
		b.read(b.a, 4)
		check("four read", 6, false)
		b.do("XDEL", key, entries[6].String(), entries[8].String())
		check("two deleted behind", 4, false)
		b.do("XDEL", key, entries[9].String())
		check("the last deleted", 3, false)
		b.do("XTRIM", key, "MINID", entries[4].String())
		check("trimmed to what was not read", 3, false)
		b.do("XTRIM", key, "MINID", entries[7].String())
		check("trimmed beyond", 1, false)
		b.read(b.a, 10)
		check("all read", 0, false)
		b.do("DEL", key)
		check("the stream is gone", 0, false)
	})
}

// addMany adds count entries in one go.
func (b bench) addMany(count int) []stream.ID {
	b.Helper()
	pipe := b.client.Redis().Pipeline()
	for range count {
		pipe.Do(b.Context(), "XADD", b.client.Keys().Stream(), "*", "event", "E")
	}
	if _, err := pipe.Exec(b.Context()); err != nil {
		b.Fatal(err)
	}
	left := b.left()
	return left[len(left)-count:]
}

func TestLongLagIsAnEstimate(t *testing.T) {
	onEach(t, func(b bench) {
		b.addMany(1500)
		b.read(b.a, 500)
		if g := b.groupStatus("g"); g.Lag != 1000 && !g.LagIsEstimate {
			b.Errorf("lag of 1,000: got %d, exact", g.Lag)
		}
		b.read(b.a, 1)
		if g := b.groupStatus("g"); g.Lag != 999 || g.LagIsEstimate {
			b.Errorf("lag of 999: got %d, estimate %v", g.Lag, g.LagIsEstimate)
		}
		b.addMany(500)
		if g := b.groupStatus("g"); g.Lag < 1000 || g.Lag > 2000 || !g.LagIsEstimate {
			b.Errorf("lag of 1,499: got %d, estimate %v", g.Lag, g.LagIsEstimate)
		}
	})
}

func TestPendingIsPaged(t *testing.T) {
	onEach(t, func(b bench) {
		entries := b.addMany(120)
		odd := b.add("order_id", "5")
		b.read(b.a, 200)
		_, err := b.a.Release(b.Context(), []stream.Release{
			{ID: entries[1], Deliveries: 1, Tries: 1, Delay: time.Hour, Reason: stream.RetryFailed, Error: "no printer"},
		})
		if err != nil {
			b.Fatal(err)
		}
		all, err := b.client.Pending(b.Context(), "g", stream.ID{}, 1000)
		if err != nil || len(all) != 121 || all[120].ID != odd || all[120].Event != "" {
			b.Fatalf("pending: got %d, %v, want 121 up to %s", len(all), err, odd)
		}
		first, waiting := all[0], all[1]
		first.IdleMs, waiting.IdleMs = 0, 0
		want := stream.PendingEntry{
			ID: entries[0], Added: entries[0].Time().UTC(), Event: "E",
			Holding: stream.Holding{Consumer: "a", Deliveries: 1},
		}
		if first != want {
			b.Errorf("first:\n got %+v\nwant %+v", first, want)
		}
		if left := time.Until(waiting.NextTry); left < 59*time.Minute || left > 61*time.Minute {
			b.Errorf("next try: in %v, want an hour", left)
		}
		want = stream.PendingEntry{ID: entries[1], Added: entries[1].Time().UTC(), Event: "E", Holding: stream.Holding{
			Consumer: "waiting", Deliveries: 1, Reason: "failed", Error: "no printer", NextTry: waiting.NextTry,
		}}
		if waiting != want {
			b.Errorf("second:\n got %+v\nwant %+v", waiting, want)
		}
		page, err := b.client.Pending(b.Context(), "g", all[9].ID.Next(), 5)
		if err != nil || len(page) != 5 || page[0].ID != entries[10] {
			b.Errorf("page: got %+v, %v, want 5 from %s", page, err, entries[10])
		}
		if _, err := b.client.Pending(b.Context(), "none", stream.ID{}, 5); !errors.Is(err, stream.ErrNotFound) {
			b.Errorf("pending of no group: got %v, want ErrNotFound", err)
		}
	})
}

func (b bench) states(id stream.ID) map[string]string {
	b.Helper()
	status, err := b.client.Event(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	states := map[string]string{}
	for _, group := range status.Groups {
		states[group.Group] = group.State
	}
	return states
}

func TestEventStandsDifferentlyInEachGroup(t *testing.T) {
	onEach(t, func(b bench) {
		keys := b.client.Keys()
		b.do("HSET", keys.Groups(), "other", `{"events":["order.*"]}`, "lost", `{"events":["*"]}`)
		for _, group := range []string{"other", "php"} {
			b.do("XGROUP", "CREATE", keys.Stream(), group, "0")
		}
		check := func(when string, id stream.ID, g, other, php, lost string) {
			b.Helper()
			got, want := b.states(id), map[string]string{"g": g, "other": other, "php": php, "lost": lost}
			for group := range want {
				if got[group] != want[group] {
					b.Errorf("%s: %s: got %q, want %q", when, group, got[group], want[group])
				}
			}
		}
		const notRead = stream.StateNotRead
		id := b.add("event", "E", "event_id", "7", "data", "x")
		check("added", id, notRead, notRead, notRead, notRead)
		for _, group := range []string{"other", "php"} {
			b.do("XREADGROUP", "GROUP", group, "c", "STREAMS", keys.Stream(), ">")
			b.do("XACK", keys.Stream(), group, id.String())
		}
		b.do("HSET", keys.Groups(), "lost:checkpoint", id.String())
		b.read(b.a, 1)
		check("read", id, stream.StateRunning, stream.StatePassedBy, stream.StateAcked, stream.StateAcked)
		_, err := b.a.Release(b.Context(), []stream.Release{{ID: id, Deliveries: 1, Tries: 1, Reason: stream.RetryFailed, Error: "e"}})
		if err != nil {
			b.Fatal(err)
		}
		check("released", id, stream.StateWaiting, stream.StatePassedBy, stream.StateAcked, stream.StateAcked)
		swept := b.sweep(b.b, nil)
		if len(swept.Taken) != 1 {
			b.Fatalf("sweep: got %+v, want one delivery", swept)
		}
		if _, err := b.b.GiveUp(b.Context(), stream.GiveUp{ID: id, Reason: stream.DeadPermanent, Error: "no"}); err != nil {
			b.Fatal(err)
		}
		check("given up", id, stream.StateDead, stream.StatePassedBy, stream.StateAcked, stream.StateAcked)
		status, _ := b.client.Event(b.Context(), id)
		letter := b.letters()[0]
		g := status.Groups[0]
		if g.DeadLetter != letter.ID || g.Holding == nil || *g.Holding != (stream.Holding{
			Consumer: "b", Deliveries: 2,
			Reason: "permanent", Error: "no",
		}) {
			b.Errorf("dead: got %+v, %+v", g, g.Holding)
		}
		b.do("XDEL", keys.Stream(), id.String())
		check("trimmed", id, stream.StateDead, stream.StateUnknown, stream.StateUnknown, stream.StateUnknown)
		status, err = b.client.Event(b.Context(), id)
		if err != nil || status.InStream || status.Event != "E" || status.EventID != "7" || len(status.Fields) != 3 {
			b.Errorf("trimmed: got %+v, %v, want what the dead letter says", status, err)
		}
		b.do("DEL", keys.Dead("g"))
		if _, err := b.client.Event(b.Context(), id); !errors.Is(err, stream.ErrNotFound) || !strings.Contains(err.Error(), "not an event_id") {
			b.Errorf("nothing left: got %v, want ErrNotFound and what was expected", err)
		}
	})
}

func TestEventForOneGroupIsPassedByInTheOthers(t *testing.T) {
	onEach(t, func(b bench) {
		b.do("HSET", b.client.Keys().Groups(), "bare", `{"events":["orders.created"],"unnamed":"orders.created"}`)
		b.do("XGROUP", "CREATE", b.client.Keys().Stream(), "bare", "0")
		mine, nameless := b.add("event", "E", "to", "g"), b.add("order_id", "5")
		for _, group := range []string{"g", "bare"} {
			b.do("XREADGROUP", "GROUP", group, "c", "STREAMS", b.client.Keys().Stream(), ">")
			b.do("XACK", b.client.Keys().Stream(), group, mine.String(), nameless.String())
		}
		if got := b.states(mine); got["g"] != stream.StateAcked || got["bare"] != stream.StatePassedBy {
			b.Errorf("for g alone: got %v", got)
		}
		if got := b.states(nameless); got["g"] != stream.StateAcked || got["bare"] != stream.StateAcked {
			b.Errorf("without a name: got %v", got)
		}
	})
}

func TestStatusInJSON(t *testing.T) {
	status := stream.EventStatus{
		ID: stream.ID{Ms: 1763700000000}, Added: time.UnixMilli(1763700000000).UTC(), Event: "E",
		Groups: []stream.EventInGroup{
			{Group: "g", State: stream.StateAcked},
			{Group: "h", State: stream.StateRunning, Holding: &stream.Holding{Consumer: "c", Deliveries: 2}},
		},
	}
	got, err := json.Marshal(status)
	want := `{"id":"1763700000000-0","added":"2025-11-21T04:40:00Z","in_stream":false,"event":"E","event_id":"","fields":null,` +
		`"groups":[{"group":"g","state":"acked"},{"group":"h","state":"running","consumer":"c","deliveries":2,"idle_ms":0}]}`
	if err != nil || string(got) != want {
		t.Errorf("JSON: %v\n got %s\nwant %s", err, got, want)
	}
	group, err := json.Marshal(stream.GroupStatus{Name: "g", Consumers: []stream.ConsumerStatus{}})
	want = `{"name":"g","exists":false,"consumers":[],"pending":0,"waiting":0,"lag":0,"lag_is_estimate":false,"dead":0}`
	if err != nil || string(group) != want {
		t.Errorf("JSON: %v\n got %s\nwant %s", err, group, want)
	}
}
