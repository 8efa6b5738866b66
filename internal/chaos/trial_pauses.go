package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/millrace/millrace/consumers"
)

const (
	// pausedAtOnce is how many processes are frozen at the same time.
	pausedAtOnce = 3
	// awakeFor is how long at least a process runs between two pauses, so that it can take up work again.
	awakeFor = time.Second
	// toldWithin is how long a process that wakes may take to learn what it has lost: until its next renewal.
	toldWithin = lease / 3
	// writingDown is what it may take beyond that until the process is given the processor, and has written down what it saw.
	writingDown = 100 * time.Millisecond
)

// pausesTrial freezes processes for twice a lease while they have work in hand, so that others take it over: a process
// that wakes must learn of it within a third of a lease, and may do nothing to what another one owns by then.
type pausesTrial struct{ pauses disturbances }

func (*pausesTrial) plan() trialPlan {
	return trialPlan{name: "pauses", size: 100, consumers: 10, every: 300 * time.Millisecond, errand: pausesErrand}
}

// pausesErrand draws work that lasts longer than a pause for every third event, since only that goes on when its process
// wakes. Some of it ignores its context and fails in the end: the process is to be tempted to retry or bury it.
func pausesErrand(random *rand.Rand) errand {
	drawn := errand{WorkMicroseconds: 20_000 + random.IntN(300_000)}
	if random.IntN(3) == 0 {
		drawn.WorkMicroseconds = int((2 * lease).Microseconds()) + 500_000 + random.IntN(1_500_000)
	}
	if random.IntN(3) == 0 {
		drawn.Deaf, drawn.Failures, drawn.Permanent = true, random.IntN(2), random.IntN(4) == 0
	}
	return drawn
}

func (t *pausesTrial) unfold(ctx context.Context, w *world, size int) error {
	if err := rest(ctx, 2*lease); err != nil { // until there is work in hand
		return err
	}
	left := make(chan struct{}, size)
	for range size {
		left <- struct{}{}
	}
	close(left)
	faults := make([]error, pausedAtOnce)
	var pausing sync.WaitGroup
	for lane := range pausedAtOnce {
		pausing.Go(func() {
			for round := 0; faults[lane] == nil; round++ {
				if _, more := <-left; !more {
					return
				}
				place := (lane + round*pausedAtOnce) % (w.fleet.size() / pausedAtOnce * pausedAtOnce) // no two lanes share one
				faults[lane] = t.pause(ctx, w.fleet.at(place))
			}
		})
	}
	pausing.Wait()
	return errors.Join(faults...)
}

// pause freezes a process for twice a lease.
func (t *pausesTrial) pause(ctx context.Context, victim *process) error {
	from := time.Now()
	victim.stop()
	err := rest(ctx, 2*lease)
	t.pauses.add(victim.name, from, time.Now())
	victim.resume()
	return errors.Join(err, rest(ctx, awakeFor))
}

func (t *pausesTrial) judge(ctx context.Context, w *world, all []sighting, out io.Writer) error {
	pauses := t.pauses.list()
	handlings := handlingsOf(all)
	seen := newTakeovers(handlings)
	var told []time.Duration
	var faults []error
	excused := map[*witnessed]time.Time{}
	for _, each := range handlings {
		if pausedIn(each, pauses) { // whether it ends well or not, it is taken over meanwhile
			w.history.InFlight(each.group, each.eventID)
		}
		for _, pause := range pauses {
			late, wasTaken := seen.toldAfter(each, pause)
			switch {
			case !wasTaken:
			case late > toldWithin+w.settings.slack:
				faults = append(faults, fmt.Errorf("%s handled %s of %s for %v after it could know that it was lost",
					each.consumer, each.eventID, each.group, late))
			default:
				told = append(told, late)
				excused[each] = pause.from
			}
		}
	}
	most, middle := longest(told)
	fmt.Fprintf(out, "pauses: %d of %v, %d handlings that were under way were taken over meanwhile\n", len(pauses), 2*lease, len(told))
	fmt.Fprintf(out, "from waking to the end of their contexts: %v at most, %v in the middle, %v allowed\n",
		most.Round(100*time.Microsecond), middle.Round(100*time.Microsecond), toldWithin.Round(time.Millisecond))
	if len(told) == 0 {
		faults = append(faults, errors.New("no pause met work that was taken over: nothing was shown"))
	}
	faults = append(faults, seen.meddling(all, pauses, out),
		w.judgeLosses(ctx, handlings, out, func(each *witnessed) time.Time { return excused[each] }))
	return errors.Join(faults...)
}

// pausedIn tells whether a handling was going on in a pause of its process, or its ack was under way.
func pausedIn(each *witnessed, pauses []disturbance) bool {
	for _, pause := range pauses {
		pause.from, pause.to = pause.from.Add(-unacked), pause.to.Add(toldWithin)
		if each.during(pause) {
			return true
		}
	}
	return false
}

// takeovers are the handlings of each event in each group.
type takeovers map[work][]*witnessed

func newTakeovers(handlings []*witnessed) takeovers {
	byWork := takeovers{}
	for _, each := range handlings {
		byWork[each.work()] = append(byWork[each.work()], each)
	}
	return byWork
}

// takenAt is when another consumer began with a later delivery; zero where none did.
func (t takeovers) takenAt(of work, consumer string, deliveries int) time.Time {
	for _, other := range t[of] {
		if other.consumer != consumer && other.deliveries > deliveries {
			return other.at
		}
	}
	return time.Time{}
}

// toldAfter is how long a handling that another consumer took over in a pause went on after its process had woken and
// could know. What was in hand may also begin when the process wakes, before it has asked. false: the handling was over by
// then, or not taken over.
func (t takeovers) toldAfter(each *witnessed, pause disturbance) (time.Duration, bool) {
	taken := t.takenAt(each.work(), each.consumer, each.deliveries)
	isMet := pause.concerns(each.consumer) && each.at.Before(pause.to.Add(toldWithin)) && each.over().After(pause.to)
	if !isMet || taken.IsZero() || each.over().Before(taken) {
		return 0, false
	}
	return each.over().Sub(later(pause.to, taken)), true
}

// meddling returns an error for each consumer that retried or buried what another one owned by then, or that lost a
// delivery although its process was awake: somebody has taken it back.
func (t takeovers) meddling(all []sighting, pauses []disturbance, out io.Writer) error {
	var faults []error
	counts := map[consumers.Outcome]int{}
	for _, seen := range all {
		outcome := consumers.Outcome(seen.word)
		counts[outcome]++
		own := t.own(seen)
		if own == nil {
			continue
		}
		taken := t.takenAt(seen.work(), seen.consumer, seen.deliveries)
		isLate := !taken.IsZero() && taken.Before(own.ended)
		switch {
		case isLate && (outcome == consumers.Retried || outcome == consumers.DeadLettered):
			faults = append(faults, fmt.Errorf("%s has %s %s of %s, which another one owned", seen.consumer, outcome, seen.eventID, seen.group))
		case outcome == consumers.Lost && !pausedIn(own, pauses):
			faults = append(faults, fmt.Errorf("%s lost %s of %s although it was awake", seen.consumer, seen.eventID, seen.group))
		}
	}
	fmt.Fprintf(out, "outcomes: %d acked, %d retried, %d dead letters, %d found lost\n", counts[consumers.Acked],
		counts[consumers.Retried], counts[consumers.DeadLettered], counts[consumers.Lost])
	return errors.Join(faults...)
}

// own is the handling that an outcome ends; nil where there was none.
func (t takeovers) own(outcome sighting) *witnessed {
	for _, each := range t[outcome.work()] {
		if each.consumer == outcome.consumer && each.deliveries == outcome.deliveries {
			return each
		}
	}
	return nil
}
