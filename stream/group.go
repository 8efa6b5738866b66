package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Group is one consumer of one consumer group: what a process reads, acks, renews, releases and sweeps with. Every call
// is one round trip unless it says otherwise, blocks no longer than the connection's timeouts, and may be made by many
// goroutines at once. Errors leave it open whether the server has carried the call out; each call is safe to repeat.
type Group struct {
	client   *Client
	name     string
	consumer string
	lease    time.Duration
}

// Group returns the consumer called consumer of the group called name. Two processes must never share a consumer's name.
// lease is how long a silent consumer keeps what it was handed. Nothing is sent: EnsureGroups creates the group.
func (c *Client) Group(name, consumer string, lease time.Duration) (*Group, error) {
	if err := CheckGroup(name); err != nil {
		return nil, err
	}
	if consumer == "" || consumer == Waiting {
		return nil, fmt.Errorf("consumer name %q: expected a name of its own other than %q", consumer, Waiting)
	}
	if lease < time.Millisecond {
		return nil, fmt.Errorf("lease %v: expected at least 1ms", lease)
	}
	return &Group{client: c, name: name, consumer: consumer, lease: lease}, nil
}

// Name is the group's name.
func (g *Group) Name() string { return g.name }

// Consumer is the consumer's name.
func (g *Group) Consumer() string { return g.consumer }

// Lease is how long the consumer keeps what it was handed without renewing it.
func (g *Group) Lease() time.Duration { return g.lease }

// Read hands new entries to the consumer, at most count of them (XREADGROUP). It waits for the first one up to block,
// which is capped at MaxBlock; zero or less does not wait. No entry is no error.
//
// An end of ctx is seen before the read is sent and not during it: cutting a blocked read short would lose what the
// server has just handed over. After an error that may have happened as well, and Adopt takes it up.
func (g *Group) Read(ctx context.Context, count int, block time.Duration) ([]Delivery, error) {
	args := make([]any, 0, 11)
	args = append(args, "XREADGROUP", "GROUP", g.name, g.consumer, "COUNT", count)
	if block >= time.Millisecond {
		args = append(args, "BLOCK", min(block, MaxBlock).Milliseconds())
	}
	args = append(args, "STREAMS", g.client.keys.Stream(), ">")
	sent := time.Now()
	reply, err := g.client.readBlocked(ctx, len(args)-2, args...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, g.failed("read", err)
	}
	deliveries, err := parseRead(reply, sent.Add(g.lease))
	if err != nil {
		return nil, g.failed("read", err)
	}
	return deliveries, nil
}

// Ack settles entries as done (XACK), whoever owns them, and returns how many were pending.
func (g *Group) Ack(ctx context.Context, ids []ID) (int, error) {
	args := make([]string, len(ids))
	for i, id := range ids {
		args[i] = id.String()
	}
	acked, err := g.client.write.XAck(ctx, g.client.keys.Stream(), g.name, args...).Result()
	if err != nil {
		return 0, g.failed("ack", err)
	}
	return int(acked), nil
}

// Settled is an entry whose handling has succeeded.
type Settled struct {
	ID ID
	// Event and EventID make the dedupe marker; both are empty in a group that does not dedupe.
	Event, EventID string
}

// AckOwned settles entries as done, drops their notes and, where keep is above zero, marks their events as done for that
// long. It returns the entries that the consumer did not own any more; nothing was done for those.
func (g *Group) AckOwned(ctx context.Context, settled []Settled, keep time.Duration) ([]ID, error) {
	keys := []string{g.client.keys.Stream(), g.client.keys.Attempts(g.name)}
	args := []any{g.name, g.consumer, keep.Milliseconds()}
	for _, entry := range settled {
		args = append(args, entry.ID.String())
		if keep > 0 {
			keys = append(keys, g.client.keys.Done(g.name, entry.Event, entry.EventID))
		}
	}
	reply, err := g.client.run(ctx, g.client.scripts.ack, keys, args...).Slice()
	if err != nil {
		return nil, g.failed("ack", err)
	}
	return parseIDs(reply)
}

// Renew starts the leases of entries anew, without raising their delivery counts, and shows that the consumer lives. It
// returns the entries that the consumer does not own any more. At most 100 entries a call keep the server responsive;
// none is a bare sign of life.
func (g *Group) Renew(ctx context.Context, ids []ID) (lost []ID, err error) {
	args := []any{g.name, g.consumer}
	for _, id := range ids {
		args = append(args, id.String())
	}
	keys := append(g.settleKeys(), g.client.keys.Consumers(g.name))
	reply, err := g.client.run(ctx, g.client.scripts.renew, keys, args...).Slice()
	if err != nil {
		return nil, g.failed("renew leases in", err)
	}
	return parseIDs(reply)
}

// Release is an entry that goes back: to be retried later, or because it was never started.
type Release struct {
	ID ID
	// Deliveries is the delivery count that the entry is left with: one less than it had where it was not started.
	Deliveries int
	// Delay is how long it waits; zero is due at once.
	Delay time.Duration
	// Reason is one of the Retry constants, or "" where no try has failed and the note stays what it was.
	Reason string
	// Error is what the try failed with.
	Error string
}

// Release moves entries to the consumer Waiting, each with its note of the failed try. It returns those that the consumer
// did not own any more; nothing was done for them.
func (g *Group) Release(ctx context.Context, releases []Release) (lost []ID, err error) {
	args := []any{g.name, g.consumer, g.lease.Milliseconds()}
	for _, release := range releases {
		args = append(args, release.ID.String(), release.Deliveries, release.Delay.Milliseconds(),
			release.Deliveries, release.Reason, CleanError(release.Error))
	}
	reply, err := g.client.run(ctx, g.client.scripts.release, g.settleKeys(), args...).Slice()
	if err != nil {
		return nil, g.failed("release", err)
	}
	return parseIDs(reply)
}

// GiveUp says why an entry becomes a dead letter.
type GiveUp struct {
	ID ID
	// Reason is one of the Dead constants.
	Reason string
	// Error is what the last try failed with.
	Error string
	// Event and EventID are the event's, as far as it could be decoded.
	Event, EventID string
	// Deduped tells that a dedupe marker of the event has to go.
	Deduped bool
}

// GiveUp writes the dead letter of an entry and acks it, in one step. owned is false, and nothing was done, where the
// consumer did not own the entry any more.
func (g *Group) GiveUp(ctx context.Context, letter GiveUp) (owned bool, err error) {
	keys := g.settleKeys()
	if letter.Deduped {
		keys = append(keys, g.client.keys.Done(g.name, letter.Event, letter.EventID))
	}
	done, err := g.client.run(ctx, g.client.scripts.giveUp, keys, g.name, g.consumer, letter.ID.String(),
		letter.Reason, CleanError(letter.Error), letter.EventID).Int()
	if err != nil {
		return false, g.failed("write a dead letter of", err)
	}
	return done == 1, nil
}

// Marker is what the dedupe marker of an event says before its handling starts.
type Marker string

// The states of a dedupe marker.
const (
	// MarkerStart: the entry holds the marker now and may start.
	MarkerStart Marker = "start"
	// MarkerDone: the event has been handled before.
	MarkerDone Marker = "done"
	// MarkerRunning: another entry with the same event is being handled, or waits for its retry.
	MarkerRunning Marker = "running"
)

// Begin sets the dedupe markers of entries before any of them starts and returns what each says. A marker is kept for
// keep.
func (g *Group) Begin(ctx context.Context, entries []Settled, keep time.Duration) ([]Marker, error) {
	keys := []string{g.client.keys.Stream()}
	args := []any{g.name, keep.Milliseconds()}
	for _, entry := range entries {
		keys = append(keys, g.client.keys.Done(g.name, entry.Event, entry.EventID))
		args = append(args, entry.ID.String())
	}
	states, err := g.client.run(ctx, g.client.scripts.begin, keys, args...).StringSlice()
	if err != nil {
		return nil, g.failed("set dedupe markers of", err)
	}
	if len(states) != len(entries) {
		return nil, g.failed("set dedupe markers of", errUnexpectedReply)
	}
	markers := make([]Marker, len(states))
	for i, state := range states {
		markers[i] = Marker(state)
	}
	return markers, nil
}

// Adopt takes up what stands under the consumer's name and is not in its hands: the reply that handed it over was lost.
// held tells what is in its hands. The delivery counts stay. It costs one round trip for each 100 pending entries.
func (g *Group) Adopt(ctx context.Context, held func(ID) bool) ([]Delivery, error) {
	const page = 100
	var adopted []Delivery
	for from := (ID{}); ; {
		pending, err := g.client.write.XPendingExt(ctx, &redis.XPendingExtArgs{
			Stream: g.client.keys.Stream(),
			Group:  g.name, Consumer: g.consumer, Start: from.String(), End: "+", Count: page,
		}).Result()
		if err != nil {
			return adopted, g.failed("look for lost replies in", err)
		}
		var missing []any
		for _, entry := range pending {
			id, err := ParseID(entry.ID)
			if err != nil {
				return adopted, g.failed("look for lost replies in", err)
			}
			if from = id.Next(); !held(id) {
				missing = append(missing, entry.ID)
			}
		}
		deliveries, err := g.adopt(ctx, missing)
		if err != nil {
			return adopted, err
		}
		if adopted = append(adopted, deliveries...); len(pending) < page {
			return adopted, nil
		}
	}
}

func (g *Group) adopt(ctx context.Context, ids []any) ([]Delivery, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	sent := time.Now()
	args := append([]any{g.name, g.consumer}, ids...)
	reply, err := g.client.run(ctx, g.client.scripts.adopt, g.settleKeys(), args...).Slice()
	if err != nil {
		return nil, g.failed("take up lost replies of", err)
	}
	return parseDeliveries(reply, sent.Add(g.lease))
}

// Leave removes the consumer's name, if nothing is pending under it, and tells whether it is gone.
func (g *Group) Leave(ctx context.Context) (gone bool, err error) {
	keys := []string{g.client.keys.Stream(), g.client.keys.Consumers(g.name)}
	removed, err := g.client.run(ctx, g.client.scripts.leave, keys, g.name, g.consumer).Int()
	if IsNoGroup(err) {
		return true, nil
	}
	if err != nil {
		return false, g.failed("leave", err)
	}
	return removed == 1, nil
}

// settleKeys are the keys that every script takes which may write a dead letter.
func (g *Group) settleKeys() []string {
	keys := g.client.keys
	return []string{keys.Stream(), keys.Dead(g.name), keys.Attempts(g.name)}
}

func (g *Group) failed(operation string, err error) error {
	return fmt.Errorf("%s group %q: %w", operation, g.name, explain(err))
}

// parseRead reads the reply of XREADGROUP for one stream: [[stream, [[ID, [name, value...]]...]]].
func parseRead(reply any, leaseEnds time.Time) ([]Delivery, error) {
	streams, _ := reply.([]any)
	if len(streams) != 1 {
		return nil, errUnexpectedReply
	}
	pair, _ := streams[0].([]any)
	if len(pair) != 2 {
		return nil, errUnexpectedReply
	}
	entries, _ := pair[1].([]any)
	deliveries := make([]Delivery, 0, len(entries))
	for _, element := range entries {
		record, _ := element.([]any)
		if len(record) != 2 {
			return nil, errUnexpectedReply
		}
		entry, err := parseEntry(record[0], record[1])
		if err != nil {
			return nil, err
		}
		deliveries = append(deliveries, Delivery{Entry: entry, Deliveries: 1, LeaseEnds: leaseEnds})
	}
	return deliveries, nil
}

// parseDeliveries reads what the scripts adopt and sweep hand over: [[ID, delivery count, note, [name, value...]]...].
func parseDeliveries(reply any, leaseEnds time.Time) ([]Delivery, error) {
	records, isList := reply.([]any)
	if !isList {
		return nil, errUnexpectedReply
	}
	deliveries := make([]Delivery, 0, len(records))
	for _, element := range records {
		record, _ := element.([]any)
		if len(record) != 4 {
			return nil, errUnexpectedReply
		}
		entry, err := parseEntry(record[0], record[3])
		if err != nil {
			return nil, err
		}
		count, _ := record[1].(int64)
		note, _ := record[2].(string)
		deliveries = append(deliveries,
			Delivery{Entry: entry, Deliveries: int(count), Note: parseNote(note), LeaseEnds: leaseEnds})
	}
	return deliveries, nil
}

func parseEntry(id, fields any) (Entry, error) {
	text, _ := id.(string)
	parsed, err := ParseID(text)
	if err != nil {
		return Entry{}, errUnexpectedReply
	}
	list, _ := fields.([]any)
	entry := Entry{ID: parsed, Fields: make([]Field, 0, len(list)/2)}
	for i := 0; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		value, _ := list[i+1].(string)
		entry.Fields = append(entry.Fields, Field{Name: name, Value: value})
	}
	return entry, nil
}

// parseNote reads a note; one that somebody has spoilt by hand counts as none.
func parseNote(text string) *Note {
	var note Note
	if text == "" || json.Unmarshal([]byte(text), &note) != nil {
		return nil
	}
	return &note
}

func parseIDs(reply []any) ([]ID, error) {
	var ids []ID
	for _, element := range reply {
		text, _ := element.(string)
		id, err := ParseID(text)
		if err != nil {
			return nil, errUnexpectedReply
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func flag(set bool) string { return strconv.Itoa(map[bool]int{true: 1}[set]) }
