package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/stream"
)

// The clocks of a differential run. Whether a lease has passed never hangs on how fast the machine is: it is an hour, and
// operations set idle times of two.
const (
	differentialLease = time.Hour
	longSilence       = 2 * time.Hour
)

// side is one of the servers that carry out the same operations.
type side struct {
	ctx     context.Context
	name    string
	client  *stream.Client
	entries labels            // of the stream
	letters map[string]labels // of each group's dead letters
	readers map[string]*stream.Reader
	fell    error // the last error of an operation, in the server's own words
}

func newSide(t *testing.T, name, url string) *side {
	t.Helper()
	client, err := stream.Open(stream.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return &side{ctx: t.Context(), name: name, client: client}
}

// reset empties the server.
func (s *side) reset() error {
	s.entries, s.letters, s.readers = labels{}, map[string]labels{}, map[string]*stream.Reader{}
	return s.client.Redis().FlushAll(s.ctx).Err()
}

func (s *side) group(name, consumer string) *stream.Group {
	group, err := s.client.Group(name, consumer, differentialLease)
	if err != nil {
		panic(err) // the names are constants
	}
	if name == "h" {
		return group.Emitting(stream.Emit{Acked: "order.paid", DeadLettered: "order.created"})
	}
	return group
}

// reader is the one reader of a consumer, which reads into the same memory again and again.
func (s *side) reader(name, consumer string) *stream.Reader {
	key := name + " " + consumer
	if s.readers[key] == nil {
		s.readers[key] = s.group(name, consumer).Reader()
	}
	return s.readers[key]
}

// raw sends a command that is none of ours and returns its reply or error in words.
func (s *side) raw(words ...any) string {
	reply, err := s.client.Redis().Do(s.ctx, words...).Result()
	if err != nil {
		return s.fault(err)
	}
	return s.text(reply)
}

// labels number the IDs of one stream in the order in which they were first seen: those are the same on all sides, where
// the IDs, made of the clock, are not.
type labels struct {
	ids     []stream.ID
	numbers map[stream.ID]int
}

func (l *labels) add(id stream.ID) {
	if l.numbers == nil {
		l.numbers = map[stream.ID]int{}
	}
	if _, known := l.numbers[id]; !known {
		l.numbers[id] = len(l.ids)
		l.ids = append(l.ids, id)
	}
}

// clockBegins is the first half that an ID has which a server made of its clock; smaller ones were made up.
const clockBegins = 1e12

// absent is the ID of no entry.
var absent = stream.ID{Ms: 77, Seq: 7}

// id is the ID that a number stands for.
func (l *labels) id(number int) stream.ID {
	if number < 0 || number >= len(l.ids) {
		return absent
	}
	return l.ids[number]
}

// label is what an ID is called: #3, or >#3 where it stands between the entry of that number and the next one above.
func (l *labels) label(id stream.ID) string {
	if number, known := l.numbers[id]; known {
		return "#" + strconv.Itoa(number)
	}
	below, found := stream.ID{}, false
	for _, other := range l.ids {
		if other.Compare(id) < 0 && (!found || other.Compare(below) > 0) {
			below, found = other, true
		}
	}
	if !found && id.Ms > clockBegins {
		return "<all"
	}
	if !found {
		return id.String()
	}
	return ">#" + strconv.Itoa(l.numbers[below])
}

func (s *side) letterLabels(group string) *labels {
	known := s.letters[group]
	return &known
}

func (s *side) addLetter(group string, id stream.ID) {
	known := s.letters[group]
	known.add(id)
	s.letters[group] = known
}

func (s *side) letterLabel(group string, id stream.ID) string {
	if id.IsZero() {
		return "none"
	}
	return "letter " + s.letterLabels(group).label(id)
}

func (s *side) idLabels(ids []stream.ID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = s.entries.label(id)
	}
	return strings.Join(texts, " ")
}

var (
	idText     = regexp.MustCompile(`\b\d{1,20}-\d{1,20}\b`)
	uuidText   = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	digestText = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	millisText = regexp.MustCompile(`\b1\d{12}\b`)
	timeText   = regexp.MustCompile(`\b20\d\d-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)`)
	idleText   = regexp.MustCompile(`"idle_ms":\d+`)
)

// scrub puts what does not depend on clocks and chance in the place of what does: labels for IDs, how far away times are.
func (s *side) scrub(text string) string {
	text = timeText.ReplaceAllStringFunc(text, func(found string) string {
		at, err := time.Parse(time.RFC3339Nano, found)
		if err != nil {
			return found
		}
		return fromNow(at.UnixMilli(), found)
	})
	text = uuidText.ReplaceAllString(text, "uuid")
	text = digestText.ReplaceAllString(text, "digest")
	text = idleText.ReplaceAllStringFunc(text, func(found string) string {
		idle, _ := strconv.ParseInt(strings.TrimPrefix(found, `"idle_ms":`), 10, 64)
		return "idle " + idleOf(idle)
	})
	text = idText.ReplaceAllStringFunc(text, func(found string) string {
		id, err := stream.ParseID(found)
		if err != nil || id.Ms < clockBegins && s.entries.numbers[id] == 0 {
			return found
		}
		return s.entries.label(id)
	})
	return millisText.ReplaceAllStringFunc(text, func(found string) string {
		at, _ := strconv.ParseInt(found, 10, 64)
		return fromNow(at, found)
	})
}

// fromNow says how far from now a time is, to ten minutes: a sequence of operations takes far less. What is more than a
// month away was made up by an operation, and is the same on all sides.
func fromNow(milliseconds int64, text string) string {
	const month = 30 * 24 * time.Hour
	away := time.Until(time.UnixMilli(milliseconds)).Round(10 * time.Minute)
	if away > month || away < -month {
		return text
	}
	return "now+" + away.String()
}

// idleOf is an idle time to ten minutes.
func idleOf(milliseconds int64) string {
	return (time.Duration(milliseconds) * time.Millisecond).Round(10 * time.Minute).String()
}

// text is value in JSON, scrubbed.
func (s *side) text(value any) string {
	encoded, err := json.Marshal(printable(value))
	if err != nil {
		return fmt.Sprintf("%T: %v", value, err)
	}
	return s.scrub(string(encoded))
}

// printable is a reply with lists of any depth, in which JSON would refuse maps with keys that are no strings.
func printable(value any) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, len(value))
		for i := range value {
			list[i] = printable(value[i])
		}
		return list
	case map[any]any:
		return fmt.Sprint(value)
	default:
		return value
	}
}

// outcome is a value, or the kind of an error.
func (s *side) outcome(value any, err error) string {
	if err != nil {
		return s.fault(err) + " " + s.text(value)
	}
	return s.text(value)
}

// fault is the kind of an error: what a caller can tell of it, and the words that all servers have in common.
func (s *side) fault(err error) string {
	s.fell = err
	kinds := []string{"error"}
	for _, kind := range []struct {
		name string
		is   bool
	}{
		{"nil", errors.Is(err, redis.Nil)},
		{"not found", errors.Is(err, stream.ErrNotFound)},
		{"different content", errors.Is(err, stream.ErrDifferentContent)},
		{"not replicated", errors.Is(err, stream.ErrNotReplicated)},
		{"no group", stream.IsNoGroup(err)},
		{"refusal", stream.IsRefusal(err)},
		{"wrong type", strings.Contains(err.Error(), "WRONGTYPE")},
		{"too small", strings.Contains(err.Error(), "equal or smaller")},
	} {
		if kind.is {
			kinds = append(kinds, kind.name)
		}
	}
	return strings.Join(kinds, ", ")
}

// inItsWords is the last error, for the report of a disagreement.
func (s *side) inItsWords() string {
	if s.fell == nil {
		return ""
	}
	return "\n(" + s.fell.Error() + ")"
}

// afterThisMillisecond returns once the clock has moved on, so that what an operation says of now never falls into the
// millisecond of the one before.
func afterThisMillisecond() {
	for now := time.Now().UnixMilli(); time.Now().UnixMilli() <= now; {
		time.Sleep(100 * time.Microsecond)
	}
}

// dice are the decisions of one operation, the same on all sides.
type dice struct {
	*rand.Rand
	view *view
}

// one picks one of choices.
func one[T any](d dice, choices ...T) T { return choices[d.IntN(len(choices))] }

// chance is true in so many of a hundred cases.
func (d dice) chance(percent int) bool { return d.IntN(100) < percent }
