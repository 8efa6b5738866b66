package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/millrace/millrace/consumers"
)

// document is a delivery as programs read it. Its names are those of an entry's fields.
type document struct {
	Event   string `json:"event"`
	EventID string `json:"event_id"`
	// Data is the event's data where that is JSON, else the data as a JSON string.
	Data json.RawMessage `json:"data,omitempty"`
	// DataBase64 stands in place of Data where that is no text (CloudEvents 1.0, JSON format, section 3.1.1).
	DataBase64  []byte            `json:"data_base64,omitempty"`
	EntryID     string            `json:"entry_id"`
	Timestamp   string            `json:"timestamp"`
	AggregateID string            `json:"aggregate_id"`
	ReplayOf    string            `json:"replay_of,omitempty"`
	TraceParent string            `json:"traceparent,omitempty"`
	Headers     map[string]string `json:"headers"`
	Group       string            `json:"group"`
	Deliveries  int               `json:"deliveries"`
}

// timestampForm is RFC 3339 with milliseconds.
const timestampForm = "2006-01-02T15:04:05.000Z07:00"

// requestOf is the delivery as one line of JSON, with the line break at its end.
func requestOf(delivery *consumers.Delivery) ([]byte, error) {
	d := document{
		Event: delivery.Name, EventID: delivery.ID, EntryID: delivery.EntryID.String(),
		Timestamp: delivery.Time.UTC().Format(timestampForm), AggregateID: delivery.AggregateID,
		ReplayOf: delivery.ReplayOf, TraceParent: delivery.TraceParent, Headers: delivery.Headers,
		Group: delivery.Group, Deliveries: delivery.Deliveries,
	}
	if d.Headers == nil {
		d.Headers = map[string]string{}
	}
	switch {
	case !utf8.Valid(delivery.Data):
		d.DataBase64 = delivery.Data
	case json.Valid(delivery.Data):
		d.Data = withoutSeparators(delivery.Data)
	default:
		d.Data, _ = json.Marshal(string(delivery.Data)) // a string always can be
	}
	return oneLine(&d)
}

// withoutSeparators escapes the two characters that some languages take for line breaks, though JSON does not.
func withoutSeparators(data []byte) []byte {
	data = bytes.ReplaceAll(data, []byte("\u2028"), []byte(`\u2028`))
	return bytes.ReplaceAll(data, []byte("\u2029"), []byte(`\u2029`))
}

// oneLine writes d as one line: the encoder takes the line breaks out of the data.
func oneLine(d *document) ([]byte, error) {
	var line bytes.Buffer
	line.Grow(len(d.Data) + 512)
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(d); err != nil {
		return nil, fmt.Errorf("write the event as JSON: %w", err)
	}
	return line.Bytes(), nil
}
