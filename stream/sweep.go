package stream

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// SweepRequest says what one page of a sweep may do.
type SweepRequest struct {
	// From is where the page begins; the zero ID is the beginning of the pending list.
	From ID
	// Room is how many entries may be taken; zero shows life and does no more.
	Room int
	// Bytes is how many bytes of entries may be taken, but for the first one; zero, and the most, is 8 MiB.
	Bytes int
	// MaxDeliveries is the delivery count at which an entry is given up.
	MaxDeliveries int
	// Rob permits to take from consumers that have been silent for a lease.
	Rob bool
	// RobBefore is the time of the server at which Rob ends: a page that comes later was held up, and the renewals of living
	// owners with it. The zero time is no end.
	RobBefore time.Time
	// SuspectAfter makes an orphaned entry a suspect that has been delivered so often; zero is 1.
	SuspectAfter int
	// Alone tells that nothing is in hand, so that one suspect may be taken.
	Alone bool
	// RemoveSilent removes consumers that are empty and have been silent for longer; zero removes none.
	RemoveSilent time.Duration
	// Guard is how long other consumers leave sweeping to this one.
	Guard time.Duration
}

// Swept is what one page of a sweep came to.
type Swept struct {
	// Next is where the next page begins, the zero ID at the end of the list.
	Next ID
	// Taken are the deliveries that the consumer owns now.
	Taken []Delivery
	// Buried are the entries that became dead letters.
	Buried []Buried
	// Suspects is 1 where the page ends at an entry that was due and may only be taken alone; Next is that entry.
	Suspects int
	// Removed are the consumers whose names were removed.
	Removed []string
	// Clock is the server's time when it looked through the page.
	Clock time.Time
	// Refused is why Redis refused a write that could be done without, such as a sign of life under a memory limit; nil
	// where it refused none.
	Refused error
	// Forgotten counts entries under the consumer's own name that it has not renewed for a lease. It may not know of them:
	// Adopt takes up those that are not in its hands.
	Forgotten int
}

// Buried is an entry that a sweep gave up.
type Buried struct {
	ID ID
	// Reason is DeadMaxDeliveries or DeadDeleted.
	Reason string
	// Deliveries is how often it had been delivered.
	Deliveries int
	// Cut tells that the event which the group emits with a dead letter was not added: see Emit.
	Cut bool
}

// How much of the pending list one call looks at, and how many bytes of entries it takes at most.
const (
	sweepPage  = 100
	sweepBytes = 8 << 20
)

func (r SweepRequest) bytes() int { return min(cmp.Or(r.Bytes, sweepBytes), sweepBytes) }

// Sweep looks through one page of the group's pending list: what is exhausted or deleted becomes a dead letter, what is
// due is taken (XAUTOCLAIM), the rest is left alone. One consumer sweeps at a time, unless it leaves a suspect; for the
// others the call is a sign of life.
func (g *Group) Sweep(ctx context.Context, request SweepRequest) (Swept, error) {
	keys := append(g.settleKeys(), g.client.keys.Groups(), g.client.keys.Consumers(g.name), g.client.keys.Sweep(g.name))
	from := "-"
	if !request.From.IsZero() {
		from = request.From.String()
	}
	sent := time.Now()
	reply, err := g.client.run(ctx, g.client.scripts.sweep, keys, g.name, g.consumer, g.lease.Milliseconds(),
		request.MaxDeliveries, from, sweepPage, request.Room, request.bytes(), request.robUntil(), flag(request.Alone),
		request.RemoveSilent.Milliseconds(), request.Guard.Milliseconds(), max(1, request.SuspectAfter), g.emit.DeadLettered).Slice()
	if err != nil {
		return Swept{}, g.failed("sweep", err)
	}
	swept, err := parseSwept(reply, sent.Add(g.lease))
	if err != nil {
		return Swept{}, g.failed("sweep", err)
	}
	return swept, nil
}

// noEnd is later than any time in milliseconds, and a number that Lua holds.
const noEnd = 1 << 53

// robUntil is the time from which on the page robs nobody, by the server's clock in milliseconds.
func (r SweepRequest) robUntil() int64 {
	switch {
	case !r.Rob:
		return 0
	case r.RobBefore.IsZero():
		return noEnd
	default:
		return r.RobBefore.UnixMilli()
	}
}

func parseSwept(reply []any, leaseEnds time.Time) (Swept, error) {
	if len(reply) != 8 {
		return Swept{}, errUnexpectedReply
	}
	var swept Swept
	var err error
	if next := replyText(reply[0]); next != "" {
		if swept.Next, err = ParseID(next); err != nil {
			return Swept{}, errUnexpectedReply
		}
	}
	if swept.Taken, err = parseDeliveries(reply[1], leaseEnds); err != nil {
		return Swept{}, err
	}
	if swept.Buried, err = parseBuried(reply[2]); err != nil {
		return Swept{}, err
	}
	swept.Suspects = replyNumber(reply[3])
	for _, name := range replyList(reply[4]) {
		swept.Removed = append(swept.Removed, replyText(name))
	}
	if refused := replyText(reply[5]); refused != "" {
		swept.Refused = errors.New(refused)
	}
	swept.Forgotten = replyNumber(reply[6])
	swept.Clock = timeAt(int64(replyNumber(reply[7])))
	return swept, nil
}

func parseBuried(reply any) ([]Buried, error) {
	var buried []Buried
	for _, element := range replyList(reply) {
		record := replyList(element)
		if len(record) != 4 {
			return nil, errUnexpectedReply
		}
		id, err := ParseID(replyText(record[0]))
		if err != nil {
			return nil, errUnexpectedReply
		}
		buried = append(buried, Buried{
			ID: id, Reason: replyText(record[1]), Deliveries: replyNumber(record[2]), Cut: replyNumber(record[3]) == 1,
		})
	}
	return buried, nil
}
