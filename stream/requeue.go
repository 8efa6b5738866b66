package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Requeued is what became of one dead letter that was to be requeued. Exactly one of EntryID, Gone and Refused is set.
type Requeued struct {
	// ID is the dead letter's own ID.
	ID ID `json:"id"`
	// EntryID is the new entry, which is for the letter's group alone.
	EntryID ID `json:"entry_id,omitzero"`
	// Gone tells that there is no such dead letter: it was requeued or removed before.
	Gone bool `json:"gone,omitempty"`
	// Refused says why requeueing cannot help. The letter stays.
	Refused string `json:"refused,omitempty"`
}

// Requeue hands dead letters of group, by their own IDs, to the group once more, one after the other: each is added to
// the stream for this group alone and removed from the dead letters in one step, so that a repeat adds nothing. The new
// entry decodes to the same event, its ID and time included, and says in `replay_of` which entry it repeats. After an
// error the letters before it, which are returned, have been dealt with; whether the one that failed was requeued is
// open, and a repeat finds out.
func (c *Client) Requeue(ctx context.Context, group string, ids []ID) ([]Requeued, error) {
	all := make([]Requeued, 0, len(ids))
	err := c.planRequeue(ctx, group, ids, func(plan requeuePlan) error {
		if plan.done() {
			all = append(all, plan.Requeued)
			return nil
		}
		requeued, err := c.requeue(ctx, group, plan)
		if err != nil {
			return fmt.Errorf("requeue dead letter %s of group %q: %w", plan.ID, group, explain(err))
		}
		all = append(all, requeued)
		return nil
	})
	return all, err
}

// RequeueCommands returns what Requeue would do, for redis-cli, and changes nothing. Beside the commands stand the letters
// that there are none for, since they are gone or refused.
func (c *Client) RequeueCommands(ctx context.Context, group string, ids []ID) ([]Command, []Requeued, error) {
	var commands []Command
	var without []Requeued
	err := c.planRequeue(ctx, group, ids, func(plan requeuePlan) error {
		if plan.done() {
			without = append(without, plan.Requeued)
			return nil
		}
		commands = append(commands, Command{"MULTI"}, addCommand(c.keys, plan.fields),
			c.RemoveDeadCommand(group, []ID{plan.ID}), Command{"EXEC"})
		return nil
	})
	return commands, without, err
}

// requeuePlan is what is to be done with one letter.
type requeuePlan struct {
	Requeued
	fields []Field // of the entry to add
}

// done tells that there is nothing to do.
func (p requeuePlan) done() bool { return p.Gone || p.Refused != "" }

// planRequeue reads one letter after the other and hands its plan to act. It stops at the first error.
func (c *Client) planRequeue(ctx context.Context, group string, ids []ID, act func(requeuePlan) error) error {
	unnamed, err := c.unnamedOf(ctx, group)
	if err != nil {
		return err
	}
	for _, id := range ids {
		letter, found, err := c.deadLetterAt(ctx, group, id)
		if err != nil {
			return err
		}
		plan := requeuePlan{Requeued: Requeued{ID: id, Gone: !found}}
		if found {
			plan.fields, plan.Refused = requeueFields(letter, group, unnamed)
		}
		if err := act(plan); err != nil {
			return err
		}
	}
	return nil
}

// unnamedOf is the name that entries without one get in group now; it may have been set since the letter was written.
func (c *Client) unnamedOf(ctx context.Context, group string) (string, error) {
	text, err := c.write.HGet(ctx, c.keys.Groups(), group).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("read the registration of group %q: %w", group, explain(err))
	}
	var registration Registration
	if text != "" && json.Unmarshal([]byte(text), &registration) != nil {
		return "", nil // spoilt by hand
	}
	return registration.Unnamed, nil
}

// requeueFields are the fields of the entry that repeats the letter's event for group, or why there is no use in it.
func requeueFields(letter DeadLetter, group, unnamed string) (fields []Field, refused string) {
	switch {
	case letter.EntryID.IsZero():
		return nil, "it names no entry in `dead_id`, so it was not written by Millrace"
	case len(letter.Fields) == 0:
		return nil, "its entry had been deleted from the stream, so there is nothing left to requeue"
	}
	options := DecodeOptions{Unnamed: unnamed}
	event, err := Decode(Entry{ID: letter.EntryID, Fields: letter.Fields}, options)
	if fault := (*DecodeError)(nil); errors.As(err, &fault) {
		return nil, "requeueing cannot help: " + fault.Hint
	}
	for _, field := range letter.Fields {
		if field.Name != "to" && field.Name != "replay_of" {
			fields = append(fields, field)
		}
	}
	// What the event took from its entry's ID must be said now that it gets another one.
	again, _ := Decode(Entry{ID: letter.EntryID.Next(), Fields: fields}, options)
	if again.ID != event.ID {
		fields = append(fields, Field{Name: "event_id", Value: event.ID})
	}
	later := ID{Ms: letter.EntryID.Ms + 1000}
	if again, _ = Decode(Entry{ID: later, Fields: fields}, options); !again.Time.Equal(event.Time) {
		at := strconv.FormatInt(event.Time.UnixMilli(), 10)
		fields = append(fields, Field{Name: freeTimeName(fields), Value: at})
	}
	return append(fields, Field{Name: "to", Value: group}, Field{Name: "replay_of", Value: letter.EntryID.String()}), ""
}

// freeTimeName is a name for the timestamp that no field has: one that could not be read stays the header that it was.
func freeTimeName(fields []Field) string {
	for _, name := range []string{"timestamp", "created_at", "occurred_on", "time"} {
		if !slices.ContainsFunc(fields, func(field Field) bool { return field.Name == name }) {
			return name
		}
	}
	return "timestamp"
}

func (c *Client) requeue(ctx context.Context, group string, plan requeuePlan) (Requeued, error) {
	id, err := "", error(nil)
	if len(plan.fields) > mostFields+10 {
		id, err = c.requeueMany(ctx, c.keys.Dead(group), plan)
	} else {
		args := []any{plan.ID.String()}
		for _, field := range plan.fields {
			args = append(args, field.Name, field.Value)
		}
		id, err = c.run(ctx, c.scripts.requeue, []string{c.keys.Stream(), c.keys.Dead(group)}, args...).Text()
	}
	if err != nil {
		return Requeued{}, err
	}
	entry := replyID(id)
	if id != "" && entry.IsZero() {
		return Requeued{}, errUnexpectedReply
	}
	return Requeued{ID: plan.ID, EntryID: entry, Gone: id == ""}, nil
}

// requeueTries is how often another letter may be written or removed while one with very many fields is requeued.
const requeueTries = 20

// requeueMany does what the script requeue does for more fields than a script can pass to XADD: the removal is watched
// for (Redis, "Transactions": optimistic locking). It returns "" where the letter is gone.
func (c *Client) requeueMany(ctx context.Context, dead string, plan requeuePlan) (string, error) {
	id := ""
	attempt := func(tx *redis.Tx) error {
		letters, err := tx.XRange(ctx, dead, plan.ID.String(), plan.ID.String()).Result()
		if err != nil || len(letters) == 0 {
			return err
		}
		if err := tx.XLen(ctx, c.keys.Stream()).Err(); err != nil {
			return err // the stream's key holds something else: XADD would fail, and XDEL be carried out all the same
		}
		var added *redis.Cmd
		_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			added = pipe.Do(ctx, words(addCommand(c.keys, plan.fields))...)
			pipe.XDel(ctx, dead, plan.ID.String())
			return nil
		})
		if err == nil {
			id, err = added.Text()
		}
		return err
	}
	err := error(redis.TxFailedErr)
	for try := 0; try < requeueTries && errors.Is(err, redis.TxFailedErr); try++ {
		err = c.write.Watch(ctx, attempt, dead)
	}
	return id, err
}

// addCommand adds an entry of fields to the stream.
func addCommand(keys Keys, fields []Field) Command {
	command := Command{"XADD", keys.Stream(), "*"}
	for _, field := range fields {
		command = append(command, field.Name, field.Value)
	}
	return command
}

func words(command Command) []any {
	all := make([]any, len(command))
	for i, word := range command {
		all[i] = word
	}
	return all
}
