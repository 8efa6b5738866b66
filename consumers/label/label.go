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
	// working directory, where there is no Printer.
	Dir string
	// Printer is the address of the printer that prints them, in place of files: ipp://, ipps:// or socket://, as
	// paper.Destination says. "" means none.
	Printer string
	// CAFile is a file of certificates that the certificate of an ipps printer is checked against. "" means those that the
	// system trusts.
	CAFile string
	// Format is what the labels are made of: paper.PDF, or paper.ZPL for a label printer of 203 dpi with media of
	// 4 x 6 inch. "" means PDF.
	Format paper.Format
	// Sender is who sends the parcels, name and address, in several lines. It is printed where an order names no sender
	// of its own. "" means that such a label has none.
	Sender string
}

// New returns a handler that prints a label for each event. An error names the option that cannot be used: Dir is no
// directory, Printer no address of a printer, CAFile no file of certificates, Format is none, or Sender is longer than MaxSenderLength.
func New(o Options) (consumers.Handler, error) {
	if length := utf8.RuneCountInString(o.Sender); length > MaxSenderLength {
		return nil, fmt.Errorf("label: sender: expected at most %d characters, got %d", MaxSenderLength, length)
	}
	o.Format = cmp.Or(o.Format, paper.PDF)
	if o.Format != paper.PDF && o.Format != paper.ZPL {
		return nil, fmt.Errorf("label: format: expected pdf or zpl, got %q", o.Format)
	}
	if o.Printer == "" {
		o.Dir = cmp.Or(o.Dir, DefaultDir)
	}
	output, err := paper.Destination{Dir: o.Dir, Printer: o.Printer, CAFile: o.CAFile}.Open()
	if err != nil {
		return nil, fmt.Errorf("label: %w", err)
	}
	font, err := paper.NewFont()
	if err != nil {
		return nil, fmt.Errorf("label: %w", err)
	}
	compose := func(order order.Order, event stream.Event) ([]byte, error) {
		p := newPage(font, o.Format, "Label "+order.Number, event)
		return p.compose(order, event, o.Sender)
	}
	return &paper.Printer{Kind: "label", Format: o.Format, Output: output, Compose: compose}, nil
}
