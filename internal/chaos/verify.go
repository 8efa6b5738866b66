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

// recordHandlings tells the history what the processes wrote down, and returns how many repeats are to be expected. What
// a consumer did while it could not know that it had lost the entry ends where it was cut off.
func (w *world) recordHandlings() (mostRepeated int, err error) {
	cuts := w.disturbed.list()
	for _, process := range w.fleet.all {
		all, err := readJournal(process.journal, process.name)
		if err != nil {
			return 0, err
		}
		var killed time.Time
		if process.killed {
			killed = process.died
			w.history.Died(process.name, killed)
		}
		for _, done := range all {
			if done.succeeded && mayRepeat(done, killed, cuts) {
				mostRepeated++
			}
			w.recordHandling(done, process.died, cuts)
		}
	}
	return mostRepeated, nil
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
	events, err := w.entries(ctx)
	if err != nil {
		return err
	}
	groups, err := w.client.Groups(ctx)
	if err != nil {
		return err
	}
	for _, group := range groups {
		pending, err := w.client.Pending(ctx, group.Name, stream.ID{}, group.Pending)
		if err != nil {
			return err
		}
		isPending := map[stream.ID]bool{}
		for _, entry := range pending {
			isPending[entry.ID] = true
			w.history.Pending(group.Name, events[entry.ID])
		}
		for id, event := range events {
			if !isPending[id] && id.Compare(group.LastDelivered) <= 0 {
				w.history.Acked(group.Name, event)
			}
		}
		if err := w.recordDead(ctx, group.Name); err != nil {
			return err
		}
	}
	return nil
}

// entries reads the whole stream, and returns the event of each entry. An event that is there twice is an error.
func (w *world) entries(ctx context.Context) (map[stream.ID]string, error) {
	events, seen := map[stream.ID]string{}, map[string]bool{}
	var faults []error
	for from := "-"; ; {
		entries, err := w.client.Redis().XRangeN(ctx, w.client.Keys().Stream(), from, "+", page).Result()
		if err != nil {
			return nil, fmt.Errorf("read the stream: %w", err)
		}
		for _, entry := range entries {
			id, err := stream.ParseID(entry.ID)
			if err != nil {
				return nil, err
			}
			event, _ := entry.Values["event_id"].(string)
			if seen[event] {
				faults = append(faults, fmt.Errorf("event %s is in the stream twice", event))
			}
			events[id], seen[event] = event, true
		}
		if len(entries) < page {
			return events, errors.Join(faults...)
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
