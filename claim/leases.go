package claim

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/stream"
)

// ErrLost is the cause with which the context of a handler ends whose entry another consumer owns by now.
var ErrLost = errors.New("the lease was lost: another consumer owns the entry now")

// renewBatch is how many entries one renewal names at most: some 0.5 ms of the server.
const renewBatch = 100

// Renewer is the part of a stream.Group that Leases needs.
type Renewer interface {
	Renew(ctx context.Context, ids []stream.ID) (lost []stream.ID, err error)
	Lease() time.Duration
}

// Leases are what one consumer holds of one group, from the moment it was handed over until Redis has confirmed its
// settlement. It is safe for use by several goroutines.
type Leases struct {
	group Renewer

	mu     sync.Mutex
	held   []*Lease // in no order
	bytes  int
	newest stream.ID     // no entry above it was held since the last time that nothing was
	empty  chan struct{} // closed while nothing is held

	dropped chan struct{} // holds a token after something was let go of
}

// Lease is the hold on one entry. The zero Lease belongs to no entry yet, and one that was dropped to none any more: Hold
// takes either, for any entry.
type Lease struct {
	id    stream.ID
	bytes int
	ends  atomic.Int64 // local time in nanoseconds since 1970
	lost  atomic.Bool

	mu     sync.Mutex
	cancel context.CancelCauseFunc

	place int // among those that are held, counted from 1; 0 while the lease is not held; for Leases alone
}

// NewLeases returns the leases of a consumer that holds nothing yet.
func NewLeases(group Renewer) *Leases {
	l := &Leases{group: group, empty: make(chan struct{}), dropped: make(chan struct{}, 1)}
	close(l.empty)
	return l
}

// Hold takes an entry of so many bytes into the consumer's hands until ends, or longer if it is renewed; lease, which must
// not be held, shows that from now on. It returns false, and leaves lease as it is, where the entry is in the consumer's
// hands already.
func (l *Leases) Hold(id stream.ID, bytes int, lease *Lease, ends time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(l.held) == 0:
		l.empty, l.newest = make(chan struct{}), id
	case id.Compare(l.newest) > 0: // what is read for the first time need not be looked for
		l.newest = id
	case l.holds(id):
		return false
	}
	lease.begin(id, bytes, ends)
	l.held = append(l.held, lease)
	lease.place = len(l.held)
	l.bytes += bytes
	return true
}

func (l *Leases) holds(id stream.ID) bool {
	return slices.ContainsFunc(l.held, func(lease *Lease) bool { return lease.id == id })
}

// Drop lets go of entries: they are settled, or lost. Those that are not held stay as they are.
func (l *Leases) Drop(leases ...*Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lease := range leases {
		if lease.place == 0 {
			continue
		}
		last := len(l.held) - 1
		l.held[lease.place-1] = l.held[last]
		l.held[last].place = lease.place
		l.held[last], l.held = nil, l.held[:last]
		lease.place = 0
		if l.bytes -= lease.bytes; last == 0 {
			close(l.empty)
		}
	}
	select {
	case l.dropped <- struct{}{}:
	default:
	}
}

// Held returns what is in the consumer's hands now, as a function that tells whether an entry was among it.
func (l *Leases) Held() func(stream.ID) bool {
	held := map[stream.ID]bool{}
	for _, holding := range l.snapshot() {
		held[holding.id] = true
	}
	return func(id stream.ID) bool { return held[id] }
}

// Count is how many entries are in the consumer's hands.
func (l *Leases) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}

// InHand is how many entries are in the consumer's hands, and how many bytes they have.
func (l *Leases) InHand() (entries, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held), l.bytes
}

// Dropped is a channel that holds a token after something was let go of, for one goroutine that waits for room.
func (l *Leases) Dropped() <-chan struct{} { return l.dropped }

// Empty is a channel that is closed as soon as nothing is held. Ask anew after every wait.
func (l *Leases) Empty() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.empty
}

// begin needs no lock: nobody else uses a lease that is not held.
func (l *Lease) begin(id stream.ID, bytes int, ends time.Time) {
	l.id, l.bytes, l.cancel = id, bytes, nil
	l.ends.Store(ends.UnixNano())
	if l.lost.Load() {
		l.lost.Store(false)
	}
}

// Ended tells whether the lease may have run out by the time now, so that another consumer may own the entry.
func (l *Lease) Ended(now time.Time) bool { return now.UnixNano() >= l.ends.Load() }

// Lost tells whether the entry is known to belong to another consumer.
func (l *Lease) Lost() bool { return l.lost.Load() }

// OnLoss has cancel called with ErrLost when the lease is lost, at once if it is already.
func (l *Lease) OnLoss(cancel context.CancelCauseFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancel = cancel; l.lost.Load() {
		cancel(ErrLost)
	}
}

func (l *Lease) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost.Store(true)
	if l.cancel != nil {
		l.cancel(ErrLost)
	}
}

// Run renews everything that is held, every third of a lease, until ctx ends; it blocks so long. A renewal that fails is
// tried again after a tenth of a lease. report is told how each round went: nil, or the error.
func (l *Leases) Run(ctx context.Context, report func(error)) {
	timer := time.NewTimer(l.group.Lease() / 3)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := l.renew(ctx)
		report(err)
		if err != nil {
			timer.Reset(l.group.Lease() / 10)
		} else {
			timer.Reset(l.group.Lease() / 3)
		}
	}
}

// renew makes one round. With nothing held it is a sign of life.
func (l *Leases) renew(ctx context.Context) error {
	held := l.snapshot()
	for {
		batch := held[:min(len(held), renewBatch)]
		if err := l.renewBatch(ctx, batch); err != nil {
			return err
		}
		if held = held[len(batch):]; len(held) == 0 {
			return nil
		}
	}
}

// renewBatch renews leases as they stood when the round began. One that is not held any more, or holds another entry, was
// settled meanwhile: what Redis says of the entry before is nothing to it.
func (l *Leases) renewBatch(ctx context.Context, held []holding) error {
	ids := make([]stream.ID, len(held))
	for i, holding := range held {
		ids[i] = holding.id
	}
	ends := time.Now().Add(l.group.Lease())
	lost, err := l.group.Renew(ctx, ids)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, holding := range held {
		lease := holding.lease
		switch {
		case lease.place == 0 || lease.id != holding.id: // settled meanwhile
		case slices.Contains(lost, lease.id):
			lease.lose()
		default:
			lease.ends.Store(ends.UnixNano())
		}
	}
	return nil
}

// holding is what a lease was good for at one moment.
type holding struct {
	lease *Lease
	id    stream.ID
}

func (l *Leases) snapshot() []holding {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := make([]holding, len(l.held))
	for i, lease := range l.held {
		held[i] = holding{lease, lease.id}
	}
	return held
}
