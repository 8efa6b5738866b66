package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// PendingEntry is an entry that was delivered to a group and not acked.
type PendingEntry struct {
	ID ID `json:"id"`
	// Added is when the entry was added to the stream.
	Added time.Time `json:"added"`
	// Event is the event's name; "" where the entry has none or was deleted from the stream.
	Event string `json:"event"`
	Holding
}

// Holding is who holds a pending entry and what became of it so far.
type Holding struct {
	// Consumer is who holds the entry: Waiting where it waits for a retry or was handed back.
	Consumer string `json:"consumer"`
	// Deliveries counts how often the group was handed the entry.
	Deliveries int `json:"deliveries"`
	// IdleMs is for how long the holder has not renewed the entry, in milliseconds. Of one that waits it says nothing.
	IdleMs int64 `json:"idle_ms"`
	// Reason and Error are of the last try that failed, "" where none has: one of the Retry constants, and the error.
	Reason string `json:"reason,omitempty"`
	Error  string `json:"error,omitempty"`
	// NextTry is when an entry that waits after a failed try is due; zero for one that is due at once, or held.
	NextTry time.Time `json:"next_try,omitzero"`
}

// pendingPage is how many entries are read in one go for their names, since they come with all that is in them.
const pendingPage = 100

// Pending returns up to count pending entries of group, oldest first, beginning with the ID from; the zero ID begins with
// the oldest, and the Next of the last one's ID begins the next page. An error wraps ErrNotFound where the group does not
// exist. It costs three round trips for each 100 entries.
func (c *Client) Pending(ctx context.Context, group string, from ID, count int) ([]PendingEntry, error) {
	unnamed, err := c.unnamedOf(ctx, group)
	if err != nil {
		return nil, err
	}
	all := []PendingEntry{}
	for len(all) < count {
		size := min(pendingPage, count-len(all))
		page, err := c.pendingPage(ctx, group, from, size, unnamed)
		if IsNoGroup(err) {
			return nil, fmt.Errorf("group %q of stream %q: %w", group, c.keys.Stream(), ErrNotFound)
		}
		if err != nil {
			return nil, fmt.Errorf("read what is pending in group %q: %w", group, explain(err))
		}
		if all = append(all, page...); len(page) < size {
			break
		}
		from = page[size-1].ID.Next()
	}
	return all, nil
}

func (c *Client) pendingPage(ctx context.Context, group string, from ID, count int, unnamed string) ([]PendingEntry, error) {
	pending, err := c.write.XPendingExt(ctx, c.pendingRange(group, from.String(), "+", count)).Result()
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	ids := make([]string, len(pending))
	for i := range pending {
		ids[i] = pending[i].ID
	}
	entries := make([]*redis.Cmd, len(pending))
	var notes *redis.Cmd
	_, err = c.write.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		notes = readNotes(ctx, pipe, c.keys.Attempts(group), ids...)
		for i, id := range ids {
			entries[i] = redis.NewCmd(ctx, "XRANGE", c.keys.Stream(), id, id)
			_ = pipe.Process(ctx, entries[i]) // the error is in what Pipelined returns
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	texts, err := notes.Slice()
	if err != nil {
		return nil, err
	}
	page := make([]PendingEntry, len(pending))
	for i := range pending {
		id := replyID(ids[i])
		page[i] = PendingEntry{ID: id, Added: id.Time().UTC(), Holding: holding(pending[i], replyAt(texts, i))}
		if entry, err := parseEntries(entries[i]); err != nil {
			return nil, err
		} else if len(entry) == 1 {
			event, _ := Decode(entry[0], DecodeOptions{Unnamed: unnamed})
			page[i].Event = event.Name
		}
	}
	return page, nil
}

// readNotes asks for the notes of entries. The library's own HMGet panics where anything but a list comes.
func readNotes(ctx context.Context, pipe redis.Pipeliner, attempts string, ids ...string) *redis.Cmd {
	words := []any{"HMGET", attempts}
	for _, id := range ids {
		words = append(words, id)
	}
	return pipe.Do(ctx, words...)
}

func (c *Client) pendingRange(group, from, to string, count int) *redis.XPendingExtArgs {
	return &redis.XPendingExtArgs{Stream: c.keys.Stream(), Group: group, Start: from, End: to, Count: int64(count)}
}

// holding joins what Redis and the note say of a pending entry.
func holding(pending redis.XPendingExt, noteText any) Holding {
	found := Holding{
		Consumer:   pending.Consumer,
		Deliveries: int(pending.RetryCount),
		IdleMs:     pending.Idle.Milliseconds(),
	}
	if note := parseNote(replyText(noteText)); note != nil {
		found.Reason, found.Error = note.Reason, note.Error
		if pending.Consumer == Waiting {
			found.NextTry = timeAt(note.Next)
		}
	}
	return found
}
