package stream

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// testID is an entry of 2025-11-21T02:13:20.123Z.
var testID = ID{Ms: 1763691200123, Seq: 4}

// entryOf makes an entry of names and values in turn.
func entryOf(pairs ...string) Entry {
	entry := Entry{ID: testID}
	for i := 0; i < len(pairs); i += 2 {
		entry.Fields = append(entry.Fields, Field{Name: pairs[i], Value: pairs[i+1]})
	}
	return entry
}

// decoded is the event that entryOf("event", "E") makes, changed.
func decoded(change func(*Event)) Event {
	event := Event{Name: "E", ID: testID.String(), Data: []byte("{}"), Time: testID.Time().UTC()}
	change(&event)
	return event
}

func TestDecode(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 11, 21, 2, 13, 20, 0, time.UTC)
	tests := map[string]struct {
		entry Entry
		want  Event
	}{
		"the whole protocol": {
			entryOf("event", "NEW_ORDER_RECEIVED", "data", `{"order_id":12345}`),
			decoded(func(e *Event) { e.Name, e.Data = "NEW_ORDER_RECEIVED", []byte(`{"order_id":12345}`) }),
		},
		"nothing but a name": {entryOf("event", "E"), decoded(func(*Event) {})},
		"every field": {
			entryOf("event", "E", "data", "x", "event_id", "i", "timestamp", "1763691200", "aggregate_id", "a",
				"to", "g", "replay_of", "1-2", "traceparent", "00-1", "color", "red"),
			Event{
				Name: "E", Data: []byte("x"), ID: "i", Time: at, AggregateID: "a", To: "g", ReplayOf: "1-2",
				TraceParent: "00-1", Headers: map[string]string{"color": "red"},
			},
		},
		"second spellings": {
			entryOf("event_name", "E", "payload", "x", "ce_id", "i", "created_at", "1763691200", "key", "a"),
			decoded(func(e *Event) { e.Data, e.ID, e.Time, e.AggregateID = []byte("x"), "i", at, "a" }),
		},
		"third spellings": {
			entryOf("type", "E", "id", "i", "specversion", "1.0", "occurred_on", "1763691200", "subject", "a"),
			decoded(func(e *Event) {
				e.ID, e.Time, e.AggregateID, e.Headers = "i", at, "a", map[string]string{"specversion": "1.0"}
			}),
		},
		"fourth spellings": {
			entryOf("ce_type", "E", "time", "1763691200"),
			decoded(func(e *Event) { e.Time = at }),
		},
		"losing spellings are headers, whatever the order": {
			entryOf("ce_type", "D", "type", "C", "event_name", "B", "event", "E", "payload", "y", "data", "x"),
			decoded(func(e *Event) {
				e.Data = []byte("x")
				e.Headers = map[string]string{"ce_type": "D", "type": "C", "event_name": "B", "payload": "y"}
			}),
		},
		"a bare id is the order's": {
			entryOf("event", "E", "id", "77"),
			decoded(func(e *Event) { e.Headers = map[string]string{"id": "77"} }),
		},
		"id beside a ce_ field is the event's": {
			entryOf("id", "77", "ce_type", "E", "ce_source", "/shop"),
			decoded(func(e *Event) { e.ID, e.Headers = "77", map[string]string{"ce_source": "/shop"} }),
		},
		"event_id goes before id": {
			entryOf("id", "77", "ce_type", "E", "event_id", "88"),
			decoded(func(e *Event) { e.ID, e.Headers = "88", map[string]string{"id": "77"} }),
		},
		"empty values are absent": {
			entryOf("event", "", "type", "E", "data", "", "payload", "x", "event_id", "", "timestamp", "", "to", ""),
			decoded(func(e *Event) { e.Data = []byte("x") }),
		},
		"an empty header stays": {
			entryOf("event", "E", "coupon", "", "", "nameless"),
			decoded(func(e *Event) { e.Headers = map[string]string{"coupon": "", "": "nameless"} }),
		},
		"of duplicates the first that says something": {
			entryOf("event", "", "event", "E", "event", "F", "h", "1", "h", "2"),
			decoded(func(e *Event) { e.Headers = map[string]string{"h": "1"} }),
		},
		"an unreadable timestamp is a header": {
			entryOf("event", "E", "timestamp", "yesterday"),
			decoded(func(e *Event) { e.Headers = map[string]string{"timestamp": "yesterday"} }),
		},
		"behind an unreadable timestamp a readable one": {
			entryOf("event", "E", "timestamp", "yesterday", "time", "1763691200"),
			decoded(func(e *Event) { e.Time, e.Headers = at, map[string]string{"timestamp": "yesterday"} }),
		},
		"any bytes": {
			entryOf("event", "订单创建 🚚", "data", "\x00\xff\r\n", "头", "\xfe"),
			decoded(func(e *Event) {
				e.Name, e.Data, e.Headers = "订单创建 🚚", []byte("\x00\xff\r\n"), map[string]string{"头": "\xfe"}
			}),
		},
		"an own name leaves JSON alone": {
			entryOf("event", "E", "data", `{"event":"F","data":1}`),
			decoded(func(e *Event) { e.Data = []byte(`{"event":"F","data":1}`) }),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Decode(test.entry, DecodeOptions{})
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("Decode(%q) = %+v, %v, want %+v", test.entry.Fields, got, err, test.want)
			}
		})
	}
}

func TestDecodeEnvelope(t *testing.T) {
	t.Parallel()
	whole := `{"type":"E","order_id":5,"subject":"s"}`
	tests := map[string]struct {
		entry Entry
		want  Event
	}{
		"data as an object": {
			entryOf("message", `{"event":"E","data":{"n": 1.50, "s":"订"}}`),
			decoded(func(e *Event) { e.Data = []byte(`{"n": 1.50, "s":"订"}`) }),
		},
		"payload as text in text": {
			entryOf("job", ` {"event_name":"E","payload":"{\"n\":1}"}`),
			decoded(func(e *Event) { e.Data = []byte(`{"n":1}`) }),
		},
		"data before payload": {
			entryOf("job", `{"event":"E","payload":2,"data":[1]}`),
			decoded(func(e *Event) { e.Data, e.Headers = []byte(`[1]`), map[string]string{"payload": "2"} }),
		},
		"no data inside": {
			entryOf("body", whole),
			decoded(func(e *Event) { e.Data, e.AggregateID = []byte(whole), "s" }),
		},
		"data that is null": {
			entryOf("body", `{"event":"E","data":null}`), decoded(func(*Event) {}),
		},
		"facts inside": {
			entryOf("m", `{"ce_type":"E","data":1,"id":99,"time":"2025-11-21T02:13:20Z","key":"k","v":true,"o":{"a":1}}`),
			decoded(func(e *Event) {
				e.Data, e.ID, e.AggregateID = []byte("1"), "99", "k"
				e.Time = time.Date(2025, 11, 21, 2, 13, 20, 0, time.UTC)
				e.Headers = map[string]string{"v": "true", "o": `{"a":1}`}
			}),
		},
		"facts that are no text are passed over": {
			entryOf("m", `{"event":"E","type":5,"data":1,"event_id":null,"key":{"a":1},"time":[2]}`),
			decoded(func(e *Event) { e.Data = []byte("1") }),
		},
		"a mail address is no recipient": {
			entryOf("m", `{"event":"E","to":"bob@example.com","data":1}`),
			decoded(func(e *Event) { e.Data = []byte("1") }),
		},
		"fields beside it": {
			entryOf("to", "g", "m", `{"event":"E","data":1}`, "trace", "t", "traceparent", "p"),
			decoded(func(e *Event) {
				e.Data, e.To, e.TraceParent, e.Headers = []byte("1"), "g", "p", map[string]string{"trace": "t"}
			}),
		},
		"in the field data": {
			entryOf("data", `{"event":"E","payload":{"a":1}}`),
			decoded(func(e *Event) { e.Data = []byte(`{"a":1}`) }),
		},
		"another object without a name": {
			entryOf("meta", `{"a":1}`, "m", `{"event":"E","data":1}`),
			decoded(func(e *Event) { e.Data, e.Headers = []byte("1"), map[string]string{"meta": `{"a":1}`} }),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Decode(test.entry, DecodeOptions{})
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("Decode(%q) = %+v, %v, want %+v", test.entry.Fields, got, err, test.want)
			}
		})
	}
}

// TestDecodeClients holds the bytes that phpredis 5.3.7, Predis 1.1.10, ioredis 6 and redis-py 4.3 put into a stream.
func TestDecodeClients(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		entry  Entry
		name   string
		data   string
		header string // the header h
		reason string
	}{
		"phpredis json_encode":           {entryOf("event", "E", "data", `{"name":"\u738b"}`), "E", `{"name":"\u738b"}`, "", ""},
		"phpredis JSON_UNESCAPED":        {entryOf("event", "E", "data", `{"name":"王"}`), "E", `{"name":"王"}`, "", ""},
		"phpredis nested array":          {entryOf("event", "E", "data", "Array"), "E", "Array", "", DeadDataDestroyed},
		"phpredis object":                {entryOf("event", "E", "data", "Object"), "E", "Object", "", DeadDataDestroyed},
		"ioredis object":                 {entryOf("event", "E", "data", "[object Object]"), "E", "[object Object]", "", DeadDataDestroyed},
		"a text that holds the word":     {entryOf("event", "E", "data", "Array\n"), "E", "Array\n", "", ""},
		"the word in a header":           {entryOf("event", "E", "h", "Array"), "E", "{}", "Array", ""},
		"phpredis true, false, null":     {entryOf("event", "E", "h", "1", "data", ""), "E", "{}", "1", ""},
		"phpredis float":                 {entryOf("event", "E", "data", "1.0E+25"), "E", "1.0E+25", "", ""},
		"ioredis float":                  {entryOf("event", "E", "data", "0.30000000000000004"), "E", "0.30000000000000004", "", ""},
		"SERIALIZER_PHP text":            {entryOf("event", `s:1:"E";`, "data", `s:7:"{"a":1}";`), "E", `s:7:"{"a":1}";`, "", ""},
		"SERIALIZER_PHP array":           {entryOf("event", `s:1:"E";`, "data", `a:1:{i:0;i:1;}`), "E", `a:1:{i:0;i:1;}`, "", ""},
		"SERIALIZER_PHP in bytes":        {entryOf("event", `s:6:"订单";`), "订单", "{}", "", ""},
		"SERIALIZER_PHP wrong length":    {entryOf("event", `s:9:"E";`), `s:9:"E";`, "{}", "", ""},
		"SERIALIZER_JSON text":           {entryOf("event", `"E"`, "data", `"{\"a\":1}"`), "E", `"{\"a\":1}"`, "", ""},
		"SERIALIZER_JSON escapes":        {entryOf("event", `"\u8ba2\u5355"`), "订单", "{}", "", ""},
		"SERIALIZER_JSON empty name":     {entryOf("event", `""`), "", "{}", "", DeadUndecodable},
		"a quote that is not closed":     {entryOf("event", `"E`), `"E`, "{}", "", ""},
		"igbinary data":                  {entryOf("event", "E", "data", "\x00\x00\x00\x02\x14\x01"), "E", "\x00\x00\x00\x02\x14\x01", "", ""},
		"a PHP list":                     {entryOf("0", "a", "1", "b"), "", "{}", "", DeadUndecodable},
		"ioredis array, shifted":         {entryOf("items", "a", "b", "c"), "", "{}", "", DeadUndecodable},
		"no name, JSON without a name":   {entryOf("data", `{"order_id":1}`), "", `{"order_id":1}`, "", DeadUndecodable},
		"no name, two envelopes":         {entryOf("a", `{"event":"E"}`, "b", `{"event":"F"}`), "", "{}", "", DeadUndecodable},
		"no name, a number for one":      {entryOf("a", `{"event":5}`), "", "{}", "", DeadUndecodable},
		"no name, broken JSON":           {entryOf("a", `{"event":"E"`), "", "{}", "", DeadUndecodable},
		"no name, a name in an array":    {entryOf("a", `[{"event":"E"}]`), "", "{}", "", DeadUndecodable},
		"no name, the recipient's field": {entryOf("to", `{"event":"E"}`), "", "{}", "", DeadUndecodable},
		"no fields":                      {entryOf(), "", "{}", "", DeadUndecodable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Decode(test.entry, DecodeOptions{})
			if got.Name != test.name || string(got.Data) != test.data || got.Headers["h"] != test.header {
				t.Errorf("Decode(%q) = %q with data %q and header %q, want %q, %q, %q", test.entry.Fields,
					got.Name, got.Data, got.Headers["h"], test.name, test.data, test.header)
			}
			checkReason(t, err, test.reason)
		})
	}
}

func checkReason(t *testing.T, err error, want string) {
	t.Helper()
	var fault *DecodeError
	switch {
	case want == "" && err != nil:
		t.Errorf("Decode: error %v, want none", err)
	case want != "" && !errors.As(err, &fault):
		t.Errorf("Decode: error %v, want a *DecodeError with reason %s", err, want)
	case want != "" && fault.Reason != want:
		t.Errorf("Decode: reason %s, want %s", fault.Reason, want)
	}
}

func TestDecodeUnnamed(t *testing.T) {
	t.Parallel()
	options := DecodeOptions{Unnamed: "orders.created"}
	tests := map[string]struct {
		entry Entry
		want  string
	}{
		"bare fields":         {entryOf("order_id", "5"), "orders.created"},
		"a name of its own":   {entryOf("event", "E"), "E"},
		"a name in JSON":      {entryOf("body", `{"type":"E"}`), "E"},
		"JSON without a name": {entryOf("body", `{"order_id":5}`), "orders.created"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := Decode(test.entry, options); got.Name != test.want || err != nil {
				t.Errorf("Decode(%q, %+v) = %q, %v, want %q", test.entry.Fields, options, got.Name, err, test.want)
			}
		})
	}
}

func TestDecodeTooLarge(t *testing.T) {
	t.Parallel()
	bulk := strings.Repeat("x", 100)
	envelope := `{"event":"E","data":"` + bulk + `"}`
	tests := map[string]struct {
		entry   Entry
		unnamed string
		name    string
		reason  string
	}{
		"exactly the limit":          {entryOf("event", "E", "data", bulk[:90]), "", "E", ""},
		"one byte more":              {entryOf("event", "E", "data", bulk[:91]), "", "E", DeadTooLarge},
		"many headers":               {entryOf("event", "E", "h", bulk), "", "E", DeadTooLarge},
		"name unknown":               {entryOf("h", bulk), "", "", DeadUndecodable},
		"name in JSON is not sought": {entryOf("h", envelope), "", "", DeadUndecodable},
		"name from the handler":      {entryOf("h", envelope), "U", "U", DeadTooLarge},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Decode(test.entry, DecodeOptions{MaxBytes: 100, Unnamed: test.unnamed})
			if got.Name != test.name || got.Data == nil || got.ID != testID.String() {
				t.Errorf("Decode(%q) = %+v, want the name %q, data and the entry's ID", test.entry.Fields, got, test.name)
			}
			checkReason(t, err, test.reason)
		})
	}
}

func TestDecodeErrorTellsTheProducer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		entry Entry
		words []string
	}{
		"undecodable": {entryOf("a", "SECRET"), []string{"undecodable", "`event`", "XADD"}},
		"too large":   {entryOf("event", "E", "data", strings.Repeat("SECRET", 20)), []string{"too_large", "reference"}},
		"destroyed":   {entryOf("event", "E", "data", "Array"), []string{"data_destroyed", "json_encode", "JSON.stringify"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Decode(test.entry, DecodeOptions{MaxBytes: 50})
			for _, word := range test.words {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("Decode(%q): error %v, want one with %q", test.entry.Fields, err, word)
				}
			}
			if err != nil && strings.Contains(err.Error(), "SECRET") {
				t.Errorf("Decode(%q): error %v repeats the data", test.entry.Fields, err)
			}
		})
	}
}

func TestRecipient(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		entry Entry
		want  string
	}{
		"none":           {entryOf("event", "E"), ""},
		"empty":          {entryOf("to", ""), ""},
		"one":            {entryOf("data", "x", "to", "printer"), "printer"},
		"two":            {entryOf("to", "", "to", "printer", "to", "other"), "printer"},
		"JSON quotes":    {entryOf("to", `"printer"`), "printer"},
		"PHP quotes":     {entryOf("to", `s:7:"printer";`), "printer"},
		"quoted nothing": {entryOf("to", `""`), ""},
		"in an envelope": {entryOf("m", `{"event":"E","to":"printer"}`), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Recipient(test.entry); got != test.want {
				t.Errorf("Recipient(%q) = %q, want %q", test.entry.Fields, got, test.want)
			}
		})
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 11, 21, 2, 13, 20, 0, time.UTC)
	tests := map[string]time.Time{
		"1763691200":                at,
		"1763691200123":             at.Add(123 * time.Millisecond),
		"1763691200.25":             at.Add(250 * time.Millisecond),
		"1763691200.123456789123":   at.Add(123456789),
		"2025-11-21T02:13:20Z":      at,
		"2025-11-21T10:13:20+08:00": at,
		"2025-11-21T02:13:20.5Z":    at.Add(time.Second / 2),
		"2025-11-21 02:13:20":       at,
		"99999999999":               time.Unix(99999999999, 0),
		"100000000000":              time.UnixMilli(100000000000),
		"0":                         time.Unix(0, 0),
		"":                          {},
		"-5":                        {},
		"now":                       {},
		"1763691200123456":          {},
		"1763691200123.5":           {},
		"1763691200.x":              {},
		"99999999999999999999999":   {},
		"2025-11-21":                {},
		"2025-11-21T02:13:20":       {},
		"2025-13-41 02:13:20":       {},
		"0000-00-00 00:00:00":       {},
		"0001-01-01T00:00:00Z":      {},
	}
	for text, want := range tests {
		if got, ok := parseTime(text); !got.Equal(want) || ok == want.IsZero() {
			t.Errorf("parseTime(%q) = %v, %t, want %v", text, got, ok, want)
		}
	}
}

// TestDataCanBeChanged changes every byte of the data of entries that stand in a reply, also where the data comes out of
// an envelope: Go keeps texts of one byte where nobody may write.
func TestDataCanBeChanged(t *testing.T) {
	t.Parallel()
	entries := map[string][]Field{
		"field":    {{Name: "event", Value: "X"}, {Name: "data", Value: textOf([]byte("12"))}},
		"envelope": {{Name: "message", Value: `{"event":"X","data":5}`}},
		"text":     {{Name: "message", Value: `{"event":"X","data":"a"}`}},
		"whole":    {{Name: "message", Value: `{"event":"X"}`}},
		"none":     {{Name: "event", Value: "X"}},
	}
	for name, fields := range entries {
		event, err := Decode(Entry{ID: ID{Ms: 1}, Fields: fields, lasting: true}, DecodeOptions{})
		if err != nil {
			t.Errorf("%s: Decode: %v", name, err)
		}
		for i := range event.Data {
			event.Data[i] = 'x'
		}
		_ = append(event.Data, 'y')
	}
}
