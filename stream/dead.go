package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrNotFound is wrapped by lookups that found nothing: the error around it says what was looked for, and where.
var ErrNotFound = errors.New("not found")

// DeadLetter is what a group has written of an entry that it gave up.
type DeadLetter struct {
	// ID is the letter's own ID, in the group's stream of dead letters.
	ID ID `json:"id"`
	// EntryID is the entry that was given up. It is zero where somebody else added the letter.
	EntryID ID `json:"entry_id"`
	// Reason is one of the Dead constants.
	Reason string `json:"reason"`
	// Error is what the last try failed with.
	Error string `json:"error"`
	// Deliveries counts how often the group was handed the entry.
	Deliveries int `json:"deliveries"`
	// Consumer is who had it last.
	Consumer string `json:"consumer"`
	// At is when the letter was written, by the server's clock.
	At time.Time `json:"at"`
	// EventID is the event's own ID.
	EventID string `json:"event_id"`
	// Fields are the entry's, as its producer sent them; none where the entry had been deleted.
	Fields []Field `json:"fields"`
}

// MarshalJSON writes a field as {"name": ..., "value": ...}. JSON holds text alone: bytes that are no UTF-8 become U+FFFD.
func (f Field) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}(f))
}

const (
	// deadSearched is how many of a group's dead letters are looked through for the one of an entry.
	deadSearched = 10_000
	// walkPage and walkBytes bound what one script call looks through, so that it holds up the server for a few
	// milliseconds at most.
	walkPage  = 1000
	walkBytes = 4 << 20
)

// CountDead returns how many dead letters group has.
func (c *Client) CountDead(ctx context.Context, group string) (int, error) {
	count, err := c.write.XLen(ctx, c.keys.Dead(group)).Result()
	if err != nil {
		return 0, fmt.Errorf("count the dead letters of group %q: %w", group, explain(err))
	}
	return int(count), nil
}

// DeadLetters returns up to count dead letters of group, oldest first, beginning with the ID from in the stream of dead
// letters. The zero ID begins with the oldest; the Next of the last one's ID begins the next page. None is no error.
func (c *Client) DeadLetters(ctx context.Context, group string, from ID, count int) ([]DeadLetter, error) {
	entries, err := c.entries(ctx, c.keys.Dead(group), from.String(), "+", count)
	if err != nil {
		return nil, fmt.Errorf("read the dead letters of group %q: %w", group, explain(err))
	}
	letters := make([]DeadLetter, len(entries))
	for i, entry := range entries {
		letters[i] = parseDeadLetter(entry)
	}
	return letters, nil
}

// DeadLetter returns the dead letter of group that id names: the letter's own ID or, where no letter has it, the ID of
// the entry that was given up, which is looked for among the newest 10,000 letters. An error wraps ErrNotFound where
// there is none.
func (c *Client) DeadLetter(ctx context.Context, group string, id ID) (DeadLetter, error) {
	letter, found, err := c.deadLetterAt(ctx, group, id)
	if err != nil || found {
		return letter, err
	}
	at, found, err := c.findDeadLetter(ctx, group, id)
	if err != nil {
		return DeadLetter{}, err
	}
	if found {
		letter, found, err = c.deadLetterAt(ctx, group, at)
	}
	if err == nil && !found {
		err = fmt.Errorf("dead letter %s of group %q: %w: expected the ID of a dead letter or of the entry that it is of",
			id, group, ErrNotFound)
	}
	return letter, err
}

// deadLetterAt reads the letter with exactly this ID.
func (c *Client) deadLetterAt(ctx context.Context, group string, id ID) (DeadLetter, bool, error) {
	entries, err := c.entries(ctx, c.keys.Dead(group), id.String(), id.String(), 1)
	if err != nil {
		return DeadLetter{}, false, fmt.Errorf("read dead letter %s of group %q: %w", id, group, explain(err))
	}
	if len(entries) == 0 {
		return DeadLetter{}, false, nil
	}
	return parseDeadLetter(entries[0]), true, nil
}

// findDeadLetter looks for the ID of the newest letter of entry.
func (c *Client) findDeadLetter(ctx context.Context, group string, entry ID) (id ID, found bool, err error) {
	newest := "+"
	for searched := 0; searched < deadSearched && newest != ""; {
		reply, err := c.run(ctx, c.scripts.findDead, []string{c.keys.Dead(group)},
			entry.String(), newest, walkPage, walkBytes).Slice()
		if err != nil {
			return ID{}, false, fmt.Errorf("look for entry %s among the dead letters of group %q: %w", entry, group, explain(err))
		}
		if len(reply) != 3 {
			return ID{}, false, errUnexpectedReply
		}
		if letter := replyID(reply[0]); !letter.IsZero() {
			return letter, true, nil
		}
		if newest, err = olderThan(newest, reply[1]); err != nil {
			return ID{}, false, err
		}
		searched += replyNumber(reply[2])
	}
	return ID{}, false, nil
}

// olderThan is where a walk from newest to oldest goes on after a page that ended at oldest: "" at the end. A page that
// does not lead on is refused, or the walk would never end.
func olderThan(newest string, oldest any) (string, error) {
	if replyText(oldest) == "" {
		return "", nil
	}
	at, before := replyID(oldest), replyID(newest)
	if at.IsZero() || newest != "+" && at.Compare(before) > 0 {
		return "", errUnexpectedReply
	}
	return at.Previous().String(), nil
}

// RemoveDead removes dead letters of group by their own IDs, for good, and returns how many there were. A repeat finds
// none and does no harm.
func (c *Client) RemoveDead(ctx context.Context, group string, ids []ID) (int, error) {
	removed := 0
	for page := range slices.Chunk(ids, walkPage) {
		n, err := c.write.XDel(ctx, c.keys.Dead(group), idTexts(page)...).Result()
		removed += int(n)
		if err != nil {
			return removed, fmt.Errorf("remove dead letters of group %q: %w", group, explain(err))
		}
	}
	return removed, nil
}

// RemoveDeadCommand is what RemoveDead does, for redis-cli.
func (c *Client) RemoveDeadCommand(group string, ids []ID) Command {
	return append(Command{"XDEL", c.keys.Dead(group)}, idTexts(ids)...)
}

// entries is XRANGE. The library's own method would put the fields into a map, and lose their order and repetitions; its
// SliceCmd panics where anything but a list comes, as from a proxy that has mixed up its replies.
func (c *Client) entries(ctx context.Context, key, from, to string, count int) ([]Entry, error) {
	command := redis.NewCmd(ctx, "XRANGE", key, from, to, "COUNT", count)
	_ = c.write.Process(ctx, command) // the error stays in the command
	return parseEntries(command)
}

func parseEntries(command *redis.Cmd) ([]Entry, error) {
	reply, err := command.Slice()
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(reply))
	for i, element := range reply {
		record, _ := element.([]any)
		if len(record) != 2 {
			return nil, errUnexpectedReply
		}
		if entries[i], err = parseEntry(record[0], record[1]); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// deadFacts are the names of the pairs that stand before the entry's own fields in a dead letter, in any order.
var deadFacts = []string{
	"dead_id", "dead_reason", "dead_error", "dead_deliveries", "dead_consumer", "dead_at", "dead_event_id",
}

// parseDeadLetter takes a letter apart. An original field may be called like a fact: it comes after the fact of that
// name, so a name that was seen begins the original fields.
func parseDeadLetter(entry Entry) DeadLetter {
	facts := map[string]string{}
	fields := entry.Fields
	for len(fields) > 0 && slices.Contains(deadFacts, fields[0].Name) {
		if _, seen := facts[fields[0].Name]; seen {
			break
		}
		facts[fields[0].Name] = fields[0].Value
		fields = fields[1:]
	}
	letter := DeadLetter{
		ID:       entry.ID,
		Reason:   facts["dead_reason"],
		Error:    facts["dead_error"],
		Consumer: facts["dead_consumer"],
		EventID:  facts["dead_event_id"],
		Fields:   unpackFields(fields),
	}
	letter.EntryID, _ = ParseID(facts["dead_id"]) // a letter that somebody else wrote is shown as far as it can be read
	letter.Deliveries, _ = strconv.Atoi(facts["dead_deliveries"])
	letter.At = serverTime(facts["dead_at"])
	return letter
}

// mostFields is how many fields a dead letter holds as they were. An entry with more of them is packed into the one field
// `dead_fields`.
const mostFields = 1000

// unpackFields takes `dead_fields` apart: netstrings, `<length>:<bytes>,`, of name, value, name, value and so on. A
// producer's own field of that name, which holds something else, is left as it is.
func unpackFields(fields []Field) []Field {
	if len(fields) != 1 || fields[0].Name != "dead_fields" {
		return fields
	}
	var parts []string
	for rest := fields[0].Value; rest != ""; {
		part, after, fits := cutNetstring(rest)
		if !fits {
			return fields
		}
		parts, rest = append(parts, part), after
	}
	if len(parts)%2 != 0 || len(parts) <= 2*mostFields {
		return fields
	}
	unpacked := make([]Field, 0, len(parts)/2)
	for pair := range slices.Chunk(parts, 2) {
		unpacked = append(unpacked, Field{Name: pair[0], Value: pair[1]})
	}
	return unpacked
}

func cutNetstring(text string) (part, rest string, fits bool) {
	digits, rest, _ := strings.Cut(text, ":")
	length, err := parseDigits(digits)
	if err != nil || uint64(len(rest)) <= length || rest[length] != ',' {
		return "", "", false
	}
	return rest[:length], rest[length+1:], true
}

func idTexts(ids []ID) []string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return texts
}
