package stream_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/stream"
)

// foreign are the things that other programs, operators and accidents do to the same keys, and what makes time pass.
var foreign = []operation{
	{"XADD", 18, addForeign},
	{"XADD with an ID", 3, addWithID},
	{"XADD of very many fields", 1, addManyFields},
	{"XDEL", 4, deleteEntries},
	{"XTRIM", 2, trimForeign},
	{"XGROUP DESTROY", 1, destroyGroup},
	{"XGROUP CREATE", 2, createGroup},
	{"XGROUP DELCONSUMER", 2, deleteConsumer},
	{"XGROUP CREATECONSUMER", 1, createConsumer},
	{"fall silent", 18, fallSilent},
	{"steal", 4, steal},
	{"spoil a note", 3, spoilNote},
	{"spoil a registration", 1, spoilRegistration},
	{"spoil a marker", 3, spoilMarker},
	{"write a letter", 2, writeLetter},
	{"end the guard", 1, endGuard},
	{"date back a life", 4, dateBack},
	{"let a retry come due", 8, comeDue},
	{"wrong type", 1, wrongType},
	{"DEL", 2, deleteKey},
}

// fieldSets are what producers add: good events, odd ones and garbage.
var fieldSets = [][]any{
	{"event", "order.created", "data", `{"n":1}`},
	{"event", "order.paid", "event_id", "9", "data", "{}", "timestamp", "1600000000"},
	{"event_name", "order.created", "payload", "[]", "created_at", "not a time"},
	{"ce_type", "other.thing", "ce_id", "c1", "id", "x", "specversion", "1.0"},
	{"type", "order.created", "id", "12"},
	{"event", "order.created", "to", "h"},
	{"event", "order.created", "to", "nobody"},
	{"event", "", "data", "x"},
	{"order_id", "12345"},
	{"\x00\xff", "\xfe", "", ""},
	{"event", "order.created", "event", "order.paid", "event", ""},
	{"message", `{"event":"order.created","data":{"n":2}}`},
	{"event", "order.created", "data", "[object Object]"},
	{"dead_id", "1-1", "dead_reason", "no", "event", "order.created"},
	{"dead_fields", "3:a,b,0:,", "event", "order.created"},
	{"event", "order.created", "replay_of", "1-1", "event_id", ""},
}

func addForeign(s *side, d dice) (did, came string) {
	words := []any{"XADD", s.client.Keys().Stream()}
	if d.chance(3) {
		words = append(words, "MAXLEN", d.IntN(12))
	}
	fields := one(d, fieldSets...)
	return fmt.Sprintf("%q", append(words[2:], fields...)), s.add(append(append(words, "*"), fields...)...)
}

// add is an XADD to the stream, whose entry may be trimmed at once.
func (s *side) add(words ...any) string {
	reply, err := s.client.Redis().Do(s.ctx, words...).Text()
	if err != nil {
		return s.fault(err)
	}
	if id, err := stream.ParseID(reply); err == nil {
		s.entries.add(id)
	}
	return s.scrub(reply)
}

func addWithID(s *side, d dice) (did, came string) {
	id := one(d, "1-1", "5-1", "5-2", "100", "0-0", "9-*", "nonsense", "1234567890-18446744073709551615")
	if d.chance(4) {
		id = one(d, "4000000000000-1", "18446744073709551614-3")
	}
	return id, s.add("XADD", s.client.Keys().Stream(), id, "event", "order.created")
}

func addManyFields(s *side, d dice) (did, came string) {
	count := one(d, 900, 1000, 1001, 1500)
	words := []any{"XADD", s.client.Keys().Stream(), "*", "event", "order.created"}
	for number := range count {
		words = append(words, fmt.Sprintf("field%d", number), number)
	}
	return fmt.Sprint(count), s.add(words...)
}

func (s *side) words(first []any, ids []stream.ID) []any {
	for _, id := range ids {
		first = append(first, id.String())
	}
	return first
}

func deleteEntries(s *side, d dice) (did, came string) {
	ids := s.ids(d.several(2, func() int { return d.entry(one(d, "g", "h")) }))
	return s.idLabels(ids), s.raw(s.words([]any{"XDEL", s.client.Keys().Stream()}, ids)...)
}

func trimForeign(s *side, d dice) (did, came string) {
	key := s.client.Keys().Stream()
	if d.chance(50) {
		most := d.IntN(16)
		return fmt.Sprintf("MAXLEN %d", most), s.raw("XTRIM", key, "MAXLEN", "=", most)
	}
	id := s.entries.id(d.entry("g"))
	return "MINID " + s.entries.label(id), s.raw("XTRIM", key, "MINID", "=", id.String())
}

func destroyGroup(s *side, d dice) (did, came string) {
	group := d.group()
	return group, s.raw("XGROUP", "DESTROY", s.client.Keys().Stream(), group)
}

func createGroup(s *side, d dice) (did, came string) {
	group, at := d.group(), one(d, "$", "0", s.entries.id(d.entry("g")).String())
	if group == "never-created" {
		group = "unregistered"
	}
	return group + " " + s.scrub(at), s.raw("XGROUP", "CREATE", s.client.Keys().Stream(), group, at, "MKSTREAM")
}

func deleteConsumer(s *side, d dice) (did, came string) {
	group, consumer := d.group(), one(d, "a", "b", stream.Waiting)
	return group + " " + consumer, s.raw("XGROUP", "DELCONSUMER", s.client.Keys().Stream(), group, consumer)
}

func createConsumer(s *side, d dice) (did, came string) {
	group, consumer := d.group(), one(d, "b", "c")
	return group + " " + consumer, s.raw("XGROUP", "CREATECONSUMER", s.client.Keys().Stream(), group, consumer)
}

// claim moves an entry to a consumer and makes it idle for so long, in the form that all servers read alike.
func (s *side) claim(d dice, group string, number int, consumer string, idle time.Duration) string {
	deliveries := d.view.owners[group][number].deliveries
	return s.raw("XCLAIM", s.client.Keys().Stream(), group, consumer, 0, s.entries.id(number).String(),
		"IDLE", idle.Milliseconds(), "RETRYCOUNT", deliveries, "JUSTID")
}

// fallSilent makes a consumer silent for longer than a lease. What was deleted from the stream is left alone: XCLAIM would
// drop it.
func fallSilent(s *side, d dice) (did, came string) {
	group := one(d, "g", "g", "h")
	consumer := one(d, "a", "b")
	var texts []string
	for _, number := range d.view.pending[group] {
		if d.view.owners[group][number].consumer == consumer && slices.Contains(d.view.entries, number) {
			texts = append(texts, s.claim(d, group, number, consumer, longSilence))
		}
	}
	return group + " " + consumer, strings.Join(texts, " ")
}

func steal(s *side, d dice) (did, came string) {
	group, consumer := one(d, "g", "g", "h"), one(d, "a", "b", "c", stream.Waiting)
	number := d.entry(group)
	// Whether a claim of nothing makes a consumer's name is a question that servers answer each in their own way.
	came = s.raw("XGROUP", "CREATECONSUMER", s.client.Keys().Stream(), group, consumer)
	return fmt.Sprintf("%s #%d for %s", group, number, consumer), came + s.claim(d, group, number, consumer, 0)
}

var spoiltNotes = []string{
	"", "garbage", "{", "[]", "null", `"text"`, "\xff", `{"tries":"x","next":1,"consumer":"a"}`,
	`{"tries":1,"reason":"failed","error":7,"consumer":"a","next":1}`,
	`{"tries":1,"reason":"failed","error":"e","consumer":"","next":1}`,
	`{"tries":1,"reason":"failed","error":"e","consumer":"a","next":-5}`, `{"tries":1e300,"next":1e300,"consumer":"a"}`,
	`{"tries":1.5,"reason":"failed","error":"e","consumer":"a","next":1.5}`, `{"tries":1,"next":1,"consumer":"a"} trailing`,
	strings.Repeat("[", 2000),
}

func spoilNote(s *side, d dice) (did, came string) {
	group := one(d, "g", "h")
	number, note := d.entry(group), one(d, spoiltNotes...)
	came = s.raw("HSET", s.client.Keys().Attempts(group), s.entries.id(number).String(), note)
	return fmt.Sprintf("%s #%d %.60q", group, number, note), came
}

func spoilRegistration(s *side, d dice) (did, came string) {
	field := one(d, "g", "h", "g:seen", "g:checkpoint", "gone", "gone:checkpoint", "a b", ":seen")
	value := one(d, "garbage", "", "{}", `{"events":7}`, "5-1", "99999999999999-0", "18446744073709551615-18446744073709551615")
	return field + " = " + value, s.raw("HSET", s.client.Keys().Groups(), field, value)
}

func spoilMarker(s *side, d dice) (did, came string) {
	keys := s.client.Keys()
	name := one(d, keys.Done("g", "order.created", one(d, "1", "2")), keys.Published("order.created", one(d, "1", "2")))
	value := one(d, "", "garbage", "done", "running 1-1", "running x", "done 1-1 ", "5-1 other", "\xff")
	return fmt.Sprintf("%s = %q", name, value), s.raw("SET", name, value, "PX", time.Hour.Milliseconds())
}

func writeLetter(s *side, d dice) (did, came string) {
	group := one(d, "g", "h")
	words := []any{"XADD", s.client.Keys().Dead(group), "*"}
	if d.chance(50) {
		words = append(words, "dead_id", s.entries.id(d.entry(group)).String(), "dead_deliveries", "many", "dead_at", "x")
	}
	reply, err := s.client.Redis().Do(s.ctx, append(words, one(d, fieldSets...)...)...).Text()
	if err != nil {
		return group, s.fault(err)
	}
	id, err := stream.ParseID(reply)
	s.addLetter(group, id)
	return group, s.outcome(nil, err)
}

func endGuard(s *side, d dice) (did, came string) {
	name := s.client.Keys().Sweep(one(d, "g", "g", "h"))
	return name, s.raw("DEL", name)
}

// dateBack makes the last sign of life of a consumer an old or an odd one.
func dateBack(s *side, d dice) (did, came string) {
	group, consumer, life := one(d, "g", "h"), one(d, "a", "b", "c", "unheard-of", stream.Waiting), one(d, "1000", "1000", "x", "")
	return group + " " + consumer + " " + life, s.raw("HSET", s.client.Keys().Consumers(group), consumer, life)
}

// comeDue has a note say that an entry is due, as if its delay had passed.
func comeDue(s *side, d dice) (did, came string) {
	group := one(d, "g", "g", "h")
	number := d.entry(group)
	note := fmt.Sprintf(`{"tries":%d,"reason":"failed","error":"e","consumer":"b","next":1000}`,
		d.view.owners[group][number].deliveries-int64(d.IntN(2)))
	came = s.raw("HSET", s.client.Keys().Attempts(group), s.entries.id(number).String(), note)
	return fmt.Sprintf("%s #%d", group, number), came
}

// key draws one of the keys that are not markers.
func (s *side) key(d dice) string {
	keys := s.client.Keys()
	if d.chance(15) {
		return keys.Stream()
	}
	return one(d, keys.Dead("g"), keys.Attempts("g"), keys.Consumers("g"), keys.Sweep("g"), keys.Groups(), keys.Dead("h"),
		keys.Done("g", "order.created", "1"), keys.Published("order.created", "1"))
}

func wrongType(s *side, d dice) (did, came string) {
	name, kind := s.key(d), one(d, "string", "hash", "stream")
	steps := [][]any{{"DEL", name}}
	switch kind {
	case "string":
		steps = append(steps, []any{"SET", name, "garbage"})
	case "hash":
		steps = append(steps, []any{"HSET", name, "garbage", "garbage"})
	case "stream":
		steps = append(steps, []any{"XADD", name, "1-1", "garbage", "garbage"})
	}
	texts := make([]string, len(steps))
	for i, step := range steps {
		texts[i] = s.raw(step...)
	}
	return name + " is a " + kind, strings.Join(texts, " ")
}

func deleteKey(s *side, d dice) (did, came string) {
	name := s.key(d)
	return name, s.raw("DEL", name)
}

// operations are all that a sequence is made of.
func operations() []operation { return slices.Concat(ours, foreign) }
