package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/history"
	"github.com/millrace/millrace/stream"
)

const (
	// drainWithin is how long the rest of a run may take.
	drainWithin = time.Minute
	// page is how many entries are read from Redis at once.
	page = 1000
	// unsure is how long before a failover a delivery or an ack may lie that the new master never heard of, also where no
	// event tells of it.
	unsure = 500 * time.Millisecond
)

// window is a time in which Redis may have taken a word back that it had given.
type window struct{ from, to time.Time }

func (w window) holds(at time.Time) bool { return !at.Before(w.from) && !at.After(w.to) }

// ackBefore is how long before the first event that is gone a handling may have ended whose ack is gone, too: acks are
// gathered, and there is an event only now and then.
const ackBefore = 50 * time.Millisecond

// widened are windows that begin before the first acknowledged publish that is gone: what was done on the old master from
// then on never reached the new one, since a replica is told everything in its order.
func (l *load) widened(windows []window, entries map[string]bool) []window {
	wider := slices.Clone(windows)
	for _, one := range l.publishes {
		if one.err != nil || entries[one.event] {
			continue
		}
		for i := range wider {
			if gone := one.began.Add(-ackBefore); gone.Before(wider[i].from) {
				wider[i].from = gone
			}
		}
	}
	return wider
}

// resumed waits until every consumer has handled, in every group, an event whose publish began after since.
func (l *load) resumed(ctx context.Context, since time.Time) error {
	_, err := await(ctx, "every consumer handles new events in every group", func() bool {
		return len(l.firstHandlings(since, nil)) == len(l.members)*len(groupNames())
	})
	return err
}

// firstHandlings is when each consumer first handled, in each group, an event whose publish began after since and that is
// in entries, or any where entries is nil.
func (l *load) firstHandlings(since time.Time, entries map[string]bool) []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	young := map[string]bool{}
	for _, one := range l.publishes {
		young[one.event] = one.began.After(since) && (entries == nil || entries[one.event])
	}
	firsts := map[[2]string]time.Time{}
	for _, done := range l.handlings {
		who := [2]string{done.consumer, done.group}
		if first, known := firsts[who]; young[done.event] && (!known || done.began.Before(first)) {
			firsts[who] = done.began
		}
	}
	begins := make([]time.Time, 0, len(firsts))
	for _, first := range firsts {
		begins = append(begins, first)
	}
	slices.SortFunc(begins, time.Time.Compare)
	return begins
}

// published is how long after since the first publish was answered that had begun after it.
func (l *load) published(since time.Time, entries map[string]bool) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	soonest := time.Duration(-1)
	for _, one := range l.publishes {
		if took := one.answered.Sub(since); one.err == nil && one.began.After(since) && entries[one.event] && (soonest < 0 || took < soonest) {
			soonest = took
		}
	}
	return soonest
}

// drained waits until every group has been handed everything and nothing is pending, and returns how long that took.
func (l *load) drained(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	for {
		groups, err := l.publisher.Groups(ctx)
		if err == nil && len(groups) == len(groupNames()) && isIdle(groups) {
			return time.Since(began), nil
		}
		if time.Since(began) > drainWithin {
			return 0, fmt.Errorf("not drained within %v: %+v: %w", drainWithin, groups, err)
		}
		if err := rest(ctx, 50*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

func isIdle(groups []stream.GroupStatus) bool {
	return !slices.ContainsFunc(groups, func(group stream.GroupStatus) bool {
		return group.Pending > 0 || group.Lag > 0 || !group.Exists
	})
}

// verdict is what a run came to.
type verdict struct {
	tally

	report  history.Report
	entries map[string]bool
}

// judge compares what was published and handled with what Redis holds at the end. What began or ended in one of the windows
// may come twice, at once even; nothing else may. An error says that something is wrong which no failover explains.
func (l *load) judge(ctx context.Context, windows ...window) (verdict, error) {
	entries, err := l.entries(ctx)
	if err != nil {
		return verdict{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	windows = l.widened(windows, entries)
	run := history.New(0, groupNames()...)
	judged := verdict{entries: entries}
	for _, done := range l.handlings {
		outcome := history.Succeeded
		if done.failed {
			outcome = history.Failed
		}
		run.Started(done.group, done.event, done.consumer, done.began)
		run.Ended(done.group, done.event, done.consumer, done.ended, outcome)
		if done.failed || isExplained(done, windows) { // a repeat that failed is tried again
			run.InFlight(done.group, done.event)
		}
	}
	for _, one := range l.publishes {
		result := history.Unknown // also an acknowledgement without WAIT: a failover may take it back
		if one.err == nil && one.waited {
			result = history.Acknowledged
		}
		run.Published(one.event, result)
	}
	if err := l.recordState(ctx, run); err != nil {
		return judged, err
	}
	judged.report = run.Check()
	judged.tally = l.count(entries, judged.report)
	l.excuse(&judged.report, windows)
	return judged, nil
}

func isExplained(done handling, windows []window) bool {
	return slices.ContainsFunc(windows, func(w window) bool { return w.holds(done.began) || w.holds(done.ended) })
}

// excuse takes those events out of the lists of what two handled at once of which a failover explains it.
func (l *load) excuse(report *history.Report, windows []window) {
	for i := range report.Groups {
		group := &report.Groups[i]
		group.Concurrent = slices.DeleteFunc(group.Concurrent, func(event string) bool {
			return slices.ContainsFunc(l.handlings, func(done handling) bool {
				return done.group == group.Group && done.event == event && isExplained(done, windows)
			})
		})
	}
}

// count counts; the caller holds the lock.
func (l *load) count(entries map[string]bool, report history.Report) tally {
	counted := tally{repeated: report.Repeated()}
	for _, group := range report.Groups {
		counted.concurrent += len(group.Concurrent)
	}
	handled, seen := map[string]int{}, map[[2]string]bool{}
	for _, done := range l.handlings {
		where := [2]string{done.group, done.event}
		if !done.failed && !seen[where] {
			handled[done.event]++
			seen[where] = true
		}
	}
	for _, one := range l.publishes {
		counted.add(one, !entries[one.event], handled[one.event] == len(groupNames()))
	}
	return counted
}

// entries returns the events of the stream. One that is there twice is an error.
func (l *load) entries(ctx context.Context) (map[string]bool, error) {
	events := map[string]bool{}
	var faults []error
	for from := "-"; ; {
		entries, err := l.publisher.Redis().XRangeN(ctx, l.publisher.Keys().Stream(), from, "+", page).Result()
		if err != nil {
			return nil, fmt.Errorf("read the stream: %w", err)
		}
		for _, entry := range entries {
			event, _ := entry.Values["event_id"].(string)
			if events[event] {
				faults = append(faults, fmt.Errorf("event %s is in the stream twice", event))
			}
			events[event] = true
		}
		if len(entries) < page {
			return events, errors.Join(faults...)
		}
		from = "(" + entries[len(entries)-1].ID
	}
}

// recordState tells the history what is pending and dead: nothing should be.
func (l *load) recordState(ctx context.Context, run *history.History) error {
	for _, group := range groupNames() {
		pending, err := l.publisher.Pending(ctx, group, stream.ID{}, page)
		if err != nil {
			return err
		}
		for _, entry := range pending {
			run.Pending(group, entry.ID.String())
		}
		letters, err := l.publisher.DeadLetters(ctx, group, stream.ID{}, page)
		if err != nil {
			return err
		}
		for _, letter := range letters {
			run.Dead(group, letter.EventID, letter.Reason)
		}
	}
	return nil
}
