package stream_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/stream"
)

// operation is one thing that can be done to a server. run does it with the decisions of d, the same on every side, and
// tells in words what it did and what came of it.
type operation struct {
	name   string
	weight int // how often it is drawn, against the others
	run    func(s *side, d dice) (did, came string)
}

// ours are the exported operations of Client, Group and Reader that speak to the server.
var ours = []operation{
	{"publish", 10, publishOne},
	{"publish a batch", 8, publishSeveral},
	{"ensure groups", 6, ensureGroups},
	{"read", 22, readNew},
	{"ack", 5, ackAny},
	{"ack owned", 6, ackOwned},
	{"settle", 6, settleSome},
	{"begin", 6, beginSome},
	{"renew", 5, renewSome},
	{"release", 14, releaseSome},
	{"give up", 8, giveUpOne},
	{"adopt", 4, adoptSome},
	{"leave", 3, leaveGroup},
	{"sweep", 26, sweepPage},
	{"trim", 5, trimStream},
	{"dead letters", 3, listDead},
	{"dead letter", 3, findDead},
	{"remove dead letters", 2, removeDead},
	{"requeue", 8, requeueSome},
	{"requeue commands", 2, requeueCommands},
	{"inspect", 4, inspectAll},
	{"pending", 3, listPending},
	{"event", 5, lookUpEvent},
	{"registered", 1, listRegistered},
}

// group draws a group's name; few draws are of one that is never created.
func (d dice) group() string {
	if d.chance(2) {
		return "never-created"
	}
	return one(d, "g", "g", "g", "h")
}

func (d dice) consumer() string { return one(d, "a", "a", "b") }

// entry draws an entry by its number: mostly what is pending in group, else any.
func (d dice) entry(group string) int {
	pending, entries := d.view.pending[group], d.view.entries
	choice := d.IntN(100)
	switch {
	case choice < 75 && len(pending) > 0:
		return one(d, pending...)
	case choice < 93 && len(entries) > 0:
		return one(d, entries...)
	case choice < 98 && d.view.seen > 0:
		return d.IntN(d.view.seen)
	default:
		return -1
	}
}

// held draws an entry that the consumer has, where there is one.
func (d dice) held(group, consumer string) int {
	var own []int
	for _, number := range d.view.pending[group] {
		if d.view.owners[group][number].consumer == consumer {
			own = append(own, number)
		}
	}
	if len(own) > 0 && !d.chance(15) {
		return one(d, own...)
	}
	return d.entry(group)
}

// several draws up to most different entries.
func (d dice) several(most int, draw func() int) []int {
	var numbers []int
	for range 1 + d.IntN(most) {
		if number := draw(); !slices.Contains(numbers, number) {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

func (s *side) ids(numbers []int) []stream.ID {
	ids := make([]stream.ID, len(numbers))
	for i, number := range numbers {
		ids[i] = s.entries.id(number)
	}
	return ids
}

// event draws an event out of few, so that repeats are common.
func (d dice) event() stream.Event {
	event := stream.Event{
		Name: one(d, "order.created", "order.created", "order.paid", "with:colon%"),
		ID:   one(d, "", "1", "2", "3", "4", "5", strings.Repeat("long", 40)),
		Data: []byte(one(d, `{}`, `{"n":1}`, "\xff\x00binary", "")),
	}
	if d.chance(15) {
		event.To = d.group()
	}
	if d.chance(15) {
		event.Headers = map[string]string{"colour": one(d, "red", "", "blaß")}
	}
	if d.chance(10) {
		event.Time = time.Unix(1_600_000_000, 0)
	}
	if d.chance(10) {
		event.TraceParent = fmt.Sprintf("00-%032x-%016x-01", 1+d.IntN(9), 1)
	}
	return event
}

func publishOne(s *side, d dice) (did, came string) {
	event, options := d.event(), stream.PublishOptions{}
	switch d.IntN(20) {
	case 0:
		event.Name = one(d, "", "no spaces", strings.Repeat("x", 300))
	case 1:
		options.MaxBytes = 3
	case 2:
		options.Wait, options.WaitTimeout = 1, time.Millisecond
	}
	published, err := s.client.Publish(s.ctx, event, options)
	return fmt.Sprintf("%s %q wait %d", event.Name, event.ID, options.Wait), s.outcome(published, err) + s.published(published)
}

// published tells whether there is an entry: its own label comes with the dump.
func (s *side) published(all ...stream.Published) string {
	var text strings.Builder
	for _, published := range all {
		if !published.ID.IsZero() {
			s.entries.add(published.ID)
		}
		fmt.Fprintf(&text, " %s", s.entries.label(published.ID))
	}
	return text.String()
}

func publishSeveral(s *side, d dice) (did, came string) {
	events := make([]stream.Event, 1+d.IntN(one(d, 3, 3, 6)))
	names := make([]string, len(events))
	for i := range events {
		if events[i] = d.event(); events[i].ID == "" && !d.chance(10) {
			events[i].ID = "1"
		}
		names[i] = fmt.Sprintf("%s %q", events[i].Name, events[i].ID)
	}
	published, err := s.client.PublishBatch(s.ctx, events, stream.PublishOptions{})
	repeated := make([]bool, len(published))
	for i := range published {
		repeated[i] = published[i].Repeated
	}
	return strings.Join(names, ", "), s.outcome(repeated, err) + s.published(published...)
}

func ensureGroups(s *side, d dice) (did, came string) {
	var specs []stream.GroupSpec
	for _, name := range one(d, []string{"g"}, []string{"h"}, []string{"g", "h"}, []string{"h", "g"}, []string{"g", "h"}) {
		specs = append(specs, stream.GroupSpec{
			Name: name, SeenBefore: d.chance(40),
			Start: one(d, stream.Start{}, stream.Start{}, stream.FromBeginning(), stream.FromNew(),
				stream.FromID(s.entries.id(d.entry(name)))),
			Registration: stream.Registration{
				Kind: "go", Events: []string{one(d, "*", "order.*")}, MaxDeliveries: 3,
				Unnamed: one(d, "", "", "unnamed.event"), LeaseMs: differentialLease.Milliseconds(),
			},
		})
	}
	ensured, err := s.client.EnsureGroups(s.ctx, specs)
	texts := make([]string, len(specs))
	for i, spec := range specs {
		texts[i] = fmt.Sprintf("%s from %s seen %t", spec.Name, s.scrub(spec.Start.String()), spec.SeenBefore)
	}
	return strings.Join(texts, ", "), s.outcome(ensured, err)
}

// deliveries are what was handed over, without the local time at which the lease ends.
func (s *side) deliveries(deliveries []stream.Delivery) string {
	lines := make([]string, len(deliveries))
	for i, delivery := range deliveries {
		lines[i] = fmt.Sprintf("%s delivered %d times, orphaned %t, note %s, %s", s.entries.label(delivery.ID),
			delivery.Deliveries, delivery.Orphaned(), s.text(delivery.Note), s.fieldsText(delivery.Fields))
	}
	return strings.Join(lines, "\n")
}

func (s *side) deliveriesOr(deliveries []stream.Delivery, err error) string {
	if err != nil {
		return s.fault(err) + s.deliveries(deliveries)
	}
	return s.deliveries(deliveries)
}

func readNew(s *side, d dice) (did, came string) {
	group, consumer, count := d.group(), d.consumer(), 1+d.IntN(4)
	block := one(d, 0, 0, 0, time.Millisecond)
	if d.chance(50) {
		deliveries, err := s.group(group, consumer).Read(s.ctx, count, block)
		return fmt.Sprintf("%s %s up to %d, block %v", group, consumer, count, block), s.deliveriesOr(deliveries, err)
	}
	room := stream.Room{Entries: count, Bytes: one(d, 1, 100, 1<<20)}
	deliveries, over, err := s.reader(group, consumer).Read(s.ctx, room, block)
	return fmt.Sprintf("%s %s up to %+v, block %v", group, consumer, room, block),
		s.deliveriesOr(deliveries, err) + " over: " + s.deliveries(over)
}

func ackAny(s *side, d dice) (did, came string) {
	group := d.group()
	ids := s.ids(d.several(3, func() int { return d.entry(group) }))
	acked, err := s.group(group, d.consumer()).Ack(s.ctx, ids)
	return group + " " + s.idLabels(ids), s.outcome(acked, err)
}

// settled names the entries with events out of few, so that markers are shared.
func (d dice) settled(ids []stream.ID) []stream.Settled {
	all := make([]stream.Settled, len(ids))
	for i, id := range ids {
		all[i] = stream.Settled{ID: id, Event: "order.created", EventID: one(d, "1", "2", "3")}
	}
	return all
}

func ackOwned(s *side, d dice) (did, came string) {
	group, consumer, keep := d.group(), d.consumer(), one(d, 0, time.Hour)
	ids := s.ids(d.several(3, func() int { return d.held(group, consumer) }))
	lost, err := s.group(group, consumer).AckOwned(s.ctx, d.settled(ids), keep)
	return fmt.Sprintf("%s %s %s keep %v", group, consumer, s.idLabels(ids), keep), s.outcome(lost, err)
}

func settleSome(s *side, d dice) (did, came string) {
	group, consumer := d.group(), d.consumer()
	keep := stream.Keep{Markers: one(d, 0, time.Hour), Results: one(d, 0, time.Hour)}
	settled := d.settled(s.ids(d.several(3, func() int { return d.held(group, consumer) })))
	for i := range settled {
		settled[i].Result = one(d, "", "booked as 7", "\xff")
	}
	settlement, err := s.group(group, consumer).Settle(s.ctx, settled, keep)
	return fmt.Sprintf("%s %s %s keep %v", group, consumer, s.text(settled), keep), s.outcome(settlement, err)
}

func beginSome(s *side, d dice) (did, came string) {
	group, consumer := d.group(), d.consumer()
	settled := d.settled(s.ids(d.several(3, func() int { return d.held(group, consumer) })))
	markers, err := s.group(group, consumer).Begin(s.ctx, settled, time.Hour)
	return group + " " + consumer + " " + s.text(settled), s.outcome(markers, err)
}

func renewSome(s *side, d dice) (did, came string) {
	group, consumer := d.group(), d.consumer()
	var ids []stream.ID
	if !d.chance(15) {
		ids = s.ids(d.several(4, func() int { return d.held(group, consumer) }))
	}
	lost, err := s.group(group, consumer).Renew(s.ctx, ids)
	return group + " " + consumer + " " + s.idLabels(ids), s.outcome(lost, err)
}

func releaseSome(s *side, d dice) (did, came string) {
	group, consumer := d.group(), d.consumer()
	var releases []stream.Release
	for _, number := range d.several(3, func() int { return d.held(group, consumer) }) {
		had := int(d.view.owners[group][number].deliveries)
		release := stream.Release{ID: s.entries.id(number), Deliveries: had, Delay: one(d, 0, 0, 0, time.Hour, 3*time.Hour)}
		if d.chance(30) {
			release.Unstarted = had > 0
		} else {
			release.Tries = had
			release.Reason = one(d, stream.RetryFailed, stream.RetryPanic)
			release.Error = one(d, "no", `a "quoted" error`, "control \x00\x1b[31m\n, \u2028 and \xff")
		}
		releases = append(releases, release)
	}
	lost, err := s.group(group, consumer).Release(s.ctx, releases)
	return group + " " + consumer + " " + s.text(releases), s.outcome(lost, err)
}

func giveUpOne(s *side, d dice) (did, came string) {
	group, consumer := d.group(), d.consumer()
	letter := stream.GiveUp{
		ID: s.entries.id(d.held(group, consumer)), Reason: one(d, stream.DeadPermanent, stream.DeadUndecodable),
		Error: one(d, "no", "\x00 and \xff"), Event: "order.created", EventID: one(d, "1", "2", "3", ""), Deduped: d.chance(50),
	}
	given, err := s.group(group, consumer).GiveUp(s.ctx, letter)
	return group + " " + consumer + " " + s.text(letter), s.outcome(given, err)
}

func adoptSome(s *side, d dice) (did, came string) {
	group, consumer := d.group(), d.consumer()
	inHand := s.ids(d.several(2, func() int { return d.held(group, consumer) }))
	room := stream.Room{Entries: one(d, 0, 2, 100), Bytes: one(d, 1, 100, 1<<20)}
	held := func(id stream.ID) bool { return slices.Contains(inHand, id) }
	adopted, over, err := s.group(group, consumer).Adopt(s.ctx, held, room)
	return fmt.Sprintf("%s %s but %s, up to %+v", group, consumer, s.idLabels(inHand), room),
		s.deliveriesOr(adopted, err) + " over: " + s.deliveries(over)
}

func leaveGroup(s *side, d dice) (did, came string) {
	group, consumer := d.group(), d.consumer()
	gone, err := s.group(group, consumer).Leave(s.ctx)
	return group + " " + consumer, s.outcome(gone, err)
}

func sweepPage(s *side, d dice) (did, came string) {
	group, consumer := d.group(), d.consumer()
	if d.chance(70) { // the guard's time has passed
		s.raw("DEL", s.client.Keys().Sweep(group))
	}
	request := stream.SweepRequest{
		Room: one(d, 0, 1, 2, 10, 10, 10), MaxDeliveries: one(d, 1, 2, 3, 100), Rob: d.chance(85), Alone: d.chance(60),
		RemoveSilent: one(d, 0, time.Hour, time.Hour), Guard: time.Hour, SuspectAfter: one(d, 0, 1, 2),
	}
	if d.chance(20) {
		request.From = s.entries.id(d.entry(group))
	}
	swept, err := s.group(group, consumer).Sweep(s.ctx, request)
	slices.Sort(swept.Removed) // Lua walks through them in no order
	came = fmt.Sprintf("next %s, taken [%s], buried %s, %d suspects, removed %v", s.entries.label(swept.Next),
		s.deliveriesOr(swept.Taken, err), s.text(swept.Buried), swept.Suspects, swept.Removed)
	if swept.Refused != nil {
		came += ", refused: " + s.fault(swept.Refused)
	}
	return group + " " + consumer + " " + s.text(request), came
}
