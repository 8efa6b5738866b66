package main

import (
	"slices"
	"sync"
	"time"
)

// disturbance is a time in which a nemesis came between consumers and Redis. From these it is worked out
// which handlings may overlap, and with what was in flight when something ended, which may be repeated.
type disturbance struct {
	consumer string // "" is all of them
	from, to time.Time
}

func (d disturbance) concerns(consumer string) bool {
	return d.consumer == "" || d.consumer == consumer
}

// disturbances are all of a run. They are safe for use by several goroutines.
type disturbances struct {
	mu  sync.Mutex
	all []disturbance
}

func (d *disturbances) add(consumer string, from, to time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, disturbance{consumer, from, to})
}

func (d *disturbances) list() []disturbance {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.all)
}

// joined makes one of those that came between the same consumer and Redis one right after the other: in between there was
// no time to renew.
func joined(all []disturbance) []disturbance {
	var joined []disturbance
	for _, next := range slices.SortedFunc(slices.Values(all), func(a, b disturbance) int { return a.from.Compare(b.from) }) {
		at := slices.IndexFunc(joined, func(before disturbance) bool {
			return before.consumer == next.consumer && !next.from.After(before.to.Add(lease/3))
		})
		if at < 0 {
			joined = append(joined, next)
		} else {
			joined[at].to = later(joined[at].to, next.to)
		}
	}
	return joined
}

// cutsOf are all disturbances, joined and each for itself: what began between two that are joined was held when the second
// one began.
func cutsOf(all []disturbance) []disturbance { return append(joined(all), all...) }

const (
	// unacked is how long before a disturbance a handling may have succeeded whose ack was still under way.
	unacked = 250 * time.Millisecond
	// catchUp is how long after one a consumer may take to learn what it has lost: its next renewal, and a command that
	// waits for its reply until it counts as lost.
	catchUp = lease/3 + 4*time.Second
)

// cutOff is the least time without Redis in which a consumer may lose what it has just renewed: the rest of a lease after
// the longest pause between two renewals.
const cutOff = lease / 2

// foreseen tells whether the consumer could not know, when a handling went on, that it had lost the entry: the handling
// was running when the consumer was cut off, or began before its lease had run out, and was over as soon as it could learn
// of the loss. It returns when the first such cut began. over is when the handling ended, or its process did.
func foreseen(done handling, over time.Time, cuts []disturbance) (first time.Time, isForeseen bool) {
	for _, cut := range cuts {
		isCutOff := cut.concerns(done.consumer) && cut.to.Sub(cut.from) >= cutOff
		wasHeld := done.started.Before(cut.from.Add(lease)) && over.After(cut.from)
		if isCutOff && wasHeld && over.Before(cut.to.Add(catchUp)) {
			if from := later(cut.from, done.started); !isForeseen || from.Before(first) {
				first, isForeseen = from, true
			}
		}
	}
	return first, isForeseen
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// silences are the times in which nothing of one consumer may have reached Redis: when it was cut off, together with what
// came between all consumers and Redis right before, in between or after. What concerns all consumers and nothing more is
// none, since nobody takes over for a lease then.
func silences(consumer string, all []disturbance) []disturbance {
	var own, concerning []disturbance
	for _, each := range all {
		if each.consumer == consumer {
			own = append(own, each)
		}
		if each.concerns(consumer) {
			concerning = append(concerning, disturbance{consumer, each.from, each.to})
		}
	}
	return slices.DeleteFunc(joined(concerning), func(silence disturbance) bool {
		return !slices.ContainsFunc(own, func(cut disturbance) bool {
			return !cut.from.Before(silence.from) && !cut.to.After(silence.to)
		})
	})
}

// mayRepeat tells whether the ack of a handling that succeeded may not have reached Redis before others took over, or
// whether it was started before the consumer could know that they had: it was running, or its ack was under way, when a
// silence of its consumer began, or it began before the first renewal afterwards. A shorter silence costs nothing, since
// the owner keeps its lease and acks later.
func mayRepeat(done handling, silences []disturbance) bool {
	return slices.ContainsFunc(silences, func(silence disturbance) bool {
		return silence.to.Sub(silence.from) >= cutOff &&
			done.ended.After(silence.from.Add(-unacked)) && done.started.Before(silence.to.Add(lease/3))
	})
}
