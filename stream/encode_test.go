package stream

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// fullEvent uses every field.
func fullEvent() Event {
	return Event{
		Name: "NEW_ORDER_RECEIVED", ID: "order-1", Data: []byte(`{"order_id":1}`),
		Time:        time.Date(2025, 11, 21, 10, 0, 0, 123000000, time.FixedZone("", 8*3600)),
		AggregateID: "1", To: "printer", ReplayOf: "5-0", TraceParent: "00-ab-cd-01",
		Headers: map[string]string{"z": "last", "a": "first", "ce_source": "/shop"},
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	want := []Field{
		{"event", "NEW_ORDER_RECEIVED"},
		{"data", `{"order_id":1}`},
		{"event_id", "order-1"},
		{"timestamp", "2025-11-21T02:00:00.123Z"},
		{"aggregate_id", "1"},
		{"to", "printer"},
		{"replay_of", "5-0"},
		{"traceparent", "00-ab-cd-01"},
		{"a", "first"},
		{"ce_source", "/shop"},
		{"z", "last"},
	}
	if got := Encode(fullEvent()); !reflect.DeepEqual(got, want) {
		t.Errorf("Encode(%+v) = %q, want %q", fullEvent(), got, want)
	}
	if got := Encode(Event{Name: "E"}); !reflect.DeepEqual(got, []Field{{"event", "E"}}) {
		t.Errorf("Encode of a name alone = %q, want that field alone", got)
	}
}

func TestCheckEvent(t *testing.T) {
	t.Parallel()
	manyHeaders := map[string]string{}
	for i := range 1001 {
		manyHeaders[fmt.Sprint(i)] = "x"
	}
	tests := map[string]struct {
		change func(*Event)
		words  string // in the error; "" for none
	}{
		"everything":       {func(*Event) {}, ""},
		"longest name":     {func(e *Event) { e.Name = strings.Repeat("n", 256) }, ""},
		"Chinese name":     {func(e *Event) { e.Name = "订单创建" }, ""},
		"no time":          {func(e *Event) { e.Time = time.Time{} }, ""},
		"no name":          {func(e *Event) { e.Name = "" }, "no name"},
		"name too long":    {func(e *Event) { e.Name = strings.Repeat("n", 257) }, "at most 256"},
		"name with break":  {func(e *Event) { e.Name = "a\nb" }, "control characters"},
		"name not UTF-8":   {func(e *Event) { e.Name = "a\xff" }, "UTF-8"},
		"name in quotes":   {func(e *Event) { e.Name = `"E"` }, "quotes"},
		"destroyed data":   {func(e *Event) { e.Data = []byte("Array") }, "Array"},
		"year 10000":       {func(e *Event) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "year 10000"},
		"bad group":        {func(e *Event) { e.To = "a b" }, "to: group name"},
		"header event":     {func(e *Event) { e.Headers = map[string]string{"event": "x"} }, `header "event"`},
		"header subject":   {func(e *Event) { e.Headers = map[string]string{"subject": "x"} }, `header "subject"`},
		"too many headers": {func(e *Event) { e.Headers = manyHeaders }, "1001 headers"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event := fullEvent()
			test.change(&event)
			err := checkEvent(&event)
			if (err == nil) != (test.words == "") || err != nil && !strings.Contains(err.Error(), test.words) {
				t.Errorf("checkEvent(%+v) = %v, want an error with %q", event, err, test.words)
			}
		})
	}
}
