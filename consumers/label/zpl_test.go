package label_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/consumers/label"
	"github.com/millrace/millrace/consumers/paper"
	"github.com/millrace/millrace/consumers/paper/papertest"
)

func printedZPL(t *testing.T, data string) []byte {
	t.Helper()
	directory := t.TempDir()
	handler, err := label.New(label.Options{Dir: directory, Sender: "Millrace Ltd\n1 Mill Lane, Oxford", Format: paper.ZPL})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	if err := handler.Handle(t.Context(), papertest.NewDelivery("1763700000000-0", data)); err != nil {
		t.Fatalf("Handle(%.200s): %v", data, err)
	}
	files, err := filepath.Glob(filepath.Join(directory, "*.zpl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("Handle(%.200s) made the files %q, %v, want one", data, files, err)
	}
	zpl, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return zpl
}

func TestZPLSaysEverything(t *testing.T) {
	t.Parallel()
	zpl := papertest.ReadZPL(t, printedZPL(t, `{"order_id": 7, "order_no": "SO-2025-001",
		"sender": {"name": "Kettle Shop", "line1": "1 Mill Lane", "city": "Kettlewell", "phone": "01756 1"},
		"shipping_address": {"name": "Li Lei ^FS^XZ~JR", "company": "Example_5E & Co", "phone": "13900139000", "city": "Shenzhen",
			"line1": "15 Keyuan Road", "zip": "518057", "country": "China"},
		"items": [{"product_id": 1, "quantity": 2}, {"product_id": 2, "quantity": 40}]}`))
	for _, want := range []string{
		"Kettle Shop", "1 Mill Lane", "Kettlewell", "01756 1", "Li Lei ^FS^XZ~JR", "Example_5E & Co", "15 Keyuan Road", "518057", "42",
		"SO-2025-001", "2025-11-21 04:40 UTC  NEW_ORDER_RECEIVED  1763700000000-0",
	} {
		if !slices.ContainsFunc(zpl.Texts, func(text string) bool { return strings.Contains(text, want) }) {
			t.Errorf("the label does not say %q: %q", want, zpl.Texts)
		}
	}
}

func TestZPLBarcode(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"1":                                "CODE-128:1",
		"90071992547409931":                "CODE-128:90071992547409931",
		"SO-2025-0000000000000000000001":   "CODE-128:SO-2025-0000000000000000000001",
		"A^5_B~7":                          "CODE-128:A^5_B~7",
		"A>5B>:7":                          "CODE-128:A>5B>:7",
		"订单-2025-001":                      "QR-Code:订单-2025-001",
		"订单-2025-001-^~_>":                 "QR-Code:订单-2025-001-^~_>",
		"SO-" + strings.Repeat("LONG", 20): "QR-Code:SO-" + strings.Repeat("LONG", 20),
		strings.Repeat("9", 300):           "QR-Code:" + strings.Repeat("9", 300),
	} {
		zpl := papertest.ReadZPL(t, printedZPL(t, strings.Replace(smallest, "12345", `"`+number+`"`, 1)))
		if got := zpl.Scan(t); !slices.Equal(got, []string{want}) {
			t.Errorf("the label scans as %q, want %q", got, want)
		}
		kind, content, _ := strings.Cut(want, ":")
		native := map[string][]string{"CODE-128": zpl.Code128, "QR-Code": zpl.QR}[kind]
		wantNative := []string{content}
		if kind == "CODE-128" && strings.Contains(content, ">") {
			// What a printer would take for a change of the subset is drawn for it.
			wantNative = nil
		}
		if !slices.Equal(native, wantNative) {
			t.Errorf("the printer is told to draw the %s %q, want %q", kind, native, wantNative)
		}
	}
}

// However long the texts are, nothing leaves the media, and nothing is a command that was not meant.
func TestZPLOfExtremes(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"ideographs": strings.Repeat("字", 1000), "one word": strings.Repeat("W", 1000),
		"words": strings.Repeat("mill race ", 100), "emoji": strings.Repeat(`🎁\u0007`, 100),
		"lines": strings.Repeat("x\\n", 330), "commands": strings.Repeat(`^XZ~JA_5E\\&`, 80),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := string([]rune(text)[:126])
			address := fmt.Sprintf(`{"name":"%s","company":"%s","line1":"%s","line2":"%s","city":"%s","zip":"%s","phone":"%s"}`,
				text, text, text, text, text, text, text)
			data := fmt.Sprintf(`{"order_id":"%s","sender":%s,"address":%s,"items":[{"product_id":1,"quantity":1000000000}]}`,
				id, address, address)
			zpl := printedZPL(t, data)
			papertest.ReadZPL(t, zpl)
			if !bytes.Equal(zpl, printedZPL(t, data)) {
				t.Error("the same event gave other bytes the second time")
			}
		})
	}
}

// A label goes through a print server to a label printer, byte for byte.
func TestZPLThroughCUPS(t *testing.T) {
	t.Parallel()
	cups, sink := papertest.StartCUPS(t), papertest.StartSink(t)
	handler, err := label.New(label.Options{Printer: cups.Add("label", sink.Address(), "raw"), Format: paper.ZPL})
	if err != nil {
		t.Fatal(err)
	}
	delivery := papertest.NewDelivery("1763700000000-0", smallest)
	if err := handler.Handle(t.Context(), delivery); err != nil {
		t.Fatalf("Handle: %v: %s", err, cups.Log())
	}
	zpl := papertest.ReadZPL(t, sink.Next(t.Context(), t))
	if got, want := zpl.Scan(t), []string{"CODE-128:12345"}; !slices.Equal(got, want) {
		t.Errorf("the label scans as %q, want %q", got, want)
	}
	if got, want := string(delivery.Result), "job 1 of printer label"; got != want {
		t.Errorf("the result is %q, want %q", got, want)
	}
	delivery.Deliveries++
	if err := handler.Handle(t.Context(), delivery); err != nil || sink.Waiting() != 0 {
		t.Errorf("Handle of a second delivery: %v, printed %d more, want none", err, sink.Waiting())
	}
}
