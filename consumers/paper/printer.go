package paper

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/order"
	"github.com/millrace/millrace/stream"
)

// Printer is a handler that prints a PDF file for each order.
type Printer struct {
	// Kind begins the name of every file: letters and digits.
	Kind string
	// Directory is where the files go.
	Directory *Directory
	// Compose draws the order. It gives the same bytes for the same order and event.
	Compose func(order order.Order, event stream.Event) ([]byte, error)
}

// Handle prints one order. The file is on disk when it returns nil; a redelivery finds it there and leaves it alone. Data
// that is no order is a permanent error, which says what is wrong with it; what the file system reports is not, and
// names the path.
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
	// The group is part of it: two groups may print the same event, each in its own way.
	name := FileName(p.Kind, decoded.Number, delivery.Group, delivery.Name, delivery.ID)
	return p.Directory.Write(name, content)
}
