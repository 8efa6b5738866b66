package stream

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Ack settles entries as done (XACK), whoever owns them, and returns how many were pending.
func (g *Group) Ack(ctx context.Context, ids []ID) (int, error) {
	words := g.spare.Swap(nil)
	if words == nil {
		words = &idWords{}
	}
	defer g.spare.Store(words)
	command := redis.NewIntCmd(ctx, words.of(ids, "XACK", g.client.keys.Stream(), g.name)...)
	_ = g.client.write.Process(ctx, command) // the error stays in the command
	acked, err := command.Result()
	if err != nil {
		return 0, g.failed("ack", err)
	}
	return int(acked), nil
}

// Settled is an entry whose handling has succeeded.
type Settled struct {
	ID ID
	// Event and EventID make the dedupe marker and the follow-up's ID; both are empty in a group that has neither.
	Event, EventID string
	// Result is what Settle keeps of the handling, at most MaxResultBytes of it; "" is nothing.
	Result string
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
// returns the entries that the consumer does not own any more: those that were deleted from the stream are among them, as
// dead letters. At most 100 entries a call keep the server responsive; none is a bare sign of life.
func (g *Group) Renew(ctx context.Context, ids []ID) (lost []ID, err error) {
	args := appendIDs([]any{g.name, g.consumer, g.emit.DeadLettered}, ids)
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
	// Deliveries is the delivery count of what is released. An entry that was delivered again since is lost.
	Deliveries int
	// Unstarted leaves the entry with one delivery less, as if it had not been handed over.
	Unstarted bool
	// Delay is how long it waits; zero is due at once.
	Delay time.Duration
	// Tries is the delivery count of the try that failed.
	Tries int
	// Reason is one of the Retry constants, or "" where no try has failed and the note stays what it was.
	Reason string
	// Error is what the try failed with.
	Error string
}

// Release moves entries to the consumer Waiting, each with its note of the failed try. It returns those that the consumer
// did not own any more, or owned again after others had them; nothing was done for them. One that was deleted from the
// stream becomes a dead letter; where Redis refuses to write that, it stays pending as it was, the others are moved, and the
// error says why.
func (g *Group) Release(ctx context.Context, releases []Release) (lost []ID, err error) {
	args := []any{g.name, g.consumer, g.emit.DeadLettered, g.lease.Milliseconds()}
	for _, release := range releases {
		left := release.Deliveries
		if release.Unstarted {
			left--
		}
		args = append(args, release.ID.String(), release.Deliveries, left, release.Delay.Milliseconds(), release.Tries,
			release.Reason, CleanError(release.Error))
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
	// Deliveries is the delivery count of what is given up. An entry that was delivered again since is not; zero is whatever
	// it has.
	Deliveries int
}

// GivenUp is what GiveUp came to.
type GivenUp struct {
	// Owned is false where the consumer did not own the entry any more, and nothing was done.
	Owned bool
	// Cut tells that the event which the group emits with a dead letter was not added: see Emit.
	Cut bool
}

// GiveUp writes the dead letter of an entry, adds what the group emits with it, and acks the entry, in one step.
func (g *Group) GiveUp(ctx context.Context, letter GiveUp) (GivenUp, error) {
	keys := g.settleKeys()
	if letter.Deduped {
		keys = append(keys, g.client.keys.Done(g.name, letter.Event, letter.EventID))
	}
	done, err := g.client.run(ctx, g.client.scripts.giveUp, keys, g.name, g.consumer, g.emit.DeadLettered,
		letter.ID.String(), letter.Reason, CleanError(letter.Error), letter.Event, letter.EventID, letter.Deliveries).Int()
	if err != nil {
		return GivenUp{}, g.failed("write a dead letter of", err)
	}
	return GivenUp{Owned: done > 0, Cut: done == 2}, nil
}
