package remote_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote"
	"github.com/millrace/millrace/stream"
)

func delivery() *consumers.Delivery {
	return &consumers.Delivery{
		Event: stream.Event{
			Name: "NEW_ORDER_RECEIVED", ID: "order-12345", Data: []byte(`{"order_id":12345}`),
			Time: time.Date(2026, 1, 31, 8, 0, 0, 250_000_000, time.FixedZone("", 3600)),
		},
		Group: "points", Deliveries: 2,
	}
}

// sent is the headers of a delivery, one a line.
func sent(delivery *consumers.Delivery) []string {
	lines := []string{}
	for _, header := range remote.Headers(delivery, "") {
		lines = append(lines, header.Name+": "+header.Value)
	}
	return lines
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	event := delivery()
	event.AggregateID = `a "5 %"`
	event.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	event.Headers = map[string]string{
		"tracestate": "shop=1", "region": "Köln", "ce_region": "Zürich", "ce_dataschema": "https://shop.example/order.json",
		"user_id": "7", "Region": "no", "id": "9", "specversion": "0.3", "ce_time": "never", "data": "x",
		"abcdefghijklmnopqrst": "20", "abcdefghijklmnopqrstu": "21", "": "none", "large": strings.Repeat("x", 1025), "a b": "c",
	}
	want := []string{
		"Content-Type: application/json",
		"Idempotency-Key: points:order-12345",
		"Millrace-Deliveries: 2",
		"ce-specversion: 1.0",
		"ce-id: order-12345",
		"ce-source: /millrace",
		"ce-type: NEW_ORDER_RECEIVED",
		"ce-time: 2026-01-31T07:00:00.25Z",
		"ce-subject: a%20%225%20%25%22",
		"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"tracestate: shop=1",
		"ce-abcdefghijklmnopqrst: 20",
		"ce-dataschema: https://shop.example/order.json",
		"ce-region: Z%C3%BCrich",
	}
	if got := sent(event); !slices.Equal(got, want) {
		t.Errorf("Headers:\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestHeadersOfOddEvents(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		change     func(*consumers.Delivery)
		have, lack string
	}{
		{"own source", func(d *consumers.Delivery) { d.Headers = map[string]string{"ce_source": "/shops/3"} }, "ce-source: /shops/3", "ce-source: /millrace"},
		{"no time", func(d *consumers.Delivery) { d.Time = time.Time{} }, "ce-specversion: 1.0", "ce-time"},
		{"a far time", func(d *consumers.Delivery) { d.Time = time.Unix(1<<40, 0) }, "ce-specversion: 1.0", "ce-time"},
		{"line breaks", func(d *consumers.Delivery) { d.ID = "a\r\nce-x: 1" }, "Idempotency-Key: points:a%0D%0Ace-x:%201", "\n"},
		{"no UTF-8", func(d *consumers.Delivery) { d.ID = "\xff" }, "ce-id: %FF", ""},
		{"a broken trace", func(d *consumers.Delivery) { d.TraceParent = "00-\r\n" }, "ce-specversion: 1.0", "traceparent"},
		{"no JSON", func(d *consumers.Delivery) { d.Data = []byte("a=b") }, "Content-Type: application/octet-stream", ""},
		{
			"own type",
			func(d *consumers.Delivery) { d.Headers = map[string]string{"content_type": "text/xml; charset=UTF-8"} },
			"Content-Type: text/xml; charset=UTF-8", "ce-content",
		},
		{"no type", func(d *consumers.Delivery) { d.Headers = map[string]string{"content-type": "te\nxt"} }, "Content-Type: application/json", "xt\n"},
		{
			"an odd parameter", func(d *consumers.Delivery) { d.Headers = map[string]string{"content-type": "a/b; c=\"\x80\""} },
			"Content-Type: ", "\x80",
		},
	}
	for _, test := range tests {
		event := delivery()
		test.change(event)
		got := strings.Join(sent(event), "|")
		if !strings.Contains(got, test.have) || test.lack != "" && strings.Contains(got, test.lack) {
			t.Errorf("%s: got %q, want it to hold %q and not %q", test.name, got, test.have, test.lack)
		}
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("order-1", "ce_region", "Köln", "00-1")
	f.Add("a\r\nb: c", "content_type", "text/plain; a=\"\r\n\"", "\x00")
	f.Add("%41 \"", "datacontenttype", "a/b; c*=utf-8''%0d%0a", "é")
	f.Fuzz(func(t *testing.T, id, field, value, trace string) {
		event := delivery()
		event.ID, event.TraceParent, event.Headers = id, trace, map[string]string{field: value, "tracestate": trace}
		for _, header := range remote.Headers(event, "") {
			for _, letter := range []byte(header.Name + header.Value) {
				if letter < ' ' || letter > '~' {
					t.Errorf("Headers(%q, %q: %q): the header %q: %q cannot be sent", id, field, value, header.Name, header.Value)
				}
			}
		}
		if back, err := url.PathUnescape(remote.Escape(id)); err != nil || back != id {
			t.Errorf("Escape(%q) = %q, which means %q (%v)", id, remote.Escape(id), back, err)
		}
	})
}

// What a receiver is told of an event.
func ExampleHeaders() {
	event := &consumers.Delivery{
		Event: stream.Event{Name: "ORDER_SHIPPED", ID: "o-7", Data: []byte(`{"order_id":7}`), AggregateID: "7"},
		Group: "shipping_mail", Deliveries: 1,
	}
	for _, header := range remote.Headers(event, "/shops/3") {
		fmt.Println(header.Name+":", header.Value)
	}
	// Output:
	// Content-Type: application/json
	// Idempotency-Key: shipping_mail:o-7
	// Millrace-Deliveries: 1
	// ce-specversion: 1.0
	// ce-id: o-7
	// ce-source: /shops/3
	// ce-type: ORDER_SHIPPED
	// ce-subject: 7
}

// TestManyExtensions has an event with more fields than any server takes as headers: Node.js takes 16 KiB of them, Apache 100, and
// PHP-FPM ends the connection at 64 KiB.
func TestManyExtensions(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"1", strings.Repeat("x", 1000), strings.Repeat("ü", 500)} {
		delivery := &consumers.Delivery{}
		delivery.Headers = map[string]string{}
		for number := range 200 {
			delivery.Headers[fmt.Sprintf("f%03d", number)] = value
		}
		count, bytes := 0, 0
		for _, header := range remote.Headers(delivery, "") {
			count++
			bytes += len(header.Name) + len(header.Value) + len(": \r\n")
		}
		if count < 9 || count > 80 || bytes > 12<<10 {
			t.Errorf("200 fields of %.5s...: got %d headers of %d bytes, want 9 to 80, and 12 KiB at most", value, count, bytes)
		}
	}
}
