package label

import (
	"cmp"
	"fmt"
	"unicode/utf8"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/order"
	"github.com/millrace/millrace/consumers/paper"
	"github.com/millrace/millrace/stream"
)

const (
	// DefaultDir is where the files go unless Options.Dir says otherwise.
	DefaultDir = "printed"
	// MaxSenderLength is the length of Options.Sender, in characters.
	MaxSenderLength = 300
)

// Options says how labels are printed.
type Options struct {
	// Dir is the directory that the files are written to; it is made when the first one is. "" means DefaultDir, in the
	// working directory.
	Dir string
	// Sender is who sends the parcels, name and address, in several lines. It is printed where an order names no sender
	// of its own. "" means that such a label has none.
	Sender string
}

// New returns a handler that prints a label for each event. An error names the option that cannot be used: Dir is no
// directory, or Sender is longer than MaxSenderLength.
func New(o Options) (consumers.Handler, error) {
	if length := utf8.RuneCountInString(o.Sender); length > MaxSenderLength {
		return nil, fmt.Errorf("label: sender: expected at most %d characters, got %d", MaxSenderLength, length)
	}
	directory, err := paper.NewDirectory(cmp.Or(o.Dir, DefaultDir))
	if err != nil {
		return nil, fmt.Errorf("label: dir: %w", err)
	}
	font, err := paper.NewFont()
	if err != nil {
		return nil, fmt.Errorf("label: %w", err)
	}
	compose := func(order order.Order, event stream.Event) ([]byte, error) {
		return compose(font, order, event, o.Sender)
	}
	return &paper.Printer{Kind: "label", Directory: directory, Compose: compose}, nil
}
