package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
)

// entryOf is an entry of the stream with these fields and values.
func entryOf(id string, fields ...string) redis.XMessage {
	entry := redis.XMessage{ID: id, Values: map[string]any{}}
	for i := 0; i < len(fields); i += 2 {
		entry.Values[fields[i]] = fields[i+1]
	}
	return entry
}

// follows is an entry that follows cause in group.
func follows(id, event, cause, group string) redis.XMessage {
	return entryOf(id, "event", event, "event_id", event+cause+group, "causation_entry", cause, "causation_group", group)
}

func TestJudgeOfFollowUps(t *testing.T) {
	t.Parallel()
	sound := []redis.XMessage{
		entryOf("1-0", "event", eventName, "event_id", "e0"),
		follows("2-0", notInTime, "1-0", "inventory"), follows("3-0", labelled, "1-0", "label"), follows("4-0", closed, "1-0", "notify"),
		follows("5-0", closed, "2-0", "notify"),
		entryOf("6-0", "event", eventName, "event_id", "e0", "to", "inventory", "replay_of", "1-0"),
		follows("7-0", reserved, "6-0", "inventory"), follows("8-0", notClosed, "7-0", "notify"),
		entryOf("9-0", "event", reserved, "event_id", reserved+"6-0inventory", "causation_entry", "6-0", "causation_group", "inventory",
			"to", "notify", "replay_of", "7-0"),
		follows("10-0", closed, "9-0", "notify"),
	}
	for _, c := range []struct {
		what, want string
		more       []redis.XMessage
		without    int
	}{
		{what: "all as it must be"},
		{what: "a lost one", without: 2, want: `followed by [] in label, want "LABELLED"`},
		{what: "a second one", more: []redis.XMessage{follows("11-0", labelled, "1-0", "label")}, want: `["LABELLED" "LABELLED"]`},
		{what: "the same ID", more: []redis.XMessage{follows("11-0", labelled, "1-0", "label")}, want: "is there 2 times"},
		{what: "the wrong one", without: 7, more: []redis.XMessage{follows("11-0", closed, "7-0", "notify")}, want: `["CLOSED"]`},
		{what: "one of nothing", more: []redis.XMessage{follows("11-0", closed, "0-1", "notify")}, want: "not in the stream"},
		{what: "one of what is passed by", more: []redis.XMessage{follows("11-0", labelled, "6-0", "label")}, want: `want ""`},
		{what: "an event that was added twice", more: []redis.XMessage{entryOf("11-0", "event", eventName, "event_id", "e0")}, want: "2 times"},
	} {
		found := newFollowUps(followed(consumers.HandlerFunc(nil)))
		for at, entry := range slices.Concat(sound, c.more) {
			if at == 0 || at != c.without {
				found.add(entry)
			}
		}
		var out bytes.Buffer
		err := errors.Join(found.judge(&out), found.published(1))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: got %v\n%s", c.what, err, out.String())
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", c.what, err, c.want)
		}
	}
}
