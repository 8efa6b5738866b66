package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/mail"
	"sync"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/order"
	"github.com/millrace/millrace/consumers/paper"
)

// View is what templates see of a delivery, as their dot.
type View struct {
	// Event is the event's name.
	Event string
	// EventID is the event's ID.
	EventID string
	// Time is when the event happened.
	Time time.Time
	// AggregateID is the business key, or "".
	AggregateID string
	// Group is the handler's name.
	Group string
	// Headers holds the entry's other fields.
	Headers map[string]string

	// Each is made of the event's data when it is asked for first: a template may ask in a loop.
	data     func() (any, error)
	order    func() (order.Order, error)
	shipment func() (order.Shipment, error)
}

// newView shows a delivery.
func newView(delivery *consumers.Delivery) *View {
	return &View{
		Event:       delivery.Name,
		EventID:     delivery.ID,
		Time:        delivery.Time,
		AggregateID: delivery.AggregateID,
		Group:       delivery.Group,
		Headers:     delivery.Headers,
		data:        sync.OnceValues(func() (any, error) { return decode(delivery.Data) }),
		order:       sync.OnceValues(func() (order.Order, error) { return order.DecodePartial(delivery.Data) }),
		shipment:    sync.OnceValues(func() (order.Shipment, error) { return order.DecodeShipment(delivery.Data) }),
	}
}

// Data is the event's data, as JSON says it; numbers stay as they are written.
func (v *View) Data() (any, error) { return v.data() }

func decode(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var data any
	if err := decoder.Decode(&data); err != nil {
		return nil, errors.New("the event's data is no JSON")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the event's data is no JSON: more follows behind it")
	}
	return data, nil
}

// Order is the data as an order; what an event does not say of it is empty.
func (v *View) Order() (order.Order, error) { return v.order() }

// Shipment is what the data says of an order on its way.
func (v *View) Shipment() (order.Shipment, error) { return v.shipment() }

// Printed is the name of the file that a handler which prints, of this kind and name, makes of this same event.
func (v *View) Printed(kind, handler string) (string, error) {
	decoded, err := v.Order()
	if err != nil {
		return "", err
	}
	return paper.FileName(kind, decoded.Number, paper.PDF, handler, v.Event, v.EventID), nil
}

// formatAddress is an e-mail address with a name before it, both as they came: whatever they hold, they stay one address.
func formatAddress(name, address string) string {
	return (&mail.Address{Name: name, Address: address}).String()
}
