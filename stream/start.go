package stream

import (
	"fmt"
	"time"
)

// Start says where a group that does not exist yet begins. The zero Start is the beginning on a stream without groups,
// so that a new system misses nothing, and new entries alone beside groups that are at work already.
type Start struct {
	at string // as the script ensure takes it; "" is auto
}

// FromBeginning starts with the oldest entry that the stream holds.
func FromBeginning() Start { return Start{at: "0-0"} }

// FromNew starts with the first entry that is added after the group was created.
func FromNew() Start { return Start{at: "$"} }

// FromID starts with the entry id, or with the first one after it where there is none.
func FromID(id ID) Start { return Start{at: id.Previous().String()} }

// ParseStart reads `beginning`, `new`, an entry ID or a time (RFC 3339, or `2006-01-02 15:04:05` in UTC); "" is the zero
// Start.
func ParseStart(text string) (Start, error) {
	switch text {
	case "":
		return Start{}, nil
	case "beginning":
		return FromBeginning(), nil
	case "new":
		return FromNew(), nil
	}
	if id, err := ParseID(text); err == nil {
		return FromID(id), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return FromID(IDAt(t)), nil
		}
	}
	return Start{}, fmt.Errorf("%q is no place to start: expected beginning, new, an entry ID such as 1763700000000-0, "+
		"or a time such as 2026-01-31T08:00:00Z", text)
}

// String is the Start as the XGROUP CREATE command page writes it, or `auto`.
func (s Start) String() string {
	if s.at == "" {
		return "auto"
	}
	return s.at
}
