package paper

import (
	"cmp"
	"context"
	"fmt"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/order"
	"github.com/millrace/millrace/stream"
)

// Printer is a handler that prints a document for each order.
type Printer struct {
	// Kind begins the name of every document: letters and digits.
	Kind string
	// Format is what Compose makes; "" means PDF.
	Format Format
	// Output is where the documents go.
	Output Output
	// Compose draws the order. It gives the same bytes for the same order and event.
	Compose func(order order.Order, event stream.Event) ([]byte, error)
}

// Handle prints one order; the delivery's result says where to. A redelivery gives the document the same name, by which
// the output may tell that it was printed already. Data that is no order is a permanent error, which says what is wrong
// with it; the output decides about its own.
func (p *Printer) Handle(ctx context.Context, delivery *consumers.Delivery) error {
	decoded, err := order.Decode(delivery.Data)
	if err != nil {
		return consumers.Permanent(err)
	}
	content, err := p.Compose(decoded, delivery.Event)
	if err != nil {
		return consumers.Permanent(fmt.Errorf("print order %q: %w", decoded.Number, err))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	format := cmp.Or(p.Format, PDF)
	place, err := p.Output.Print(ctx, Job{
		// The group is part of it: two groups may print the same event, each in its own way.
		Name:    FileName(p.Kind, decoded.Number, format, delivery.Group, delivery.Name, delivery.ID),
		Formats: format.mediaTypes(),
		Content: content,
		Again:   delivery.Deliveries > 1,
	})
	if err == nil {
		delivery.Result = []byte(place)
	}
	return err
}
