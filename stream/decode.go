package stream

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DecodeOptions says how a group reads entries.
type DecodeOptions struct {
	// Unnamed is the name that entries without one get; empty means that they are undecodable.
	Unnamed string
	// MaxBytes is the largest Size of an entry that is handed to a handler; 0 means no limit.
	MaxBytes int
}

// DecodeError tells why an entry cannot be handled, now or ever.
type DecodeError struct {
	// Reason is DeadUndecodable, DeadTooLarge or DeadDataDestroyed.
	Reason string
	// Hint tells the producer's author what to change. It holds nothing of the entry's data.
	Hint string
}

// Error is the reason and the hint.
func (e *DecodeError) Error() string { return e.Reason + ": " + e.Hint }

// Recipient is the one group that the entry is for, or "" for every group. It is looked at before anything else is
// decoded, and an envelope's own `to` is not looked at: there it is mostly somebody's mail address.
func Recipient(entry Entry) string {
	for _, field := range entry.Fields {
		if group := unquote(field.Value); field.Name == "to" && group != "" {
			return group
		}
	}
	return ""
}

// Decode reads what an entry says. Its error is always a *DecodeError, and beside it stands the event as far as it could
// be read: without Name where the reason is DeadUndecodable, without Data and Headers where it is DeadTooLarge. Data
// and headers are the bytes that were sent.
func Decode(entry Entry, options DecodeOptions) (Event, error) {
	large := options.MaxBytes > 0 && entry.Size() > options.MaxBytes
	fields := entry.Fields
	chosen := choose(fields)
	if chosen[placeName] == nil && !large { // no JSON is parsed before the size is known to be bearable
		if unwrapped, ok := unwrap(fields); ok {
			fields = unwrapped
			chosen = choose(fields)
		}
	}
	event := chosen.facts(entry.ID, options.Unnamed)
	if !large {
		event.Data = chosen.data()
		event.Headers = chosen.headers(fields)
	}
	return event, faultOf(&event, large)
}

// faultOf returns why event must not reach a handler, or nil.
func faultOf(event *Event, large bool) error {
	switch {
	case event.Name == "" && large:
		return &DecodeError{DeadUndecodable, "the entry has no field `event`, and is too large to be searched for a name: " +
			"add the field `event`, and send a reference instead of the data"}
	case event.Name == "":
		return &DecodeError{DeadUndecodable, "the entry has no event name: add it in a field `event`, " +
			"as in XADD event_stream * event NEW_ORDER_RECEIVED data '{\"order_id\":1}'"}
	case large:
		return &DecodeError{DeadTooLarge, "the entry is larger than the configured limit: " +
			"keep the bulk elsewhere and send a reference to it"}
	case isDestroyed(event.Data):
		return &DecodeError{DeadDataDestroyed, "the producer's Redis client replaced the data by the word " +
			string(event.Data) + ": encode it first, with json_encode(...) in PHP or JSON.stringify(...) in JavaScript"}
	default:
		return nil
	}
}

// isDestroyed recognises what phpredis and Predis make of an array, phpredis of an object and ioredis of an object.
func isDestroyed(data []byte) bool {
	switch string(data) {
	case "Array", "Object", "[object Object]":
		return true
	default:
		return false
	}
}

// place is what a field means.
type place int

const (
	placeName place = iota
	placeData
	placeID
	placeTime
	placeAggregate
	placeTo
	placeReplayOf
	placeTraceParent
	places
)

// spelling is a name under which a field is known: of several spellings the lowest rank wins.
type spelling struct {
	place place
	rank  int
}

var spellings = map[string]spelling{
	"event": {placeName, 0}, "event_name": {placeName, 1}, "type": {placeName, 2}, "ce_type": {placeName, 3},
	"data": {placeData, 0}, "payload": {placeData, 1},
	"event_id": {placeID, 0}, "ce_id": {placeID, 1}, "id": {placeID, 2},
	"timestamp": {placeTime, 0}, "created_at": {placeTime, 1}, "occurred_on": {placeTime, 2}, "time": {placeTime, 3},
	"aggregate_id": {placeAggregate, 0}, "key": {placeAggregate, 1}, "subject": {placeAggregate, 2},
	"to":          {placeTo, 0},
	"replay_of":   {placeReplayOf, 0},
	"traceparent": {placeTraceParent, 0},
}

// selection holds, for each place, the field that fills it, or nil.
type selection [places]*Field

// choose finds for each place the field with the best spelling, and among those of one spelling the first that says
// something: empty values are PHP's null and false.
func choose(fields []Field) selection {
	var chosen selection
	cloudEvent := slices.ContainsFunc(fields, isCloudEvent)
	for index := range fields {
		field := &fields[index]
		known, ok := spellings[field.Name]
		if !ok || !says(field.Value, known.place) || field.Name == "id" && !cloudEvent {
			continue
		}
		if best := chosen[known.place]; best == nil || known.rank < spellings[best.Name].rank {
			chosen[known.place] = field
		}
	}
	return chosen
}

// isCloudEvent tells whether field makes a bare `id` the event's: otherwise that is mostly the order's.
func isCloudEvent(field Field) bool {
	return field.Name == "specversion" || strings.HasPrefix(field.Name, "ce_")
}

// says tells whether value can fill the place; a timestamp that cannot be read stays a header.
func says(value string, at place) bool {
	switch at {
	case placeName, placeTo:
		return unquote(value) != ""
	case placeTime:
		_, ok := parseTime(value)
		return ok
	default:
		return value != ""
	}
}

func (s *selection) text(at place) string {
	if s[at] == nil {
		return ""
	}
	return s[at].Value
}

// facts is the event without Data and Headers.
func (s *selection) facts(id ID, unnamed string) Event {
	event := Event{
		Name:        unquote(s.text(placeName)),
		ID:          s.text(placeID),
		Data:        []byte("{}"),
		Time:        id.Time().UTC(),
		AggregateID: s.text(placeAggregate),
		To:          unquote(s.text(placeTo)),
		ReplayOf:    s.text(placeReplayOf),
		TraceParent: s.text(placeTraceParent),
	}
	if event.Name == "" {
		event.Name = unnamed
	}
	if event.ID == "" {
		event.ID = id.String()
	}
	if at, ok := parseTime(s.text(placeTime)); ok {
		event.Time = at
	}
	return event
}

func (s *selection) data() []byte {
	if s[placeData] == nil {
		return []byte("{}")
	}
	return []byte(s[placeData].Value)
}

// headers are the fields that fill no place: unknown ones, also empty, and those that lost to a better spelling. Of
// several with one name the first stays.
func (s *selection) headers(fields []Field) map[string]string {
	var headers map[string]string
	for index := range fields {
		field := &fields[index]
		if s.took(field) {
			continue
		}
		if _, double := headers[field.Name]; double {
			continue
		}
		if headers == nil {
			headers = make(map[string]string)
		}
		headers[field.Name] = field.Value
	}
	return headers
}

// took tells whether field, or a field of the same name, fills a place, or would if it were not empty.
func (s *selection) took(field *Field) bool {
	known, ok := spellings[field.Name]
	if !ok {
		return false
	}
	best := s[known.place]
	return field.Value == "" || best != nil && best.Name == field.Name
}

// unquote takes off what a serializer of phpredis puts around a string: SERIALIZER_PHP makes s:5:"ORDER"; of it and
// SERIALIZER_JSON "ORDER". It is for names alone; data stays as it was sent.
func unquote(value string) string {
	if inner, ok := unquotePHP(value); ok {
		return inner
	}
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return value
	}
	var inner string
	if json.Unmarshal([]byte(value), &inner) != nil {
		return value
	}
	return inner
}

// unquotePHP reads s:<bytes>:"<text>"; (PHP manual, serialize).
func unquotePHP(value string) (string, bool) {
	rest, isString := strings.CutPrefix(value, "s:")
	if !isString {
		return "", false
	}
	length, rest, _ := strings.Cut(rest, ":")
	inner, closed := strings.CutSuffix(rest, `";`)
	inner, opened := strings.CutPrefix(inner, `"`)
	if size, err := strconv.Atoi(length); err != nil || !opened || !closed || size != len(inner) {
		return "", false
	}
	return inner, true
}

// millisecondsFrom is where a number stops being seconds since 1970 and is milliseconds: the year 5138, or March 1973.
const millisecondsFrom = 100_000_000_000

// parseTime reads unix seconds (with a fraction, as PHP's microtime(true) has it), unix milliseconds, RFC 3339 and
// `Y-m-d H:i:s` in UTC. The year 1 that some languages send for "no time" is none.
func parseTime(text string) (time.Time, bool) {
	if text == "" || text[0] < '0' || text[0] > '9' || len(text) > 64 {
		return time.Time{}, false
	}
	if at, ok := parseUnix(text); ok {
		return at, true
	}
	for _, layout := range []string{time.RFC3339, time.DateTime} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), !at.IsZero()
		}
	}
	return time.Time{}, false
}

func parseUnix(text string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	number, err := parseDigits(whole)
	switch {
	case err != nil || number >= 1000*millisecondsFrom:
		return time.Time{}, false
	case number >= millisecondsFrom:
		return time.UnixMilli(int64(number)).UTC(), fraction == ""
	case fraction == "":
		return time.Unix(int64(number), 0).UTC(), true
	}
	nanoseconds, err := parseDigits((fraction + "000000000")[:9])
	return time.Unix(int64(number), int64(nanoseconds)).UTC(), err == nil
}
