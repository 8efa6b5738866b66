package stream

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxNameBytes = 256
	// maxHeaders keeps an entry far below what a Lua script can pass to one command.
	maxHeaders = 1000
)

// Encode returns the fields of an entry that Decode reads as event, in one fixed order: event, data, event_id, timestamp
// (RFC 3339 in UTC with as much of a fraction as there is), aggregate_id, to, replay_of, traceparent, and then the headers
// by name. What event leaves empty has no field.
func Encode(event Event) []Field {
	fields := make([]Field, 0, int(places)+len(event.Headers))
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, Field{Name: name, Value: value})
		}
	}
	add("event", event.Name)
	add("data", string(event.Data))
	add("event_id", event.ID)
	if !event.Time.IsZero() {
		add("timestamp", event.Time.UTC().Format(time.RFC3339Nano))
	}
	add("aggregate_id", event.AggregateID)
	add("to", event.To)
	add("replay_of", event.ReplayOf)
	add("traceparent", event.TraceParent)
	for _, name := range slices.Sorted(maps.Keys(event.Headers)) {
		fields = append(fields, Field{Name: name, Value: event.Headers[name]})
	}
	return fields
}

// CheckName returns an error that names the fault where name cannot be an event's: it is 1 to 256 bytes of UTF-8 without
// control characters.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the event has no name")
	case len(name) > maxNameBytes:
		return fmt.Errorf("event name of %d bytes: at most %d are allowed", len(name), maxNameBytes)
	case !utf8.ValidString(name) || slices.ContainsFunc([]rune(name), unicode.IsControl):
		return fmt.Errorf("event name %s: expected UTF-8 without control characters", strconv.QuoteToASCII(name))
	case unquote(name) != name:
		return fmt.Errorf("event name %s: it is in the quotes of a serializer", strconv.QuoteToASCII(name))
	default:
		return nil
	}
}

// checkEvent returns an error that names the field of event that Decode would not read as it is.
func checkEvent(event *Event) error {
	if err := CheckName(event.Name); err != nil {
		return err
	}
	if isDestroyed(event.Data) {
		return fmt.Errorf("data %q: that is what some Redis clients make of data that they cannot send", event.Data)
	}
	if year := event.Time.UTC().Year(); year < 1 || year > 9999 {
		return fmt.Errorf("time in the year %d: expected the years 1 to 9999", year)
	}
	if event.To != "" {
		if err := CheckGroup(event.To); err != nil {
			return fmt.Errorf("to: %w", err)
		}
	}
	return checkHeaders(event.Headers)
}

func checkHeaders(headers map[string]string) error {
	if len(headers) > maxHeaders {
		return fmt.Errorf("%d headers: at most %d are allowed", len(headers), maxHeaders)
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if _, known := spellingOf(name); known {
			return fmt.Errorf("header %q: a field of this name has a meaning of its own; choose another name", name)
		}
	}
	return nil
}
