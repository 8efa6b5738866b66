package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// EventStatus is what became of one entry, across all groups.
type EventStatus struct {
	ID ID `json:"id"`
	// Added is when the entry was added to the stream.
	Added time.Time `json:"added"`
	// InStream is false where the entry was trimmed or deleted; what follows is then taken from a dead letter, if any.
	InStream bool `json:"in_stream"`
	// Event is the event's name, "" where there is none. A group may have a name of its own for such entries.
	Event string `json:"event"`
	// EventID and Time are the event's own, or what is taken for them where the producer gave none.
	EventID string    `json:"event_id"`
	Time    time.Time `json:"time,omitzero"`
	// To is the one group that the entry is for, "" for every group.
	To string `json:"to,omitempty"`
	// ReplayOf is the entry that this one repeats, or "".
	ReplayOf string `json:"replay_of,omitempty"`
	// Fields are the entry's, as its producer sent them.
	Fields []Field `json:"fields"`
	// Groups say how the entry stands in each group that exists or is registered, by name.
	Groups []EventInGroup `json:"groups"`
}

// EventInGroup is how an entry stands in one group.
type EventInGroup struct {
	Group string `json:"group"`
	// State is one of the State constants.
	State string `json:"state"`
	// Holding says more of StateWaiting, StateRunning and StateDead; nil in any other state.
	*Holding
	// DeadLetter is the ID of the dead letter; zero in any other state than StateDead.
	DeadLetter ID `json:"dead_letter,omitzero"`
	// Result is what the handler left when it was done, where the group keeps that; "" where it left nothing, or that is
	// over.
	Result string `json:"result,omitempty"`
	// RequeuedAs is the newest entry with which a dead letter of this one was requeued; zero where none was found.
	RequeuedAs ID `json:"requeued_as,omitzero"`
}

// How an entry stands in a group.
const (
	// StateNotRead: the group has not been handed the entry yet.
	StateNotRead = "not_read"
	// StateWaiting: the entry waits for a retry, or was handed back.
	StateWaiting = "waiting"
	// StateRunning: a consumer holds the entry; its handler runs, or is about to start.
	StateRunning = "running"
	// StateAcked: the group has finished the entry, or the entry is older than the group.
	StateAcked = "acked"
	// StatePassedBy: the group does not subscribe to the event, or the entry is for another group.
	StatePassedBy = "passed_by"
	// StateDead: the group gave the entry up.
	StateDead = "dead"
	// StateUnknown: the entry is not in the stream any more, and the group has nothing of it.
	StateUnknown = "unknown"
)

// Event returns how the entry id stands in every group. It is found by the entry's ID alone, the one that XADD returned:
// events cannot be looked up by event_id. Of each group the newest 10,000 dead letters are looked through, and of the
// stream the newest 10,000 entries for what was requeued. An error wraps ErrNotFound where nothing is left of the entry.
func (c *Client) Event(ctx context.Context, id ID) (EventStatus, error) {
	found, err := c.snapshot(ctx)
	if err != nil {
		return EventStatus{}, err
	}
	search := eventSearch{id: id, groups: found.groups}
	if err := c.readPending(ctx, &search); err != nil {
		return EventStatus{}, fmt.Errorf("look up entry %s: %w", id, explain(err))
	}
	if err := c.readDeadLetters(ctx, &search); err != nil {
		return EventStatus{}, err
	}
	if search.isEmpty() {
		return EventStatus{}, fmt.Errorf("entry %s of stream %q: %w: it was trimmed after all groups had finished it, or was "+
			"never there; expected the entry's ID, as XADD returned it, and not an event_id", id, c.keys.Stream(), ErrNotFound)
	}
	if search.repeats, err = c.findRepeats(ctx, id); err != nil {
		return EventStatus{}, err
	}
	if search.results, err = c.readResults(ctx, &search); err != nil {
		return EventStatus{}, err
	}
	return search.status(), nil
}

// eventSearch is what was found of an entry; the slices hold one element for each group.
type eventSearch struct {
	id      ID
	groups  []groupSnapshot
	entry   *Entry // nil where it is not in the stream
	pending []*Holding
	letters []*DeadLetter
	repeats map[string]ID // by group, the newest entry that repeats this one
	results []string      // what the handlers left
}

// readPending reads the entry and who holds it in which group.
func (c *Client) readPending(ctx context.Context, search *eventSearch) error {
	id := search.id.String()
	entry := redis.NewCmd(ctx, "XRANGE", c.keys.Stream(), id, id)
	pending := make([]*redis.XPendingExtCmd, len(search.groups))
	notes := make([]*redis.Cmd, len(search.groups))
	_, err := c.write.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		_ = pipe.Process(ctx, entry) // the error is in what Pipelined returns
		for i, group := range search.groups {
			if group.exists {
				pending[i] = pipe.XPendingExt(ctx, c.pendingRange(group.name, id, id, 1))
				notes[i] = readNotes(ctx, pipe, c.keys.Attempts(group.name), id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	entries, err := parseEntries(entry)
	if err != nil {
		return err
	}
	if len(entries) == 1 {
		search.entry = &entries[0]
	}
	search.pending = make([]*Holding, len(search.groups))
	for i := range search.groups {
		if pending[i] != nil && len(pending[i].Val()) == 1 {
			texts, err := notes[i].Slice()
			if err != nil {
				return err
			}
			held := holding(pending[i].Val()[0], replyAt(texts, 0))
			search.pending[i] = &held
		}
	}
	return nil
}

// readDeadLetters looks for the entry's dead letters in the groups that do not hold it.
func (c *Client) readDeadLetters(ctx context.Context, search *eventSearch) error {
	search.letters = make([]*DeadLetter, len(search.groups))
	for i, group := range search.groups {
		if search.pending[i] != nil {
			continue
		}
		at, found, err := c.findDeadLetter(ctx, group.name, search.id)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		letter, found, err := c.deadLetterAt(ctx, group.name, at)
		if err != nil {
			return err
		}
		if found {
			search.letters[i] = &letter
		}
	}
	return nil
}

// readResults reads what the handlers of those groups left that keep it.
func (c *Client) readResults(ctx context.Context, search *eventSearch) ([]string, error) {
	results := make([]string, len(search.groups))
	for i, group := range search.groups {
		if group.registration == nil || !group.registration.KeepResults {
			continue
		}
		result, err := c.write.Get(ctx, c.keys.Result(group.name, search.id)).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, fmt.Errorf("read the result of entry %s in group %q: %w", search.id, group.name, explain(err))
		}
		results[i] = result
	}
	return results, nil
}

// findRepeats looks for the newest entry with which each group's dead letter of entry was requeued.
func (c *Client) findRepeats(ctx context.Context, entry ID) (map[string]ID, error) {
	repeats := map[string]ID{}
	newest := "+"
	for searched := 0; searched < deadSearched && newest != ""; {
		reply, err := c.run(ctx, c.scripts.findRepeats, []string{c.keys.Stream()},
			entry.String(), newest, walkPage, walkBytes).Slice()
		if err == nil && len(reply) != 3 {
			err = errUnexpectedReply
		}
		if err != nil {
			return nil, fmt.Errorf("look for what repeats entry %s: %w", entry, explain(err))
		}
		for _, element := range replyList(reply[0]) {
			if pair := replyList(element); len(pair) == 2 && repeats[replyText(pair[1])].IsZero() {
				repeats[replyText(pair[1])] = replyID(pair[0])
			}
		}
		if newest, err = olderThan(newest, reply[1]); err != nil {
			return nil, fmt.Errorf("look for what repeats entry %s: %w", entry, err)
		}
		searched += replyNumber(reply[2])
	}
	return repeats, nil
}

// isEmpty tells whether nothing is left of the entry.
func (s *eventSearch) isEmpty() bool {
	for i := range s.groups {
		if s.pending[i] != nil || s.letters[i] != nil {
			return false
		}
	}
	return s.entry == nil
}

// content is the entry as it is in the stream, or else in a dead letter; without fields where it is in neither.
func (s *eventSearch) content() Entry {
	if s.entry != nil {
		return *s.entry
	}
	for _, letter := range s.letters {
		if letter != nil && len(letter.Fields) > 0 {
			return Entry{ID: s.id, Fields: letter.Fields}
		}
	}
	return Entry{ID: s.id}
}

func (s *eventSearch) status() EventStatus {
	content := s.content()
	event, _ := Decode(content, DecodeOptions{}) // what cannot be decoded is shown as far as it can
	status := EventStatus{
		ID:       s.id,
		Added:    s.id.Time().UTC(),
		InStream: s.entry != nil,
		Event:    event.Name,
		EventID:  event.ID,
		Time:     event.Time,
		To:       Recipient(content),
		ReplayOf: event.ReplayOf,
		Fields:   content.Fields,
		Groups:   make([]EventInGroup, len(s.groups)),
	}
	for i := range s.groups {
		status.Groups[i] = s.inGroup(i)
	}
	return status
}

func (s *eventSearch) inGroup(i int) EventInGroup {
	group := EventInGroup{Group: s.groups[i].name, Result: s.results[i], RequeuedAs: s.repeats[s.groups[i].name]}
	switch held, letter := s.pending[i], s.letters[i]; {
	case held != nil && held.Consumer == Waiting:
		group.State, group.Holding = StateWaiting, held
	case held != nil:
		group.State, group.Holding = StateRunning, held
	case letter != nil:
		group.State, group.DeadLetter = StateDead, letter.ID
		group.Holding = &Holding{
			Consumer: letter.Consumer, Deliveries: letter.Deliveries, Reason: letter.Reason, Error: letter.Error,
		}
	case s.entry == nil:
		group.State = StateUnknown
	case s.id.Compare(s.groups[i].delivered) > 0:
		group.State = StateNotRead
	case s.passedBy(&s.groups[i]):
		group.State = StatePassedBy
	default: // also below the checkpoint of a missing group, which stands below all that the group had not finished
		group.State = StateAcked
	}
	return group
}

// passedBy tells whether the group acks such an entry without a handler. Another program's group says nothing of what it
// subscribes to.
func (s *eventSearch) passedBy(group *groupSnapshot) bool {
	if group.registration == nil {
		return false
	}
	if to := Recipient(*s.entry); to != "" && to != group.name {
		return true
	}
	event, _ := Decode(*s.entry, DecodeOptions{Unnamed: group.registration.Unnamed})
	return event.Name != "" && !group.registration.Wants(event.Name)
}
