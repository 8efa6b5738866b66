package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// fieldsOf makes fields of any bytes: a length in two bytes and that many bytes, for names and values in turn.
func fieldsOf(raw []byte) []Field {
	var parts []string
	for len(raw) >= 2 {
		size := min(int(binary.BigEndian.Uint16(raw)), len(raw)-2)
		parts = append(parts, string(raw[2:2+size]))
		raw = raw[2+size:]
	}
	var fields []Field
	for i := 0; i+1 < len(parts); i += 2 {
		fields = append(fields, Field{parts[i], parts[i+1]})
	}
	return fields
}

// rawOf is the other way round.
func rawOf(pairs ...string) []byte {
	var raw []byte
	for _, part := range pairs {
		raw = binary.BigEndian.AppendUint16(raw, uint16(len(part)))
		raw = append(raw, part...)
	}
	return raw
}

func FuzzDecode(f *testing.F) {
	for _, seed := range [][]string{
		{"event", "NEW_ORDER_RECEIVED", "data", `{"order_id":12345}`},
		{"event_name", "E", "payload", "Array", "created_at", "2025-11-21 02:13:20", "to", `s:1:"g";`},
		{"type", `"E"`, "data", "[object Object]", "id", "1", "specversion", "1.0", "time", "1763691200.5"},
		{"ce_type", "E", "ce_id", "1", "ce_time", "2025-11-21T02:13:20Z", "timestamp", "9999999999999"},
		{"message", `{"event":"E","data":{"a":[1,2]},"event_id":7,"key":null,"to":"x"}`, "to", "g"},
		{"message", `{"type":"E","payload":"{\"a\":1}","timestamp":1763691200123}`},
		{"a", `{"event":"E"}`, "b", `{"event":"F"}`},
		{"data", strings.Repeat(`{"event":`, 500) + `"E"` + strings.Repeat("}", 500)},
		{"", "", "event", "", "event", "\x00\xff", "data", "\xff\x00"},
	} {
		f.Add(rawOf(seed...), "", uint16(0))
		f.Add(rawOf(seed...), "unnamed", uint16(40))
	}
	f.Fuzz(func(t *testing.T, raw []byte, unnamed string, limit uint16) {
		entry := Entry{ID: testID, Fields: fieldsOf(raw)}
		options := DecodeOptions{Unnamed: unnamed, MaxBytes: int(limit)}
		event, err := Decode(entry, options)
		checkDecoded(t, entry, &event, err)
		checkDecoder(t, entry, options, &event, err)
	})
}

// checkDecoder checks that a Decoder says what Decode does, whatever becomes of the events beside this one, and whatever was
// in the event before.
func checkDecoder(t *testing.T, entry Entry, options DecodeOptions, want *Event, wantErr error) {
	t.Helper()
	decoder := Decoder{DecodeOptions: options}
	events := make([]Event, 3)
	for i := range events {
		events[i].Headers = map[string]string{"of": "another"}
		if err := decoder.Decode(entry, &events[i]); !reflect.DeepEqual(err, wantErr) {
			t.Errorf("Decoder on %q: error %v, want %v", entry.Fields, err, wantErr)
		}
	}
	for _, other := range []int{0, 2} {
		clear(events[other].Data)
		_ = append(events[other].Data, "more"...)
	}
	if !reflect.DeepEqual(&events[1], want) {
		t.Errorf("Decoder on %q: got %+v, want %+v", entry.Fields, events[1], *want)
	}
}

// checkDecoded checks what holds for every entry, however malformed.
func checkDecoded(t *testing.T, entry Entry, event *Event, err error) {
	t.Helper()
	var fault *DecodeError
	if err != nil && !errors.As(err, &fault) {
		t.Fatalf("Decode(%q): error %v is no *DecodeError", entry.Fields, err)
	}
	if nameless, undecodable := event.Name == "", fault != nil && fault.Reason == DeadUndecodable; nameless != undecodable {
		t.Errorf("Decode(%q) = name %q with error %v: undecodable and nameless must be the same", entry.Fields, event.Name, err)
	}
	if event.ID == "" || event.Data == nil || event.Time.IsZero() {
		t.Errorf("Decode(%q) = %+v: ID, Data and Time must always be there", entry.Fields, event)
	}
	if to := Recipient(entry); to != event.To {
		t.Errorf("Decode(%q): To %q, Recipient %q", entry.Fields, event.To, to)
	}
	if entry.Get("event") != "" && entry.Get("data") != "" && (fault == nil || fault.Reason == DeadDataDestroyed) &&
		unquote(entry.Get("event")) == event.Name && string(event.Data) != entry.Get("data") {
		t.Errorf("Decode(%q): data %q, want the bytes that were sent", entry.Fields, event.Data)
	}
	for name, value := range event.Headers {
		if !sent(entry, name, value) && !bytes.ContainsRune([]byte(joinValues(entry)), '{') {
			t.Errorf("Decode(%q): header %q is %q, which nobody sent", entry.Fields, name, value)
		}
	}
}

func sent(entry Entry, name, value string) bool {
	for _, field := range entry.Fields {
		if field.Name == name && field.Value == value {
			return true
		}
	}
	return false
}

func joinValues(entry Entry) string {
	var all strings.Builder
	for _, field := range entry.Fields {
		all.WriteString(field.Value)
	}
	return all.String()
}

// FuzzParseRead has the library read the same bytes, and cuts them in other places. Where there is no error there must be
// the same deliveries, and no reply that Redis makes may be refused.
func FuzzParseRead(f *testing.F) {
	whole := frameOf("5-7", "event", "E", "data", "{}")
	for _, seed := range []string{
		whole, string(orderFrame(3)), "*-1\r\n", "$-1\r\n", "*0\r\n", "+OK\r\n", "-NOGROUP no\r\n", ":1\r\n", "_\r\n",
		frameOf("5-7"), frameOf("5"), frameOf("x"), frameOf("5-7", "event"), frameOf("5-7", "", "", "\r\n", "\x00"),
		strings.Replace(frameOf("5-7"), "*0", "*-1", 1), strings.Replace(whole, "$1\r\nE", "$-1", 1),
		strings.Replace(whole, "$5", "$4", 1), strings.Replace(whole, "$5", "$6", 1), strings.Replace(whole, "$5", "$999999999", 1),
		strings.Replace(whole, "*1", "*999999999", 2), whole + whole, whole[:len(whole)-1], strings.Repeat("*1\r\n", 99),
	} {
		f.Add([]byte(seed), uint8(7))
	}
	f.Fuzz(func(t *testing.T, raw []byte, size uint8) {
		if !fitsMemory(raw) {
			return
		}
		got, err := scriptedGroup(t, string(raw)).Read(t.Context(), 10, 0)
		want, typedErr := scriptedGroup(t, string(raw)).readTyped(t.Context())
		if err == nil && (typedErr != nil || !sameDeliveries(got, want)) {
			t.Errorf("%q: got %v, want %v, %v", raw, got, want, typedErr)
		}
		if pieces, piecesErr := readInPieces(&inPieces{raw, int(size)}); err == nil && got != nil &&
			(piecesErr != nil || !sameDeliveries(pieces, got)) {
			t.Errorf("%q in pieces of %d: got %v, %v, want %v", raw, size, pieces, piecesErr, got)
		}
		fields := fieldsOf(raw)
		canonical := frameOf("5-7", flat(fields)...)
		deliveries, err := readInPieces(&inPieces{[]byte(canonical), int(size)})
		if err != nil || len(deliveries) != 1 || !slices.Equal(deliveries[0].Fields, fields) {
			t.Errorf("%q: got %v, %v", canonical, deliveries, err)
		}
	})
}

// FuzzReadRoom has the same entries come as a whole and byte by byte, with room for a part of them: what of an entry is kept
// must not depend on how it came.
func FuzzReadRoom(f *testing.F) {
	order := rawOf("event", "E", "data", strings.Repeat("x", 300))
	for _, size := range []uint16{0, 310, 311, 312, 622, 623, 1000} {
		f.Add(order, size, uint16(1000))
		f.Add(order, uint16(1000), size)
	}
	f.Fuzz(func(t *testing.T, raw []byte, most, largest uint16) {
		fields := flat(fieldsOf(raw))
		frame := replyOf(entryFrame("5-1", fields...), entryFrame("5-2"), entryFrame("5-3", fields...), entryFrame("5-4", fields...))
		read := func(source io.Reader) *readReply {
			reply := &readReply{most: int(most), largest: int(largest)}
			if _, err := readFrom(reply, source); err != nil {
				t.Errorf("%q: %v", frame, err)
			}
			return reply
		}
		whole, bytes := read(strings.NewReader(frame)), read(&inPieces{[]byte(frame), 0})
		if whole.kept != bytes.kept || whole.most != bytes.most || !slices.EqualFunc(whole.deliveries, bytes.deliveries, func(a, b Delivery) bool {
			return a.ID == b.ID && slices.Equal(a.Fields, b.Fields) && a.unread == b.unread && a.lasting == b.lasting
		}) {
			t.Errorf("room for %d bytes, %d of one entry: %d kept, byte by byte %d:\n%v\n%v",
				most, largest, whole.kept, bytes.kept, whole.deliveries, bytes.deliveries)
		}
	})
}

// fitsMemory tells whether the library can be given raw: it sets memory aside for whatever length a reply claims.
func fitsMemory(raw []byte) bool {
	digits := 0
	for _, b := range raw {
		if digits++; b < '0' || b > '9' {
			digits = 0
		}
		if digits > 5 {
			return false
		}
	}
	return true
}

func sameDeliveries(a, b []Delivery) bool {
	return slices.EqualFunc(a, b, func(a, b Delivery) bool {
		return a.ID == b.ID && slices.Equal(a.Fields, b.Fields) && a.Deliveries == b.Deliveries
	})
}

func flat(fields []Field) (words []string) {
	for _, field := range fields {
		words = append(words, field.Name, field.Value)
	}
	return words
}

// inPieces gives bytes in pieces of the size.
type inPieces struct {
	rest []byte
	size int
}

func (p *inPieces) Read(into []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	read := copy(into, p.rest[:min(len(p.rest), 1+p.size)])
	p.rest = p.rest[read:]
	return read, nil
}

func FuzzEncodeDecode(f *testing.F) {
	f.Add("NEW_ORDER_RECEIVED", "order-1", []byte(`{"a":1}`), int64(1763691200123456789), "1", "g", "5-0", "00-ab", "k", "v")
	f.Add("订单", "\xff\x00", []byte("\x00\xff"), int64(0), "", "", "", "", "", "")
	f.Add("E", "s:1:\"x\";", []byte(`"quoted"`), int64(-1), "a", "g", "x", "y", "ce_source", "Array")
	f.Add("E", "1", []byte("Array"), int64(1), "", "a b", "", "", "event", "F")
	f.Fuzz(func(t *testing.T, name, id string, data []byte, nanoseconds int64, aggregate, to, replay, trace, header, value string) {
		event := Event{
			Name: name, ID: id, Data: data, Time: time.Unix(0, nanoseconds).UTC(), AggregateID: aggregate, To: to,
			ReplayOf: replay, TraceParent: trace, Headers: map[string]string{header: value},
		}
		if id == "" || len(data) == 0 || checkEvent(&event) != nil {
			return
		}
		got, err := Decode(Entry{ID: testID, Fields: Encode(event)}, DecodeOptions{})
		if err != nil || !reflect.DeepEqual(got, event) {
			t.Errorf("Decode(Encode(%+v)) = %+v, %v", event, got, err)
		}
	})
}

// TestDecodeBombs bounds what hostile JSON may cost: below what a lease could notice on a busy machine under the race
// detector, and far below what anything quadratic takes.
func TestDecodeBombs(t *testing.T) {
	const size = 5 << 20
	tests := map[string]string{
		"deep objects":  strings.Repeat(`{"a":`, size/5),
		"deep arrays":   `{"event":` + strings.Repeat("[", size),
		"closed arrays": `{"event":` + strings.Repeat("[", size/2) + strings.Repeat("]", size/2) + "}",
		"many members":  `{` + strings.Repeat(`"k":1,`, size/6) + `"event":"E"}`,
		"one long text": `{"event":"` + strings.Repeat("x", size) + `"}`,
		"escapes":       `{"event":"E","data":"` + strings.Repeat(`\u0000`, size/6) + `"}`,
		"a long number": `{"event":"E","data":` + strings.Repeat("9", size) + `}`,
		"quoted name":   `"` + strings.Repeat(`\u0000`, size/6) + `"`,
	}
	for name, bomb := range tests {
		t.Run(name, func(t *testing.T) {
			for _, field := range []string{"event", "data", "timestamp", "to"} {
				entry := entryOf(field, bomb)
				start := time.Now()
				event, err := Decode(entry, DecodeOptions{})
				if took := time.Since(start); took > 10*time.Second {
					t.Errorf("Decode of %d bytes in the field %s took %v, want at most 10s", len(bomb), field, took)
				}
				checkDecoded(t, entry, &event, err)
			}
			start := time.Now()
			_, err := Decode(entryOf("data", bomb), DecodeOptions{MaxBytes: 1 << 20})
			if took := time.Since(start); took > time.Second || err == nil {
				t.Errorf("Decode above the limit took %v with error %v, want next to nothing and an error", took, err)
			}
		})
	}
}
