package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// settledEntry is an entry that a group has settled.
type settledEntry struct{ group, id string }

// followUps are all entries of a stream where all is settled, and what follows them.
type followUps struct {
	groups  []consumers.GroupOptions
	entries []redis.XMessage
	dead    map[settledEntry]bool     // what was given up, also where it was requeued since
	follow  map[settledEntry][]string // the names of what follows
	ids     map[string]int            // how often each event_id of a follow-up is there
}

func newFollowUps(groups []consumers.GroupOptions) *followUps {
	return &followUps{
		groups: groups, dead: map[settledEntry]bool{}, follow: map[settledEntry][]string{}, ids: map[string]int{},
	}
}

// read reads the stream and the dead letters.
func (f *followUps) read(ctx context.Context, w *world) error {
	for from := "-"; ; {
		entries, err := w.client.Redis().XRangeN(ctx, w.client.Keys().Stream(), from, "+", page).Result()
		if err != nil {
			return fmt.Errorf("read the stream: %w", err)
		}
		for _, entry := range entries {
			f.add(entry)
		}
		if len(entries) < page {
			return f.readDead(ctx, w.client)
		}
		from = "(" + entries[len(entries)-1].ID
	}
}

func (f *followUps) readDead(ctx context.Context, client *stream.Client) error {
	for _, group := range f.groups {
		for from, more := (stream.ID{}), true; more; {
			letters, err := client.DeadLetters(ctx, group.Name, from, page)
			if err != nil {
				return err
			}
			for _, letter := range letters {
				f.dead[settledEntry{group.Name, letter.EntryID.String()}] = true
				from = letter.ID.Next()
			}
			more = len(letters) == page
		}
	}
	return nil
}

// add takes in an entry of the stream. A requeue of what follows something is the same event once more, for one group.
func (f *followUps) add(entry redis.XMessage) {
	f.entries = append(f.entries, entry)
	if repeated := text(entry, "replay_of"); repeated != "" {
		f.dead[settledEntry{text(entry, "to"), repeated}] = true
		return
	}
	if cause := text(entry, "causation_entry"); cause != "" {
		of := settledEntry{text(entry, "causation_group"), cause}
		f.follow[of] = append(f.follow[of], text(entry, "event"))
		f.ids[text(entry, "event")+" "+text(entry, "event_id")]++
	}
}

func text(entry redis.XMessage, field string) string {
	value, _ := entry.Values[field].(string)
	return value
}

// published returns an error where an event that was acknowledged is not in the stream, or is there twice.
func (f *followUps) published(events int) error {
	times := make([]int, events)
	for _, entry := range f.entries {
		number, isOurs := eventNumber(text(entry, "event_id"))
		if text(entry, "event") == eventName && text(entry, "replay_of") == "" && isOurs && number < events {
			times[number]++
		}
	}
	var faults []error
	for number, count := range times {
		if count != 1 {
			faults = append(faults, fmt.Errorf("e%d is in the stream %d times", number, count))
		}
	}
	return firstOf(faults)
}

// expected is what must follow an entry in a group, "" where nothing must.
func (f *followUps) expected(group consumers.GroupOptions, entry redis.XMessage) string {
	to, name := text(entry, "to"), text(entry, "event")
	subscribes := func(pattern string) bool { return stream.MatchName(pattern, name) }
	switch {
	case to != "" && to != group.Name, to == "" && !slices.ContainsFunc(group.Events, subscribes):
		return ""
	case f.dead[settledEntry{group.Name, entry.ID}]:
		return group.Emit.DeadLettered
	default:
		return group.Emit.Acked
	}
}

// tally counts what a judge has seen.
type tally struct{ settled, dead, missing, surplus, wrong, twice int }

// judge compares what follows each entry with what must, and writes the figures to out.
func (f *followUps) judge(out io.Writer) error {
	var seen tally
	var faults []error
	for _, entry := range f.entries {
		for _, group := range f.groups {
			faults = append(faults, f.compare(group, entry, &seen))
		}
	}
	for of, got := range f.follow {
		faults = append(faults, fmt.Errorf("%q follows %s of %s, which is not in the stream", got, of.id, of.group))
	}
	for id, times := range f.ids {
		if times > 1 {
			seen.twice++
			faults = append(faults, fmt.Errorf("the event %s is there %d times", id, times))
		}
	}
	fmt.Fprintf(out, "settled with an event to follow: %d, of them dead letters: %d\n", seen.settled, seen.dead)
	fmt.Fprintf(out, "without it: %d, with more than one: %d, with the wrong one: %d, event_ids there twice: %d\n",
		seen.missing, seen.surplus, seen.wrong, seen.twice)
	return firstOf(faults)
}

// firstOf joins the first of many faults.
func firstOf(faults []error) error {
	const most = 20
	faults = slices.DeleteFunc(faults, func(fault error) bool { return fault == nil })
	if more := len(faults) - most; more > 0 {
		faults = append(faults[:most:most], fmt.Errorf("and %d more", more))
	}
	return errors.Join(faults...)
}

// compare looks at one entry in one group, and strikes what follows it there off.
func (f *followUps) compare(group consumers.GroupOptions, entry redis.XMessage, seen *tally) error {
	of := settledEntry{group.Name, entry.ID}
	want, got := f.expected(group, entry), f.follow[of]
	delete(f.follow, of)
	if want != "" {
		seen.settled++
		if f.dead[of] {
			seen.dead++
		}
	}
	switch {
	case want == "" && len(got) == 0, len(got) == 1 && got[0] == want:
		return nil
	case len(got) == 0:
		seen.missing++
	case len(got) > 1:
		seen.surplus++
	default:
		seen.wrong++
	}
	return fmt.Errorf("entry %s (%s) is followed by %q in %s, want %q", entry.ID, text(entry, "event"), got, group.Name, want)
}
