package remote

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/consumers"
)

const (
	// DefaultSource is the event's source where neither the handler nor the event names one.
	DefaultSource = "/millrace"
	// MaxExtensionBytes is how long a field of the event may be that is handed on as a header. Longer ones are left out: servers
	// refuse requests with large headers.
	MaxExtensionBytes = 1024
	// MaxExtensions is how many fields are handed on. The others are left out as well, the last by name first.
	MaxExtensions = 64
	// MaxExtensionsBytes is how large they are together, as headers of HTTP/1.1. Those beyond it are left out in the same way.
	MaxExtensionsBytes = 8 << 10
)

// Header is one header of a request, its value safe to be sent.
type Header struct {
	// Name is spelled as on the wire of HTTP, such as ce-id.
	Name string
	// Value holds visible ASCII characters alone, and spaces in a Content-Type.
	Value string
}

// Headers are what a receiver is told beside the event's data. source is the ce-source of events that bring none of their own
// (the field ce_source); "" means DefaultSource.
//
// The event's other fields become extensions of CloudEvents where that is possible: the name has 1 to 20 of a-z and 0-9 (after
// a leading `ce_`, which is dropped), is none of CloudEvents' own, and the value is no longer than MaxExtensionBytes. Fields with
// other names are left out, and those beyond MaxExtensions and MaxExtensionsBytes.
func Headers(delivery *consumers.Delivery, source string) []Header {
	headers := []Header{
		{"Content-Type", ContentType(delivery)},
		{"Idempotency-Key", Key(delivery)},
		{"Millrace-Deliveries", strconv.Itoa(delivery.Deliveries)},
		{"ce-specversion", "1.0"},
		{"ce-id", Escape(delivery.ID)},
		{"ce-source", Escape(cmp.Or(delivery.Headers["ce_source"], source, DefaultSource))},
		{"ce-type", Escape(delivery.Name)},
	}
	if year := delivery.Time.UTC().Year(); year >= 1 && year <= 9999 && !delivery.Time.IsZero() {
		headers = append(headers, Header{"ce-time", delivery.Time.UTC().Format(time.RFC3339Nano)})
	}
	if delivery.AggregateID != "" {
		headers = append(headers, Header{"ce-subject", Escape(delivery.AggregateID)})
	}
	return append(append(headers, trace(delivery)...), extensions(delivery.Headers)...)
}

// CheckSource says what is wrong with the source of events, or nil. CloudEvents asks for a reference to a URI.
func CheckSource(text string) error {
	if _, err := url.Parse(text); err != nil || Escape(text) != text {
		return errors.New("expected a URL or a part of one, such as /shops/3, without spaces and quotation marks")
	}
	return nil
}

// Key is the key under which a receiver remembers that it has handled the event, `<group>:<event_id>`: the same for every
// delivery of it to the group.
func Key(delivery *consumers.Delivery) string { return Escape(delivery.Group + ":" + delivery.ID) }

// ContentType is what the event says of its data in a field content_type, content-type, datacontenttype or
// ce_datacontenttype, where that is a media type; else application/json for data that is JSON, and application/octet-stream.
func ContentType(delivery *consumers.Delivery) string {
	for _, name := range []string{"content_type", "content-type", "datacontenttype", "ce_datacontenttype"} {
		if said := delivery.Headers[name]; said != "" {
			if mediaType, parameters, err := mime.ParseMediaType(said); err == nil && strings.Contains(mediaType, "/") {
				return cmp.Or(mime.FormatMediaType(mediaType, parameters), "application/octet-stream")
			}
		}
	}
	if json.Valid(delivery.Data) {
		return "application/json"
	}
	return "application/octet-stream"
}

// trace is the trace context, as W3C names its headers. One that no header can carry is left out: it is no trace context.
func trace(delivery *consumers.Delivery) []Header {
	if delivery.TraceParent == "" || !fits(delivery.TraceParent) {
		return nil
	}
	headers := []Header{{"traceparent", delivery.TraceParent}}
	if state := delivery.Headers["tracestate"]; state != "" && fits(state) {
		headers = append(headers, Header{"tracestate", state})
	}
	return headers
}

func fits(value string) bool { return len(value) <= MaxExtensionBytes && Escape(value) == value }

var extensionName = regexp.MustCompile(`^[a-z0-9]{1,20}$`)

// extensions are the fields that CloudEvents lets pass, in the order of their names. Of `ce_x` and `x` the former is taken.
func extensions(fields map[string]string) []Header {
	values := make(map[string]string, len(fields))
	for field, value := range fields {
		name, marked := strings.CutPrefix(field, "ce_")
		_, taken := values[name]
		if extensionName.MatchString(name) && !isReserved(name) && len(value) <= MaxExtensionBytes && (marked || !taken) {
			values[name] = value
		}
	}
	headers := make([]Header, 0, min(len(values), MaxExtensions))
	left := MaxExtensionsBytes
	for _, name := range slices.Sorted(maps.Keys(values)) {
		header := Header{"ce-" + name, Escape(values[name])}
		left -= len(header.Name) + len(header.Value) + len(": \r\n")
		if left < 0 || len(headers) == MaxExtensions {
			break
		}
		headers = append(headers, header)
	}
	return headers
}

// isReserved tells the names that CloudEvents and W3C give a meaning of their own, and which are sent as such or not at all.
func isReserved(name string) bool {
	switch name {
	case "specversion", "id", "source", "type", "time", "subject", "data", "datacontenttype", "traceparent", "tracestate":
		return true
	}
	return false
}

// Escape makes a header's value of any text, as the HTTP binding of CloudEvents 1.0 asks for (section 3.1.3.2): what is no
// visible ASCII character, and the quotation mark and the percent sign, become a percent sign and two hexadecimal digits for
// each byte.
func Escape(text string) string {
	const digits = "0123456789ABCDEF"
	if !strings.ContainsFunc(text, isEscaped) {
		return text
	}
	escaped := make([]byte, 0, 2*len(text))
	for _, letter := range []byte(text) {
		if isEscaped(rune(letter)) {
			escaped = append(escaped, '%', digits[letter>>4], digits[letter&15])
		} else {
			escaped = append(escaped, letter)
		}
	}
	return string(escaped)
}

func isEscaped(letter rune) bool {
	return letter <= ' ' || letter > '~' || letter == '"' || letter == '%'
}
