package workorder

import (
	"cmp"
	"fmt"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/order"
	"github.com/millrace/millrace/consumers/paper"
	"github.com/millrace/millrace/stream"
)

// DefaultDir is where the files go unless Options.Dir says otherwise.
const DefaultDir = "printed"

// Options says how work orders are printed.
type Options struct {
	// Dir is the directory that the files are written to; it is made when the first one is. "" means DefaultDir, in the
	// working directory.
	Dir string
}

// New returns a handler that prints a work order for each event. An error means that Options.Dir is no directory.
func New(o Options) (consumers.Handler, error) {
	directory, err := paper.NewDirectory(cmp.Or(o.Dir, DefaultDir))
	if err != nil {
		return nil, fmt.Errorf("work order: dir: %w", err)
	}
	font, err := paper.NewFont()
	if err != nil {
		return nil, fmt.Errorf("work order: %w", err)
	}
	compose := func(order order.Order, event stream.Event) ([]byte, error) { return compose(font, order, event) }
	return &paper.Printer{Kind: "workorder", Directory: directory, Compose: compose}, nil
}
