package command

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/stream"
)

func TestPending(t *testing.T) {
	onEach(t, func(b bench) {
		b.wantFault(exitFailed, "there is none", "pending", "labels")
		b.add(first, "event", "E")
		b.add(second, "event", "订单")
		b.add(third, "x", "1")
		b.groups()
		b.want("Nothing is pending in labels.", "pending", "labels")
		consumer := b.read("labels", 3)
		id, _ := stream.ParseID(second)
		_, err := consumer.Release(b.Context(), []stream.Release{{
			ID: id, Deliveries: 1, Tries: 1, Delay: 90 * time.Minute,
			Reason: stream.RetryFailed, Error: "no\nprinter \x1b[31m",
		}})
		if err != nil {
			b.Fatal(err)
		}
		b.want(`
ID              EVENT CONSUMER IDLE     DELIVERIES NEXT TRY    REASON ERROR
1763700000000-0 E     c-1      DURATION          1 -           -      -
1763700000001-0 订单  waiting  -                 1 in DURATION failed no printer `+"\ufffd"+`[31m
1763700000002-0 -     c-1      DURATION          1 -           -      -`, "pending", "labels")
		b.want(`
ID              EVENT CONSUMER IDLE     DELIVERIES NEXT TRY    REASON ERROR
1763700000001-0 订单  waiting  -                 1 in DURATION failed no printer `+"\ufffd"+`[31m

There are more: add --from 1763700000002-0, or raise --count.`, "pending", "labels", "--count", "1", "--from", second)
		var pending []stream.PendingEntry
		if b.wantJSON(&pending, "pending", "labels"); len(pending) != 3 || pending[1].Consumer != stream.Waiting {
			b.Errorf("JSON: got %+v", pending)
		}
	})
}

func TestEvent(t *testing.T) {
	onEach(t, func(b bench) {
		b.add(first, "event", "order.created", "event_id", "o-1", "timestamp", "1763600000", "data", "{\n\"名\": \"\x1b[31m红\"}")
		b.want(`
entry    1763700000000-0
event    order.created
event_id o-1
added    MOMENT (DURATION ago)
happened MOMENT (DURATION ago)

No group reads the stream yet: `+"`millrace run`"+` creates one for each handler.

fields
 event     order.created
 event_id  o-1
 timestamp 1763600000
 data {
 "名": "`+"\ufffd"+`[31m红"}`, "event", first)
		b.groups()
		consumer := b.read("labels", 1)
		b.giveUp(consumer, first, "permanent: the address\nis missing")
		stock := b.read("stock", 1)
		b.ack(stock, first)
		got := b.execute("event", first).stdout
		groups := even(got[strings.Index(got, "GROUP"):strings.Index(got, "\nfields")])
		const want = `GROUP STATE DELIVERIES WHAT
labels dead 1 dead letter ID; permanent: the address is missing
stock passed by - does not subscribe to it, or it is for another group`
		if groups != want {
			b.Errorf("groups:\n got %s\nwant %s", groups, want)
		}
		var status stream.EventStatus
		if b.wantJSON(&status, "event", first); len(status.Groups) != 2 || status.EventID != "o-1" {
			b.Errorf("JSON: got %+v", status)
		}
		if got := b.execute("event", first, "-o", "json").stdout; strings.Contains(got, "\x1b") {
			b.Errorf("JSON: got an escape character in %q", got)
		}
		b.wantFault(exitFailed, "not found", "event", "1-1")
	})
}

func TestEventShowsItsResults(t *testing.T) {
	onEach(t, func(b bench) {
		b.groups()
		_, err := b.client.EnsureGroups(b.Context(), []stream.GroupSpec{{
			Name: "booking", Registration: stream.Registration{Kind: "go", Events: []string{"E"}, KeepResults: true},
		}})
		if err != nil {
			b.Fatal(err)
		}
		b.add(first, "event", "E")
		booking, labels := b.read("booking", 1), b.read("labels", 1)
		for group, result := range map[*stream.Group]string{booking: "booked \x1b[31mas\n7", labels: "nobody asked"} {
			id, _ := stream.ParseID(first)
			_, err := group.Settle(b.Context(), []stream.Settled{{ID: id, Result: result}}, stream.Keep{Results: time.Minute})
			if err != nil {
				b.Fatal(err)
			}
		}
		got := b.execute("event", first).stdout
		groups := even(got[strings.Index(got, "GROUP"):strings.Index(got, "\nfields")])
		const want = `GROUP STATE DELIVERIES WHAT
booking acked - result: booked ` + "\ufffd" + `[31mas 7
labels acked - -
stock not yet read - -`
		if groups != want {
			b.Errorf("groups:\n got %s\nwant %s", groups, want)
		}
		var status stream.EventStatus
		if b.wantJSON(&status, "event", first); status.Groups[0].Result != "booked \x1b[31mas\n7" || status.Groups[1].Result != "" {
			b.Errorf("JSON: got %+v", status.Groups)
		}
	})
}

func TestDeadLetters(t *testing.T) {
	onEach(t, func(b bench) {
		b.wantFault(exitFailed, "there is none", "dead", "ls", "labels")
		b.add(first, "event", "E", "data", `{"a":1}`)
		b.add(second, "event", "E", "data", `{"a":2}`)
		b.add(third, "x", "1")
		b.groups()
		b.want("No dead letters in labels.", "dead", "ls", "labels")
		consumer := b.read("labels", 3)
		for _, id := range []string{first, second, third} {
			b.giveUp(consumer, id, "permanent: 没有\x07地址")
		}
		const list = `
ID DEAD LETTERED ENTRY           EVENT REASON    DELIVERIES ERROR
ID DURATION ago 1763700000000-0 E     permanent          1 没有` + "\ufffd" + `地址
ID DURATION ago 1763700000001-0 E     permanent          1 没有` + "\ufffd" + `地址
ID DURATION ago 1763700000002-0 -     permanent          1 没有` + "\ufffd" + `地址`
		b.want(list, "dead", "ls", "labels")
		b.want("No dead letters in labels of the reason deleted.", "dead", "ls", "labels", "--reason", "deleted")
		b.want(`
dead letter ID of labels
entry 1763700000001-0
event E
event_id 1763700000001-0
dead lettered MOMENT (DURATION ago)
reason permanent
deliveries 1
consumer c-1
error permanent: 没有`+"\ufffd"+`地址

fields
 event E
 data {"a":2}`, "dead", "show", "labels", second)
		var letters []stream.DeadLetter
		if b.wantJSON(&letters, "dead", "ls", "labels", "--count", "2"); len(letters) != 2 {
			b.Fatalf("JSON: got %+v, want two", letters)
		}

		b.want("3 dead letters to hand to labels once more, and to no other group:\n"+list+`

ID stays: requeueing cannot help: the entry has no event name: add it in a field `+"`event`"+
			`, as in XADD event_stream * event NEW_ORDER_RECEIVED data '{"order_id":1}'`, "dead", "requeue", "labels", "--all")
		b.want("3 dead letters to remove for good:\n"+list, "dead", "rm", "labels", "--all")
		if got := b.dead("labels"); got != 3 {
			b.Errorf("after plans: got %d dead letters, want 3", got)
		}

		b.want("ID requeued as ID", "dead", "requeue", "labels", first, "--yes")
		b.wantFault(exitFailed, "1 dead letter could not be requeued", "dead", "requeue", "labels", third, "--yes")
		b.wantFault(exitFailed, "not found", "dead", "requeue", "labels", first, "--yes")
		b.want("# requeue does each pair in one script, which adds nothing where the dead letter is gone\nMULTI\n"+
			`XADD event_stream "*" event E data "{\"a\":2}" event_id 1763700000001-0 timestamp 1763700000001 to labels `+
			"replay_of 1763700000001-0\nXDEL {event_stream}:dead:labels ID\nEXEC",
			"dead", "requeue", "labels", second, "--print-redis")
		b.want("XDEL {event_stream}:dead:labels ID", "dead", "rm", "labels", second, "--print-redis")
		b.want("Removed 2 dead letters.", "dead", "rm", "labels", "--all", "--reason", "permanent", "--yes")
		if got := b.dead("labels"); got != 0 {
			b.Errorf("after rm: got %d dead letters, want none", got)
		}
	})
}

func (b bench) dead(group string) int {
	b.Helper()
	count, err := b.client.CountDead(b.Context(), group)
	if err != nil {
		b.Fatal(err)
	}
	return count
}

func TestManyDeadLetters(t *testing.T) {
	onEach(t, func(b bench) {
		b.groups()
		for range 250 {
			b.add("*", "event", "E")
		}
		consumer := b.read("labels", 250)
		entries, err := b.client.Pending(b.Context(), "labels", stream.ID{}, 250)
		if err != nil {
			b.Fatal(err)
		}
		for _, entry := range entries {
			b.giveUp(consumer, entry.ID.String(), "no")
		}
		plan := b.execute("dead", "requeue", "labels", "--all")
		if lines := strings.Count(plan.stdout, "permanent"); lines != mostPlanned ||
			!strings.Contains(plan.stdout, "250 dead letters") || !strings.Contains(plan.stdout, "... and 230 more") {
			b.Errorf("plan: got %d lines in %+v", lines, plan)
		}
		got := b.execute("dead", "requeue", "labels", "--all", "--yes")
		if requeued := strings.Count(got.stdout, "requeued as"); requeued != 250 || b.dead("labels") != 0 {
			b.Errorf("requeue: got %d, %d left, want 250 and none", requeued, b.dead("labels"))
		}
	})
}

func TestTrim(t *testing.T) {
	onEach(t, func(b bench) {
		b.add(first, "event", "E")
		b.add(second, "event", "E")
		b.want("Nothing to remove: the stream has no groups, and nobody knows what the first one will need.", "trim")
		b.groups()
		for _, group := range []string{"labels", "stock"} {
			b.ack(b.read(group, 1), first)
		}
		const held = `
These groups hold it back, because they have not finished what is older:

GROUP STATE NEEDS ADDED LAST AT WORK
labels stopped 1763700000001-0 DURATION ago never
stock stopped 1763700000001-0 DURATION ago never

A group that nobody will run again is ended by: millrace groups rm GROUP`
		b.want("To remove: 1 entry that every group has finished, older than DURATION.\n"+held, "trim")
		b.want("# trim finds this ID and removes in one script, so that no group can need an entry in between\n"+
			"XTRIM event_stream MINID = 1763700000001-0", "trim", "--print-redis")
		if got := b.redis.XLen(b.Context(), b.config.Stream).Val(); got != 2 {
			b.Errorf("after plans: got %d entries, want 2", got)
		}
		b.want("Removed 1 entry that every group has finished.\n"+held, "trim", "--retention", "0s", "--yes")
		var trimmed struct {
			Removed int
			Done    bool
		}
		if b.wantJSON(&trimmed, "trim"); trimmed.Removed != 0 || trimmed.Done {
			b.Errorf("JSON: got %+v, want nothing removed", trimmed)
		}
		if got := b.redis.XLen(b.Context(), b.config.Stream).Val(); got != 1 {
			b.Errorf("after trim: got %d entries, want 1", got)
		}
		b.redis.XGroupDestroy(b.Context(), b.config.Stream, "stock")
		if got := b.execute("trim").stdout; !strings.Contains(even(got), "\nstock missing 1763") {
			b.Errorf("a group that is missing: got %s", got)
		}
	})
}

func TestTrimNamesNoEndForGroupsAtWork(t *testing.T) {
	onEach(t, func(b bench) {
		b.add(first, "event", "E")
		b.groups()
		for _, group := range []string{"labels", "stock"} {
			consumer, err := b.client.Group(group, "c-1", 30*time.Second)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := consumer.Sweep(b.Context(), stream.SweepRequest{MaxDeliveries: 3}); err != nil {
				b.Fatal(err)
			}
		}
		b.want(`
To remove: 0 entries that every group has finished, older than DURATION.

These groups hold it back, because they have not finished what is older:

GROUP STATE NEEDS ADDED LAST AT WORK
labels running 1763700000000-0 DURATION ago DURATION ago
stock running 1763700000000-0 DURATION ago DURATION ago`, "trim")
	})
}

func TestSeemsAbandoned(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_763_700_000, 0)
	seen := func(before time.Duration) time.Time { return now.Add(-before) }
	tests := []struct {
		group stream.GroupStatus
		want  bool
	}{
		{stream.GroupStatus{Exists: true, Seen: seen(0)}, false},
		{stream.GroupStatus{Exists: true, Seen: seen(5 * time.Minute)}, false},
		{stream.GroupStatus{Exists: true, Seen: seen(5*time.Minute + time.Second)}, true},
		{stream.GroupStatus{Exists: true, Seen: seen(time.Hour), Consumers: []stream.ConsumerStatus{{}, {Seen: seen(time.Minute)}}}, false},
		{stream.GroupStatus{Exists: true}, true},
		{stream.GroupStatus{Seen: seen(0)}, true},
	}
	for _, test := range tests {
		if got := seemsAbandoned(now, test.group); got != test.want {
			t.Errorf("%+v: got %v, want %v", test.group, got, test.want)
		}
	}
}
