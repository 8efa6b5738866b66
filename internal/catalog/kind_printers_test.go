package catalog

import (
	"strings"
	"testing"
)

func TestPrinters(t *testing.T) {
	t.Parallel()
	const content = `
handlers:
  queue:  {events: [A], run: workorder, with: {printer: "ipp://cups:631/printers/office"}}
  ipps:   {events: [A], run: workorder, with: {printer: "ipps://10.0.0.5/ipp/print"}}
  raw:    {events: [A], run: label, with: {printer: "socket://10.0.0.5:9100", format: zpl, sender: me}}
  files:  {events: [A], run: label, with: {dir: printed, format: zpl}}
  labels: {events: [A], run: label, with: {printer: "ipps://10.0.0.5/ipp/print", ca_file: /missing.pem, format: pdf}}
`
	file, err := Parse("handlers.yaml", []byte(content), Defaults{})
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	_, err = file.Build(Dependencies{})
	if got, want := message(err), "handler labels: label: ca_file: open /missing.pem: "; !strings.HasPrefix(got, want) || strings.Contains(got, "\n") {
		t.Errorf("Build: %s, want %s alone", got, want)
	}
	if _, err := file.Select([]string{"queue", "ipps", "raw", "files"}); err != nil {
		t.Errorf("Select: %v", err)
	}
}
