package simulation

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/history"
	"github.com/millrace/millrace/stream"
)

const (
	// stuckAfter is how long after its timeout a handler that does not return is given up.
	stuckAfter = 5 * time.Second
	// stopsWithin is how long after its grace a process may take to end.
	stopsWithin = 8 * time.Second
	// margin is for the time that commands take on their way.
	margin = 100 * time.Millisecond
)

// judgeRun says what is wrong with a run that is over.
func (w *world) judgeRun() {
	w.judgeStops()
	if left := w.consumers(); len(left) > 0 { // a sign of life may be left, where a renewal came after the name had gone
		w.Errorf("the names of %v are left, who have all been told to stop", left)
	}
	told := history.New(uint64(w.plan.seed))
	for _, event := range w.published {
		told.Published(event, history.Acknowledged)
	}
	for _, process := range w.processes {
		if died, _, _ := process.state(); !died.IsZero() {
			told.Died(process.name(), died)
		}
	}
	for _, group := range w.groups() {
		dead := w.judgeDead(told, group.Name)
		w.judgeState(told, group, dead)
		w.judgeFollowUps(group, dead)
		w.tellHandlings(told, group.Name, dead)
	}
	if err := told.Check().Sound(); err != nil {
		w.Error(err)
	}
}

// judgeStops wants every process that was told to stop to have done so in time.
func (w *world) judgeStops() {
	for _, process := range w.processes {
		died, told, ended := process.state()
		if limit := w.plan.grace + stopsWithin + margin; died.IsZero() && ended.Sub(told) > limit {
			w.Errorf("process %d ended %v after it was told to, want at most %v", process.number, ended.Sub(told), limit)
		}
	}
}

// judgeState wants nothing left of what is settled: no notes, and dedupe markers that say so.
func (w *world) judgeState(told *history.History, group stream.GroupStatus, dead map[string]bool) {
	ctx, keys, server := context.Background(), w.judge.Keys(), w.judge.Redis()
	if notes := server.HGetAll(ctx, keys.Attempts(group.Name)).Val(); group.Pending == 0 && len(notes) > 0 {
		w.Errorf("group %q: notes are left: %v", group.Name, notes)
	}
	pending, err := w.judge.Pending(ctx, group.Name, stream.ID{}, 1000)
	if err != nil {
		w.Fatal(err)
	}
	for event, id := range w.entries {
		isPending := slices.ContainsFunc(pending, func(entry stream.PendingEntry) bool { return entry.ID == id })
		switch marker := server.Get(ctx, keys.Done(group.Name, eventName, event)).Val(); {
		case isPending:
			told.Pending(group.Name, event)
		case id.Compare(group.LastDelivered) <= 0:
			told.Acked(group.Name, event)
			if w.dedupes(group.Name) && !dead[event] && marker != "done "+id.String() {
				w.Errorf("group %q: the dedupe marker of %s says %q, want that it is done", group.Name, event, marker)
			}
		}
	}
}

func (w *world) dedupes(group string) bool {
	return slices.ContainsFunc(w.plan.groups, func(g plannedGroup) bool { return g.name == group && g.dedupe > 0 })
}

// judgeDead tells the history of the dead letters, and wants each to have been delivered as often as it says and may.
func (w *world) judgeDead(told *history.History, group string) map[string]bool {
	letters, err := w.judge.DeadLetters(context.Background(), group, stream.ID{}, 1000)
	if err != nil {
		w.Fatal(err)
	}
	dead := map[string]bool{}
	for _, letter := range letters {
		dead[letter.EventID] = true
		told.Dead(group, letter.EventID, letter.Reason)
		starts, most := len(w.handlingsOf(group, letter.EventID)), w.plan.maxDeliveries
		if starts == 0 && letter.Reason == stream.DeadMaxDeliveries {
			w.tellDeaths(told, group, letter.EventID)
		}
		switch {
		case letter.Reason == stream.DeadMaxDeliveries && letter.Deliveries != most:
			w.Errorf("group %q: %s was given up after %d deliveries, want %d", group, letter.EventID, letter.Deliveries, most)
		case starts > letter.Deliveries:
			w.Errorf("group %q: %s was started %d times in %d deliveries", group, letter.EventID, starts, letter.Deliveries)
		case starts < letter.Deliveries-w.adversary.count(group):
			w.Errorf("group %q: %s was started %d times in %d deliveries, without so many faults",
				group, letter.EventID, starts, letter.Deliveries)
		}
	}
	return dead
}

// tellDeaths tells the history of an event that was given up although no handler ever saw it: each process that had it died
// before it came to that.
func (w *world) tellDeaths(told *history.History, group, event string) {
	for _, process := range w.processes {
		if died, _, _ := process.state(); !died.IsZero() {
			told.Started(group, event, process.name(), died)
			told.Ended(group, event, process.name(), died, history.Failed)
		}
	}
}

func (w *world) handlingsOf(group, event string) []*handling {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []*handling
	for _, each := range w.handlings {
		if each.group == group && each.eventID == event {
			found = append(found, each)
		}
	}
	return found
}

// tellHandlings tells the history when each handling began and ended, as far as it was the process' own fault: what one
// did while it was cut off, or after it was given up, it could not know better.
func (w *world) tellHandlings(told *history.History, group string, dead map[string]bool) {
	for _, event := range w.published {
		all := w.handlingsOf(group, event)
		w.judgeWaits(all)
		w.excuse(all)
		for _, each := range all {
			told.Started(group, event, each.process.name(), each.started)
			outcome := history.Failed
			if each.succeeded {
				unheard := w.mayBeUnheard(each)
				if unheard { // it is repeated until something is heard of it: a repeat may fail and be tried again
					for range all {
						told.InFlight(group, event)
					}
				}
				if !unheard || !dead[event] { // it may be dead although it succeeded, where nobody could learn of that
					outcome = history.Succeeded
				}
			}
			if !each.ended.IsZero() {
				told.Ended(group, event, each.process.name(), each.ended, outcome)
			}
		}
		if n := len(all); n > w.plan.maxDeliveries {
			w.Errorf("group %q: %s was started %d times, want at most %d", group, event, n, w.plan.maxDeliveries)
		}
	}
}

// judgeWaits wants no handling to begin before the time that the one before it has asked for.
func (w *world) judgeWaits(all []*handling) {
	for _, each := range all {
		asked := w.task(each.group, each.eventID, each.deliveries).manner == asksForTime
		told := each.process.told()
		wasStopped := !told.IsZero() && !each.ended.Before(told) // its context may have ended before its work
		if !asked || wasStopped || each.ended.IsZero() || w.wasOutOfReach(each, each.ended.Add(margin)) {
			continue
		}
		early := slices.IndexFunc(all, func(next *handling) bool {
			return next.started.After(each.ended) && next.started.Sub(each.ended) < w.askedTime()
		})
		if early >= 0 {
			w.Errorf("group %q: %s began again %v after it had asked for %v", each.group, each.eventID,
				all[early].started.Sub(each.ended), w.askedTime())
		}
	}
}

// excuse ends handlings of one event where the process could not know that it had lost it, or had given up on its handler.
func (w *world) excuse(all []*handling) {
	slices.SortStableFunc(all, func(a, b *handling) int { return a.started.Compare(b.started) })
	var last *handling // to end, of those before
	for _, each := range all {
		each.ended = w.endOf(each)
		if last == nil {
			last = each
			continue
		}
		if before := w.lasted(last); each.started.Before(before) {
			switch {
			case w.wasOutOfReach(last, each.started):
				last.ended = each.started
			case w.wasOutOfReach(each, each.started):
				each.started, each.ended = before, before
			}
		}
		if !w.lasted(each).Before(w.lasted(last)) {
			last = each
		}
	}
}

// endOf is when a handling ended, or was given up; zero where it ended with its process.
func (w *world) endOf(each *handling) time.Time {
	givenUp := each.started.Add(w.plan.timeout + stuckAfter)
	if _, told, _ := each.process.state(); !told.IsZero() {
		if shutdown := told.Add(w.plan.grace); shutdown.After(each.started) && shutdown.Before(givenUp) {
			givenUp = shutdown
		}
	}
	if each.ended.After(givenUp) || each.ended.IsZero() && !each.process.isDead() {
		each.givenUp = true
		return givenUp
	}
	return each.ended
}

// lasted is when a handling was over, even if by its process' death.
func (w *world) lasted(each *handling) time.Time {
	died, _, _ := each.process.state()
	return cmp.Or(each.ended, died)
}

// wasOutOfReach tells whether a process may not have known at that time what it owned: something was between it and the
// server within the lease before.
func (w *world) wasOutOfReach(each *handling, at time.Time) bool {
	return w.adversary.disturbed(each.process.number, each.group, at.Add(-w.plan.lease-margin), at)
}

// mayBeUnheard tells whether the server may not have been told of a success in time.
func (w *world) mayBeUnheard(each *handling) bool {
	from, to := each.ended.Add(-w.plan.lease-margin), each.ended.Add(margin)
	return each.givenUp || w.adversary.disturbed(each.process.number, each.group, from, to)
}

// consumers lists those of all groups, but for the one that holds what waits.
func (w *world) consumers() []string {
	var names []string
	for _, group := range w.plan.groups {
		for _, consumer := range w.judge.Redis().XInfoConsumers(context.Background(), stream.DefaultName, group.name).Val() {
			if consumer.Name != stream.Waiting {
				names = append(names, consumer.Name)
			}
		}
	}
	return names
}

// signsOfLife lists those who have shown any.
func (w *world) signsOfLife() []string {
	var names []string
	for _, group := range w.plan.groups {
		names = append(names, w.judge.Redis().HKeys(context.Background(), w.judge.Keys().Consumers(group.name)).Val()...)
	}
	return names
}

// isAlive tells whether a consumer is one of those that should run.
func (w *world) isAlive(name string) bool {
	return slices.ContainsFunc(w.places, func(p *process) bool { return strings.HasPrefix(name, p.name()+"-") })
}
