package claim

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"

	"github.com/millrace/millrace/stream"
)

const (
	// sweepInterval is how often a group's pending list is looked through, give or take a tenth.
	sweepInterval = time.Second
	// sweepGuard keeps the other replicas from sweeping for most of an interval.
	sweepGuard = 900 * time.Millisecond
	// sweepPages is how many pages one Sweep looks at before something else has its turn.
	sweepPages = 20
	// sweepShare bounds what looking through a long list costs the server: a pause is this many times what the pass has
	// looked at for nothing. A page counts mostOfAPage at most: one that took longer was held up and cost nothing.
	sweepShare  = 9
	mostOfAPage = 20 * time.Millisecond
)

// Sweeping is the part of a stream.Group that a Sweeper needs.
type Sweeping interface {
	Sweep(ctx context.Context, request stream.SweepRequest) (stream.Swept, error)
	Lease() time.Duration
}

// Sweeper looks through the pending list of a group about once a second: it takes over what its owner has been silent
// about for a lease and what has waited long enough for its retry, gives up what was delivered too often, and removes the
// names of dead consumers. It has no goroutine of its own, so that taking over and reading share one door; it must not be
// used by two goroutines at once.
type Sweeper struct {
	group         Sweeping
	maxDeliveries int

	cursor      stream.ID     // where the pass goes on, zero at its beginning
	passTook    time.Duration // how long the pass has looked at pages for nothing
	due         time.Time     // when to sweep next
	robFrom     time.Time     // silent consumers are left alone until then, and before the first page that succeeds
	removeFrom  time.Time     // when to look for dead consumers next
	reachedLast time.Time     // the last page that succeeded, zero before the first
	interrupted bool          // Redis was out of reach since then
	clock       time.Time     // of the server at the last page, zero before the first
	clockRead   time.Time     // when that was read
}

// NewSweeper returns a Sweeper that is due at once. Until its first sweep was answered, and for a lease from then on, it
// leaves alone what silent consumers hold: it cannot know whether Redis was away before, and then the owners must have their
// chance to renew first.
func NewSweeper(group Sweeping, maxDeliveries int) *Sweeper {
	return &Sweeper{group: group, maxDeliveries: maxDeliveries}
}

// Interrupted tells the Sweeper that Redis was out of reach. Idle times have gone on growing meanwhile, so if that lasted
// for more than a third of a lease, nobody counts as silent for one lease after the next sweep that succeeds.
func (s *Sweeper) Interrupted() { s.interrupted = true }

// Wait is how long it is until the next sweep is due; zero or less is now.
func (s *Sweeper) Wait(now time.Time) time.Duration { return s.due.Sub(now) }

// Hurry makes the next sweep due at once.
func (s *Sweeper) Hurry() { s.due = time.Time{} }

// Swept is what one Sweep came to.
type Swept struct {
	// Taken are the deliveries that the consumer owns now. A suspect among them is the only one.
	Taken []stream.Delivery
	// Buried are the entries that became dead letters.
	Buried []stream.Buried
	// Suspects tells that an entry is due which may only be taken while nothing else is in hand. The next Sweep begins there.
	Suspects bool
	// Removed are the dead consumers whose names were removed.
	Removed []string
	// Refused is why Redis refused a write that could be done without; nil where it refused none.
	Refused error
	// Forgotten tells that entries stand under the consumer's name which it has not renewed for a lease, so that it may not
	// know of them.
	Forgotten bool
}

// Sweep looks at some pages of the pending list, goes on where the last one stopped, and takes at most what there is room
// for, but for one entry more where that is the first of its page. alone tells that nothing is in hand. What was done before
// an error is returned with it; deliveries whose reply was lost are taken up by Adopt.
func (s *Sweeper) Sweep(ctx context.Context, room stream.Room, alone bool) (Swept, error) {
	var all Swept
	for range sweepPages {
		started := time.Now()
		request := s.request(started, room, alone && len(all.Taken) == 0)
		page, err := s.group.Sweep(ctx, request)
		if err != nil {
			s.interrupted = true
			s.pause()
			return all, err
		}
		s.reached(started, time.Now())
		s.tell(time.Now(), page.Clock, request.RobBefore)
		room = room.Without(page.Taken)
		all.Taken = append(all.Taken, page.Taken...)
		all.Buried = append(all.Buried, page.Buried...)
		all.Removed = append(all.Removed, page.Removed...)
		all.Suspects = all.Suspects || page.Suspects > 0
		all.Refused = cmp.Or(all.Refused, page.Refused)
		all.Forgotten = all.Forgotten || page.Forgotten > 0
		s.cursor = page.Next
		if len(page.Taken) == 0 {
			s.passTook += min(time.Since(started), mostOfAPage)
		}
		if s.cursor.IsZero() {
			s.pause()
			return all, nil
		}
		if room.Entries <= 0 || page.Suspects > 0 || len(page.Taken) > 0 && s.Suspect(&page.Taken[0]) {
			break
		}
	}
	s.Hurry()
	return all, nil
}

func (s *Sweeper) request(now time.Time, room stream.Room, alone bool) stream.SweepRequest {
	request := stream.SweepRequest{
		From: s.cursor, Room: room.Entries, Bytes: room.Bytes, MaxDeliveries: s.maxDeliveries, Guard: sweepGuard,
		SuspectAfter: suspectAfter(s.maxDeliveries), Alone: alone, Rob: s.mayRob(now),
	}
	if !s.clock.IsZero() {
		request.RobBefore = s.clock.Add(now.Sub(s.clockRead) + s.group.Lease()/3)
	}
	if !now.Before(s.removeFrom) {
		request.RemoveSilent = 2 * s.group.Lease()
	}
	return request
}

// mayRob tells whether the owners have had their chance to renew since Redis was out of reach, as far as is known.
func (s *Sweeper) mayRob(now time.Time) bool {
	return !s.reachedLast.IsZero() && !s.interrupted && !now.Before(s.robFrom)
}

// reached notes that a page which was asked for has been answered.
func (s *Sweeper) reached(asked, answered time.Time) {
	if s.reachedLast.IsZero() || s.interrupted && asked.Sub(s.reachedLast) > s.group.Lease()/3 {
		s.robFrom = answered.Add(s.group.Lease())
	}
	s.interrupted, s.reachedLast = false, asked
	if !asked.Before(s.removeFrom) {
		s.removeFrom = asked.Add(s.group.Lease())
	}
}

// tell notes the server's clock at a page. One that is later than it should be says that the page was held up for over a
// third of a lease, or that the clock was put forward: for a lease owners must have their chance to renew, as after an outage.
func (s *Sweeper) tell(now, clock, robBefore time.Time) {
	s.clock, s.clockRead = clock, now
	if !robBefore.IsZero() && !clock.Before(robBefore) {
		s.robFrom = now.Add(s.group.Lease())
	}
}

// pause ends a pass.
func (s *Sweeper) pause() {
	wait := max(sweepInterval, sweepShare*s.passTook)
	s.due = time.Now().Add(time.Duration(float64(wait) * (0.9 + 0.2*rand.Float64())))
	s.cursor, s.passTook = stream.ID{}, 0
}

// suspectAfter is how often an orphaned entry has been delivered when it counts as a suspect. A process that is killed
// orphans all that it held, so at first they are handled side by side as before, and not one by one for long; whatever
// comes back once more is handled alone. Where there are few deliveries the second one must not be wasted on another's
// fault.
func suspectAfter(maxDeliveries int) int {
	if maxDeliveries < 4 {
		return 1
	}
	return 2
}

// Suspect tells whether a delivery may have killed the processes that had it before, so that it must be handled alone.
func (s *Sweeper) Suspect(delivery *stream.Delivery) bool {
	return delivery.Orphaned() && delivery.Deliveries > suspectAfter(s.maxDeliveries)
}
