package stream_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/stream"
)

// view is what operations choose from: how the first side stands, in labels.
type view struct {
	entries []int            // of the stream
	seen    int              // how many entries there have ever been
	pending map[string][]int // by group, what is pending
	owners  map[string]map[int]held
	names   map[string][]string // by group, its consumers
	letters map[string][]int    // by group, its dead letters
}

// held is who has an entry and how often it was delivered.
type held struct {
	consumer   string
	deliveries int64
}

// dump is all that a server holds: a text for each key, scrubbed, and the view of it.
type dump struct {
	keys map[string]string
	view view
}

// dump reads all keys of the server, and labels the entries that are new. Streams come first: their labels are what the
// other keys are scrubbed with.
func (s *side) dump() (dump, error) {
	texts := map[string][]string{} // some keys differ in nothing but what is scrubbed
	read := dump{keys: map[string]string{}, view: view{
		pending: map[string][]int{}, owners: map[string]map[int]held{}, names: map[string][]string{},
		letters: map[string][]int{},
	}}
	kinds, err := s.kinds()
	if err != nil {
		return read, err
	}
	main := s.client.Keys().Stream()
	names := make([]string, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	rank := func(name string) int {
		switch {
		case name == main:
			return 0
		case kinds[name] == "stream":
			return 1
		default:
			return 2
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a, b)) })
	for _, name := range names {
		text, err := s.dumpKey(name, kinds[name], &read.view)
		if err != nil {
			return read, fmt.Errorf("dump %s %q: %w", kinds[name], name, err)
		}
		texts[s.scrub(name)] = append(texts[s.scrub(name)], text)
	}
	for label, all := range texts {
		slices.Sort(all)
		read.keys[label] = strings.Join(all, "\n")
	}
	read.view.seen = len(s.entries.ids)
	return read, nil
}

// kinds are the keys and their types.
func (s *side) kinds() (map[string]string, error) {
	names, err := s.client.Redis().Keys(s.ctx, "*").Result()
	if err != nil {
		return nil, err
	}
	types := make([]*redis.StatusCmd, len(names))
	_, err = s.client.Redis().Pipelined(s.ctx, func(pipe redis.Pipeliner) error {
		for i, name := range names {
			types[i] = pipe.Type(s.ctx, name)
		}
		return nil
	})
	kinds := map[string]string{}
	for i, name := range names {
		kinds[name] = types[i].Val()
	}
	return kinds, err
}

func (s *side) dumpKey(name, kind string, into *view) (string, error) {
	server := s.client.Redis()
	switch kind {
	case "stream":
		if group, isDead := strings.CutPrefix(name, s.client.Keys().Dead("")); isDead {
			return s.dumpLetters(name, group, into)
		}
		return s.dumpStream(name, into)
	case "hash":
		fields, err := server.HGetAll(s.ctx, name).Result()
		lines := make([]string, 0, len(fields))
		for field, value := range fields {
			lines = append(lines, s.scrub(fmt.Sprintf("%s = %q", field, value)))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n"), err
	case "string":
		value, err := server.Get(s.ctx, name).Result()
		if err != nil {
			return "", err
		}
		life, err := server.PTTL(s.ctx, name).Result()
		return s.scrub(fmt.Sprintf("%q", value)) + fmt.Sprintf(" expires %t", life > 0), err
	default:
		return kind, nil
	}
}

// entriesOf is XRANGE of a whole stream.
func (s *side) entriesOf(name string) ([]stream.Entry, error) {
	reply, err := s.client.Redis().Do(s.ctx, "XRANGE", name, "-", "+").Slice()
	if err != nil {
		return nil, err
	}
	entries := make([]stream.Entry, len(reply))
	for i, element := range reply {
		record := element.([]any)
		if entries[i].ID, err = stream.ParseID(record[0].(string)); err != nil {
			return nil, err
		}
		fields := record[1].([]any)
		for at := 0; at+1 < len(fields); at += 2 {
			entries[i].Fields = append(entries[i].Fields, stream.Field{Name: fields[at].(string), Value: fields[at+1].(string)})
		}
	}
	return entries, nil
}

// fieldsText is what is in an entry; of very many fields their number and the last of them.
func (s *side) fieldsText(fields []stream.Field) string {
	if len(fields) > 20 {
		return fmt.Sprintf("%d fields ... %s", len(fields), s.fieldsText(fields[len(fields)-3:]))
	}
	parts := make([]string, len(fields))
	for i, field := range fields {
		if len(field.Value) > 4000 {
			field.Value = fmt.Sprintf("%d bytes", len(field.Value))
		}
		parts[i] = fmt.Sprintf("%q:%q", field.Name, field.Value)
	}
	return s.scrub(strings.Join(parts, " "))
}

func (s *side) dumpLetters(name, group string, into *view) (string, error) {
	entries, err := s.entriesOf(name)
	lines := make([]string, 0, len(entries))
	for _, entry := range entries {
		s.addLetter(group, entry.ID)
		known := s.letterLabels(group)
		into.letters[group] = append(into.letters[group], known.numbers[entry.ID])
		lines = append(lines, known.label(entry.ID)+" "+s.fieldsText(entry.Fields))
	}
	return strings.Join(lines, "\n"), err
}

func (s *side) dumpStream(name string, into *view) (string, error) {
	entries, err := s.entriesOf(name)
	if err != nil {
		return "", err
	}
	lines := []string{}
	for _, entry := range entries {
		s.entries.add(entry.ID)
		into.entries = append(into.entries, s.entries.numbers[entry.ID])
		lines = append(lines, s.entries.label(entry.ID)+" "+s.fieldsText(entry.Fields))
	}
	groups, err := s.client.Redis().XInfoGroups(s.ctx, name).Result()
	if err != nil {
		return "", err
	}
	slices.SortFunc(groups, func(a, b redis.XInfoGroup) int { return strings.Compare(a.Name, b.Name) })
	for _, group := range groups {
		line, err := s.dumpGroup(name, group, into)
		if err != nil {
			return "", err
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n"), nil
}

func (s *side) dumpGroup(name string, group redis.XInfoGroup, into *view) (string, error) {
	delivered, err := stream.ParseID(group.LastDeliveredID)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "group %s delivered %s; consumers", group.Name, s.entries.label(delivered))
	consumers, err := s.client.Redis().XInfoConsumers(s.ctx, name, group.Name).Result()
	if err != nil {
		return "", err
	}
	slices.SortFunc(consumers, func(a, b redis.XInfoConsumer) int { return strings.Compare(a.Name, b.Name) })
	for _, consumer := range consumers {
		into.names[group.Name] = append(into.names[group.Name], consumer.Name)
		fmt.Fprintf(&text, " %s", consumer.Name)
	}
	pending, err := s.client.Redis().XPendingExt(s.ctx, &redis.XPendingExtArgs{
		Stream: name, Group: group.Name, Start: "-", End: "+", Count: 10_000,
	}).Result()
	if err != nil {
		return "", err
	}
	into.owners[group.Name] = map[int]held{}
	for _, entry := range pending {
		id, err := stream.ParseID(entry.ID)
		if err != nil {
			return "", err
		}
		s.entries.add(id) // of an entry that was gone before it was seen
		number := s.entries.numbers[id]
		into.pending[group.Name] = append(into.pending[group.Name], number)
		into.owners[group.Name][number] = held{consumer: entry.Consumer, deliveries: entry.RetryCount}
		fmt.Fprintf(&text, "\n  pending %s of %s, delivered %d times, idle %s",
			s.entries.label(id), entry.Consumer, entry.RetryCount, idleOf(entry.Idle.Milliseconds()))
	}
	return text.String(), nil
}

// differences are the keys that two dumps do not have in common, with what each says of them.
func differences(want, got dump) []difference {
	var found []difference
	for key, text := range want.keys {
		if got.keys[key] != text {
			found = append(found, difference{where: key, want: text, got: got.keys[key]})
		}
	}
	for key, text := range got.keys {
		if _, both := want.keys[key]; !both {
			found = append(found, difference{where: key, got: text})
		}
	}
	slices.SortFunc(found, func(a, b difference) int { return strings.Compare(a.where, b.where) })
	return found
}

// difference is what a server says otherwise than the first one.
type difference struct {
	where     string // a key, or "reply"
	want, got string
}

func (d difference) String() string {
	return fmt.Sprintf("%s\n--- the first server\n%s\n--- this one\n%s", d.where, d.want, d.got)
}
