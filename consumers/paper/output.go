package paper

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/millrace/millrace/consumers/paper/ipp"
)

// Output is where printed documents go: a Directory, or a printer.
type Output interface {
	// Print prints a document and blocks until it is printed, or cannot be, or ctx ends. What it returns says where the
	// document went. An error that trying again cannot mend is wrapped by consumers.Permanent.
	Print(ctx context.Context, job Job) (string, error)
}

// Job is a document on its way to an Output.
type Job struct {
	// Name is a file name without a directory: the same each time that a document is printed again, and no other's.
	Name string
	// Formats are the media types that the document may be called, the best first.
	Formats []string
	// Content is the document.
	Content []byte
	// Again says that an earlier try may have printed it.
	Again bool
}

// Format is what a document is made of.
type Format string

// The formats.
const (
	// PDF is what office printers and print servers take.
	PDF Format = "pdf"
	// ZPL is the language of label printers by Zebra, and of others that understand it.
	ZPL Format = "zpl"
)

// mediaTypes are what printers call the format. ZPL has no registered type: CUPS hands through what is called raw, and
// printers find out by themselves what a stream of octets is.
func (f Format) mediaTypes() []string {
	if f == ZPL {
		return []string{"application/vnd.cups-raw", "application/octet-stream"}
	}
	return []string{"application/pdf"}
}

// Destination says where documents go: to a printer, or to a directory.
type Destination struct {
	// Dir is the directory; used where Printer is "".
	Dir string
	// Printer is the printer's address: ipp:// or ipps:// for IPP, socket:// for a printer that takes raw data on port 9100.
	Printer string
	// CAFile is a file of certificates that an ipps printer's certificate is checked against; "" means the system's.
	CAFile string
}

// Open returns what prints there. Nothing is asked of the printer yet. The error names the option that cannot be used.
func (d Destination) Open() (Output, error) {
	if d.Dir != "" && d.Printer != "" {
		return nil, errors.New("dir: expected none, because there is a printer")
	}
	if d.CAFile != "" && !strings.HasPrefix(d.Printer, "ipps://") {
		return nil, errors.New("ca_file: expected none, because the printer's address does not begin ipps://")
	}
	switch {
	case d.Printer == "":
		directory, err := NewDirectory(d.Dir)
		if err != nil {
			return nil, fmt.Errorf("dir: %w", err)
		}
		return directory, nil
	case strings.HasPrefix(d.Printer, socketScheme):
		address, err := parseSocket(d.Printer)
		if err != nil {
			return nil, fmt.Errorf("printer: %w", err)
		}
		return &socket{address}, nil
	}
	printer, err := ipp.New(ipp.Options{Address: d.Printer, CAFile: d.CAFile})
	if err != nil {
		return nil, err
	}
	return ippOutput{printer}, nil
}

// CheckPrinter returns what is wrong with a printer's address, and what was expected.
func CheckPrinter(address string) error {
	switch {
	case strings.HasPrefix(address, socketScheme):
		_, err := parseSocket(address)
		return err
	case strings.HasPrefix(address, "ipp://"), strings.HasPrefix(address, "ipps://"):
		_, err := ipp.ParseAddress(address)
		return err
	}
	return errors.New("expected an address that begins ipp://, ipps:// or socket://, such as ipp://10.0.0.5/ipp/print")
}

// ippOutput is an IPP printer as an Output.
type ippOutput struct{ printer *ipp.Printer }

// Print prints a document, as ipp.Printer does.
func (o ippOutput) Print(ctx context.Context, job Job) (string, error) {
	return o.printer.Print(ctx, ipp.Job(job))
}
