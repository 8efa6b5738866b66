package catalog

import (
	"strings"

	"github.com/millrace/millrace/consumers/paper"
)

// readDestination reads where a kind that prints does so: to a directory, or to a printer.
func readDestination(with *section) paper.Destination {
	destination := paper.Destination{Dir: with.text("dir"), Printer: with.text("printer"), CAFile: with.text("ca_file")}
	if destination.Printer != "" {
		if err := paper.CheckPrinter(destination.Printer); err != nil {
			with.fault("printer", "%v", err)
		}
	}
	if with.has("printer") && with.has("dir") {
		with.fault("dir", "expected dir or printer, got both")
	}
	if destination.CAFile != "" && !strings.HasPrefix(destination.Printer, "ipps://") {
		with.fault("ca_file", "expected a printer beside it whose address begins ipps://")
	}
	return destination
}

// readFormat reads what a label is made of; "" leaves that to the kind.
func readFormat(with *section) paper.Format {
	format := paper.Format(with.text("format"))
	if format != "" && format != paper.PDF && format != paper.ZPL {
		with.fault("format", "expected pdf or zpl, got %s", quote(string(format)))
	}
	return format
}
