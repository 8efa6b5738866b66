package stream

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// DecodeOptions says how a group reads entries.
type DecodeOptions struct {
	// Unnamed is the name that entries without one get; empty means that they are undecodable.
	Unnamed string
	// MaxBytes is the largest Size of an entry that is handed to a handler; 0 means no limit. What follows such an entry or
	// repeats it may be larger by what it says of itself.
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
	for index := range entry.Fields {
		if field := &entry.Fields[index]; field.Name == "to" && field.Value != "" {
			if group := unquote(field.Value); group != "" {
				return group
			}
		}
	}
	return ""
}

// Decode reads what an entry says. Its error is always a *DecodeError, and beside it stands the event as far as it could
// be read: without Name where the reason is DeadUndecodable, without Data and Headers where it is DeadTooLarge. Data
// and headers are the bytes that were sent. The event has memory of its own; only that of a large entry which Group.Read
// has brought shares it with the entry, whose field changes with Data.
func Decode(entry Entry, options DecodeOptions) (Event, error) {
	var event Event
	lasting, err := options.decode(&entry, &event)
	if !lasting {
		event.moveTo(make([]byte, 0, event.textBytes()))
	}
	return event, err
}

// decode writes what an entry says to event. lasting tells that its texts may stay where they are.
func (o DecodeOptions) decode(entry *Entry, event *Event) (lasting bool, err error) {
	large := isLarge(entry, o.MaxBytes)
	fields, lasting := entry.Fields, entry.lasting
	var selected selection
	selected.choose(fields)
	if selected.chosen[placeName] == 0 && !large { // no JSON is parsed before the size is known to be bearable
		if unwrapped, ok := unwrap(fields); ok {
			fields, lasting = unwrapped, false
			selected.choose(fields)
		}
	}
	selected.facts(entry.ID, o.Unnamed, event)
	if large {
		event.Data, event.Headers = []byte("{}"), nil
	} else {
		event.Data = selected.data()
		event.Headers = selected.headers()
	}
	return lasting, faultOf(event, large)
}

// mostSaid is how many bytes a follow-up or a repetition has at most beside those of the entry that it is made of. The longest
// of them are a dead letter's error, two names and an ID.
const mostSaid = 4 << 10

// isLarge tells whether an entry has more bytes than most, where that is above 0. An event that could be handled can be so when
// it is requeued, and so can what follows it.
func isLarge(entry *Entry, most int) bool {
	size := entry.Size()
	if most <= 0 || size <= most {
		return false
	}
	madeOfAnother := func(field Field) bool { return field.Name == "replay_of" || field.Name == "causation_entry" }
	return size-mostSaid > most || !slices.ContainsFunc(entry.Fields, madeOfAnother)
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

// spellingOf tells what a field called name means, if anything.
func spellingOf(name string) (spelling, bool) {
	switch name {
	case "event":
		return spelling{placeName, 0}, true
	case "event_name":
		return spelling{placeName, 1}, true
	case "type":
		return spelling{placeName, 2}, true
	case "ce_type":
		return spelling{placeName, 3}, true
	case "data":
		return spelling{placeData, 0}, true
	case "payload":
		return spelling{placeData, 1}, true
	case "event_id":
		return spelling{placeID, 0}, true
	case "ce_id":
		return spelling{placeID, 1}, true
	case "id":
		return spelling{placeID, 2}, true
	case "timestamp":
		return spelling{placeTime, 0}, true
	case "created_at":
		return spelling{placeTime, 1}, true
	case "occurred_on":
		return spelling{placeTime, 2}, true
	case "time":
		return spelling{placeTime, 3}, true
	case "aggregate_id":
		return spelling{placeAggregate, 0}, true
	case "key":
		return spelling{placeAggregate, 1}, true
	case "subject":
		return spelling{placeAggregate, 2}, true
	case "to":
		return spelling{placeTo, 0}, true
	case "replay_of":
		return spelling{placeReplayOf, 0}, true
	case "traceparent":
		return spelling{placeTraceParent, 0}, true
	default:
		return spelling{}, false
	}
}

// selection holds, for each place, which of the fields fills it, counted from 1, or 0, and the rank of its spelling.
type selection struct {
	fields []Field
	chosen [places]int
	ranks  [places]int
	time   time.Time
}

// choose finds for each place the field with the best spelling, and among those of one spelling the first that says
// something: empty values are PHP's null and false.
func (s *selection) choose(fields []Field) {
	*s = selection{fields: fields}
	cloudEvent := false
	for index := range fields {
		field := &fields[index]
		cloudEvent = cloudEvent || isCloudEvent(field.Name)
		known, ok := spellingOf(field.Name)
		if ok && field.Value != "" && s.wants(known) {
			s.offer(index, known)
		}
	}
	if id := s.field(placeID); id != nil && id.Name == "id" && !cloudEvent {
		s.chosen[placeID] = 0 // the order's
	}
}

// field is what fills the place, or nil.
func (s *selection) field(at place) *Field {
	if s.chosen[at] == 0 {
		return nil
	}
	return &s.fields[s.chosen[at]-1]
}

// wants tells whether the place is free or filled by a worse spelling.
func (s *selection) wants(known spelling) bool {
	return s.chosen[known.place] == 0 || known.rank < s.ranks[known.place]
}

// offer puts a field in its place, if its value can fill it; a timestamp that cannot be read stays a header.
func (s *selection) offer(index int, known spelling) {
	value := s.fields[index].Value
	switch known.place {
	case placeName, placeTo:
		if unquote(value) == "" {
			return
		}
	case placeTime:
		at, ok := parseTime(value)
		if !ok {
			return
		}
		s.time = at
	default:
	}
	s.chosen[known.place], s.ranks[known.place] = index+1, known.rank
}

// isCloudEvent tells whether a field called name makes a bare `id` the event's: otherwise that is mostly the order's.
func isCloudEvent(name string) bool {
	return name == "specversion" || strings.HasPrefix(name, "ce_")
}

func (s *selection) text(at place) string {
	if field := s.field(at); field != nil {
		return field.Value
	}
	return ""
}

// facts writes the event without Data and Headers.
func (s *selection) facts(id ID, unnamed string, event *Event) {
	event.Name = unquote(s.text(placeName))
	event.ID = s.text(placeID)
	event.Time = s.time
	event.AggregateID = s.text(placeAggregate)
	event.To = unquote(s.text(placeTo))
	event.ReplayOf = s.text(placeReplayOf)
	event.TraceParent = s.text(placeTraceParent)
	if event.Name == "" {
		event.Name = unnamed
	}
	if event.ID == "" {
		event.ID = id.String()
	}
	if s.chosen[placeTime] == 0 {
		event.Time = id.Time().UTC()
	}
}

// data is the payload, as a part of the field that holds it, with nothing of the field behind it to append to.
func (s *selection) data() []byte {
	value := s.text(placeData)
	if value == "" {
		return []byte("{}")
	}
	return unsafe.Slice(unsafe.StringData(value), len(value))
}

// headers are the fields that fill no place: unknown ones, also empty, and those that lost to a better spelling. Of
// several with one name the first stays.
func (s *selection) headers() map[string]string {
	if s.filled() == len(s.fields) {
		return nil
	}
	var headers map[string]string
	for index := range s.fields {
		field := &s.fields[index]
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

// filled is how many places are.
func (s *selection) filled() int {
	count := 0
	for _, field := range s.chosen {
		if field != 0 {
			count++
		}
	}
	return count
}

// took tells whether field, or a field of the same name, fills a place, or would if it were not empty.
func (s *selection) took(field *Field) bool {
	known, ok := spellingOf(field.Name)
	if !ok {
		return false
	}
	best := s.field(known.place)
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
