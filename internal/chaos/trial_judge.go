package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/history"
)

// witnessed is one handling as a trial's processes saw it.
type witnessed struct {
	sighting           // of its start
	cut      time.Time // when its context ended since the lease was lost; zero where it did not
	ended    time.Time // zero where its process died first
	ok       bool
}

// over is when the handling ended, or would have, had it listened to its context; zero where it did not end.
func (h witnessed) over() time.Time {
	if !h.cut.IsZero() && (h.ended.IsZero() || h.cut.Before(h.ended)) {
		return h.cut
	}
	return h.ended
}

// during tells whether the handling was going on at some moment of a span.
func (h witnessed) during(span disturbance) bool {
	return span.concerns(h.consumer) && h.at.Before(span.to) && (h.ended.IsZero() || h.ended.After(span.from))
}

// work names an event in a group.
type work struct{ group, eventID string }

func (s sighting) work() work { return work{s.group, s.eventID} }

// handlingsOf pairs starts with ends. A consumer handles an event once at a time.
func handlingsOf(all []sighting) []*witnessed {
	type hand struct {
		work
		consumer string
	}
	var list []*witnessed
	open := map[hand]*witnessed{}
	for _, seen := range all {
		in := hand{seen.work(), seen.consumer}
		current := open[in]
		switch {
		case seen.word == wordStart:
			current = &witnessed{sighting: seen}
			open[in], list = current, append(list, current)
		case current == nil: // an outcome without a handling
		case seen.word == wordCut:
			current.cut = seen.at
		case seen.word == wordOK || seen.word == wordFailed:
			current.ended, current.ok = seen.at, seen.word == wordOK
			delete(open, in)
		}
	}
	return list
}

// judgeLosses completes the history with the handlings and with what stands in Redis, writes what it shows to out, and
// returns what is wrong with it. excused is when a handling counts as over that a consumer could not know to be lost; zero is
// when it was.
func (w *world) judgeLosses(ctx context.Context, handlings []*witnessed, out io.Writer, excused func(*witnessed) time.Time,
) error {
	for _, each := range handlings {
		started, ended := each.at, each.over()
		if moment := excused(each); !moment.IsZero() {
			started, ended = earlier(started, moment), moment
		}
		w.history.Started(each.group, each.eventID, each.consumer, started)
		switch {
		case ended.IsZero():
		case each.ok:
			w.history.Ended(each.group, each.eventID, each.consumer, ended, history.Succeeded)
		default:
			w.history.Ended(each.group, each.eventID, each.consumer, ended, history.Failed)
		}
	}
	err := w.recordState(ctx)
	report := w.history.Check()
	fmt.Fprintf(out, "in flight: %d, repeated: %d\n%v", report.InFlight(), report.Repeated(), report)
	return errors.Join(err, report.Sound())
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// none excuses nothing.
func none(*witnessed) time.Time { return time.Time{} }

// longest returns the longest of some times and the one in the middle; zero of none.
func longest(times []time.Duration) (most, middle time.Duration) {
	if len(times) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)-1], sorted[len(sorted)/2]
}
