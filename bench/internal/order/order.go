// Package order is the event that every system sends: an order of a shop, about 250 bytes with the names of its fields.
package order

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// Name is the name of every event.
const Name = "NEW_ORDER_RECEIVED"

// Every order asks for so many pieces of this product.
const (
	ProductID = "1"
	Quantity  = 2
)

// DefaultDataBytes makes an event of about 250 bytes.
const DefaultDataBytes = 150

// publishedDigits is how many digits the nanoseconds since 1970 have, until the year 2286.
const publishedDigits = 19

// Event is one order. Its texts may share the memory of a system's buffer, so whoever keeps one after the handling
// clones it.
type Event struct {
	Name        string
	Data        string
	ID          string // <nanoseconds of its publishing>-<sequence>
	AggregateID string
	// Timestamp is when it happened, in milliseconds since 1970.
	Timestamp int64
	// Sequence numbers the events of a run from 0; it is part of the ID.
	Sequence int
	// Published is the time of publishing in nanoseconds since 1970, of an open loop the scheduled one; part of the ID.
	Published int64
}

// New returns the event with this sequence number. Its data has dataBytes bytes or the few more that the smallest order
// needs.
func New(sequence int, published time.Time, dataBytes int) Event {
	event := Event{
		Name:        Name,
		Data:        data(sequence, dataBytes),
		AggregateID: "order-" + strconv.Itoa(sequence),
		Sequence:    sequence,
	}
	return event.PublishedAt(published)
}

// PublishedAt returns the event with this time of publishing.
func (e Event) PublishedAt(published time.Time) Event {
	e.Published, e.Timestamp = published.UnixNano(), published.UnixMilli()
	e.ID = fmt.Sprintf("%0*d-%d", publishedDigits, e.Published, e.Sequence)
	return e
}

// Many returns the first count events, all published now.
func Many(count, dataBytes int) []Event {
	events := make([]Event, count)
	now := time.Now()
	for sequence := range events {
		events[sequence] = New(sequence, now, dataBytes)
	}
	return events
}

func data(sequence, size int) string {
	text := fmt.Sprintf(`{"order_id":%d,"customer":"c-%04d","total":"129.90","items":[{"product_id":%s,"quantity":%d}]`,
		sequence, sequence%10000, ProductID, Quantity)
	if room := size - len(text) - len(`,"note":""}`); room > 0 {
		text += `,"note":"` + strings.Repeat("x", room) + `"`
	}
	return text + "}"
}

// Set takes one field of an entry into the event; fields of other names are left out.
func (e *Event) Set(field, value string) error {
	var err error
	switch field {
	case "event":
		e.Name = value
	case "data":
		e.Data = value
	case "event_id":
		return e.SetID(value)
	case "aggregate_id":
		e.AggregateID = value
	case "timestamp":
		e.Timestamp, err = strconv.ParseInt(value, 10, 64)
	}
	return err
}

// SetID takes the ID into the event, and with it the sequence number and the time of publishing.
func (e *Event) SetID(id string) error {
	published, sequence, _ := strings.Cut(id, "-")
	var err error
	if e.Published, err = strconv.ParseInt(published, 10, 64); err == nil {
		e.Sequence, err = strconv.Atoi(sequence)
	}
	if err != nil {
		return fmt.Errorf("%q is no ID of an order event: %w", strings.Clone(id), err)
	}
	e.ID = id
	return nil
}

// Alias is bytes as a text, without a copy: it changes when they do.
func Alias(bytes []byte) string {
	return unsafe.String(unsafe.SliceData(bytes), len(bytes))
}
