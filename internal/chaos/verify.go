package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/history"
	"github.com/millrace/millrace/stream"
)

// page is how many entries are read from Redis at once.
const page = 1000

// drained waits until every group has been handed everything and nothing is pending.
func (w *world) drained(ctx context.Context, within time.Duration) error {
	deadline := time.Now().Add(within)
	for {
		groups, err := w.client.Groups(ctx)
		if err == nil && len(groups) == len(groupNames()) && isIdle(groups) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not drained within %v: %s", within, describe(groups, err))
		}
		if err := rest(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func isIdle(groups []stream.GroupStatus) bool {
	for _, group := range groups {
		if group.Pending > 0 || group.Lag > 0 || !group.Exists {
			return false
		}
	}
	return true
}

func describe(groups []stream.GroupStatus, err error) string {
	if err != nil {
		return err.Error()
	}
	var text strings.Builder
	for _, group := range groups {
		fmt.Fprintf(&text, "%s has %d pending, %d waiting and a lag of %d; ", group.Name, group.Pending, group.Waiting, group.Lag)
	}
	return text.String()
}

// recordHandlings tells the history what the processes wrote down. What a consumer did while it could not know that it had
// lost the entry ends where it was cut off.
func (w *world) recordHandlings() error {
	disturbed := w.disturbed.list()
	cuts := cutsOf(disturbed)
	for _, process := range w.fleet.all {
		if process.killed {
			w.history.Died(process.name, process.died)
		}
		silences := silences(process.name, disturbed)
		err := readJournal(process.journal, process.name, func(done handling) {
			if done.succeeded && mayRepeat(done, silences) {
				w.history.InFlight(done.group, done.eventID)
			}
			w.recordHandling(done, process.died, cuts)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *world) recordHandling(done handling, died time.Time, cuts []disturbance) {
	w.history.Started(done.group, done.eventID, done.consumer, done.started)
	over := done.ended
	if over.IsZero() {
		over = died
	}
	ended := done.ended
	if cut, isForeseen := foreseen(done, over, cuts); isForeseen {
		ended = cut
	}
	switch {
	case ended.IsZero(): // it ended with its process
	case done.succeeded:
		w.history.Ended(done.group, done.eventID, done.consumer, ended, history.Succeeded)
	default:
		w.history.Ended(done.group, done.eventID, done.consumer, ended, history.Failed)
	}
}

// recordState tells the history how the groups stand in Redis. An error says that Redis holds what it cannot have.
func (w *world) recordState(ctx context.Context) error {
	groups, err := w.client.Groups(ctx)
	if err != nil {
		return err
	}
	pending := map[handout]bool{}
	for _, group := range groups {
		entries, err := w.client.Pending(ctx, group.Name, stream.ID{}, group.Pending)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			pending[handout{group.Name, entry.ID}] = true
		}
		if err := w.recordDead(ctx, group.Name); err != nil {
			return err
		}
	}
	return w.eachEntry(ctx, func(id stream.ID, event string) {
		for _, group := range groups {
			w.recordEntry(group, id, event, pending[handout{group.Name, id}])
		}
	})
}

// recordEntry tells the history how an entry stands in a group, and how often it was in flight there.
func (w *world) recordEntry(group stream.GroupStatus, id stream.ID, event string, isPending bool) {
	switch {
	case isPending:
		w.history.Pending(group.Name, event)
	case id.Compare(group.LastDelivered) <= 0:
		w.history.Acked(group.Name, event)
	}
	for range w.inFlight.of(group.Name, id) {
		w.history.InFlight(group.Name, event)
	}
}

// eachEntry reads the whole stream, and tells of the event of each entry. An event that is there twice, or that nobody
// published, is an error.
func (w *world) eachEntry(ctx context.Context, tell func(id stream.ID, event string)) error {
	seen := make([]bool, w.settings.events)
	var faults []error
	for from := "-"; ; {
		entries, err := w.client.Redis().XRangeN(ctx, w.client.Keys().Stream(), from, "+", page).Result()
		if err != nil {
			return fmt.Errorf("read the stream: %w", err)
		}
		for _, entry := range entries {
			id, err := stream.ParseID(entry.ID)
			if err != nil {
				return err
			}
			event, _ := entry.Values["event_id"].(string)
			number, isOurs := eventNumber(event)
			if !isOurs || number >= len(seen) || seen[number] {
				faults = append(faults, fmt.Errorf("event %q is in the stream twice, or none that was published", event))
			} else {
				seen[number] = true
			}
			tell(id, event)
		}
		if len(entries) < page {
			return errors.Join(faults...)
		}
		from = "(" + entries[len(entries)-1].ID
	}
}

func (w *world) recordDead(ctx context.Context, group string) error {
	for from := (stream.ID{}); ; {
		letters, err := w.client.DeadLetters(ctx, group, from, page)
		if err != nil {
			return err
		}
		for _, letter := range letters {
			w.history.Dead(group, letter.EventID, letter.Reason)
		}
		if len(letters) < page {
			return nil
		}
		from = letters[len(letters)-1].ID.Next()
	}
}
