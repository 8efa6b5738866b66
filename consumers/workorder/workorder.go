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
	// working directory, where there is no Printer.
	Dir string
	// Printer is the address of the printer that prints them, in place of files: ipp://, ipps:// or socket://, as
	// paper.Destination says. "" means none.
	Printer string
	// CAFile is a file of certificates that the certificate of an ipps printer is checked against. "" means those that the
	// system trusts.
	CAFile string
}

// New returns a handler that prints a work order for each event. An error names the option that cannot be used:
// Dir is no directory, Printer no address of a printer, or CAFile no file of certificates.
func New(o Options) (consumers.Handler, error) {
	if o.Printer == "" {
		o.Dir = cmp.Or(o.Dir, DefaultDir)
	}
	output, err := paper.Destination{Dir: o.Dir, Printer: o.Printer, CAFile: o.CAFile}.Open()
	if err != nil {
		return nil, fmt.Errorf("work order: %w", err)
	}
	font, err := paper.NewFont()
	if err != nil {
		return nil, fmt.Errorf("work order: %w", err)
	}
	compose := func(order order.Order, event stream.Event) ([]byte, error) { return compose(font, order, event) }
	return &paper.Printer{Kind: "workorder", Output: output, Compose: compose}, nil
}
