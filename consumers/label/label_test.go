package label_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/label"
	"github.com/millrace/millrace/consumers/paper/papertest"
)

const (
	smallest = `{"order_id":12345,"customer_id":67890,"items":[{"product_id":1,"quantity":2}]}`
	margin   = 5 * 72 / 25.4
)

func TestLabelOfTheSmallestOrder(t *testing.T) {
	t.Parallel()
	pdf := printed(t, smallest)
	info := papertest.Info(t, pdf)
	if got, want := info["Page size"]+", pages "+info["Pages"], "283.46 x 425.2 pts, pages 1"; got != want {
		t.Errorf("page size %q, want %q, which is 100 x 150 mm", got, want)
	}
	checkText(t, pdf, "From 寄件人", "Millrace Ltd", "Ship to 收件人", "Customer 客户 67890", "The order names no address.",
		"Items 件数", "2025-11-21 04:40 UTC NEW_ORDER_RECEIVED 1763700000000-0")
	checkScan(t, pdf, "CODE-128:12345")
	papertest.CheckLayout(t, pdf, margin)
}

func TestLabelSaysEverything(t *testing.T) {
	t.Parallel()
	pdf := printed(t, `{
		"order_id": 7, "order_no": "SO-2025-001", "customer": {"name": "王小明", "phone": "13800138000"},
		"sender": {"name": "磨坊", "line1": "水渠路1号", "city": "杭州市", "phone": "0571-1"},
		"shipping_address": {"name": "李雷", "company": "示例公司", "phone": "13900139000", "province": "广东省", "city": "深圳市",
			"district": "南山区", "line1": "粤海街道科苑路15号", "zip": "518057", "country": "中国"},
		"items": [{"product_id": 1, "quantity": 2}, {"product_id": 2, "quantity": 40}]
	}`)
	checkText(t, pdf, "磨坊", "杭州市", "水渠路1号", "0571-1", "李雷", "示例公司", "Tel 电话 13900139000", "中国 广东省 深圳市 南山区",
		"粤海街道科苑路15号", "Postal code 邮编", "518057", "Items 件数", "42", "SO-2025-001")
	if text := papertest.Text(t, pdf); strings.Contains(text, "Millrace Ltd") {
		t.Errorf("the label names the standard sender beside the order's own: %s", text)
	}
	checkScan(t, pdf, "CODE-128:SO-2025-001")
	papertest.CheckLayout(t, pdf, margin)
}

func TestLabelBarcode(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"1":                                "CODE-128:1",
		"90071992547409931":                "CODE-128:90071992547409931",
		"SO-2025-0000000000000000000001":   "CODE-128:SO-2025-0000000000000000000001",
		"订单-2025-001":                      "QR-Code:订单-2025-001",
		"SO-" + strings.Repeat("LONG", 20): "QR-Code:SO-" + strings.Repeat("LONG", 20),
		strings.Repeat("9", 300):           "QR-Code:" + strings.Repeat("9", 300),
	} {
		pdf := printed(t, strings.Replace(smallest, "12345", `"`+number+`"`, 1))
		checkScan(t, pdf, want)
		papertest.CheckLayout(t, pdf, margin)
	}
}

// However long the texts are, nothing leaves the label or is printed over something else.
func TestLabelOfExtremes(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"ideographs": strings.Repeat("字", 1000), "one word": strings.Repeat("W", 1000),
		"words": strings.Repeat("mill race ", 100), "emoji": strings.Repeat(`🎁\u0007`, 100),
		"lines": strings.Repeat("x\\n", 330),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := string([]rune(text)[:126])
			address := fmt.Sprintf(`{"name":"%s","company":"%s","line1":"%s","line2":"%s","city":"%s","zip":"%s","phone":"%s"}`,
				text, text, text, text, text, text, text)
			pdf := printed(t, fmt.Sprintf(`{"order_id":"%s","sender":%s,"address":%s,"items":[{"product_id":1,"quantity":1000000000}]}`,
				id, address, address))
			papertest.CheckLayout(t, pdf, margin)
		})
	}
}

func TestLabelIsStable(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	handler := newHandler(t, directory)
	handlings := sync.WaitGroup{}
	for i := range 64 {
		handlings.Go(func() {
			id := fmt.Sprint("event ", i%8)
			if err := handler.Handle(t.Context(), papertest.NewDelivery(id, smallest)); err != nil {
				t.Errorf("Handle: %v", err)
			}
		})
	}
	handlings.Wait()
	files, err := os.ReadDir(directory)
	if err != nil || len(files) != 8 {
		t.Errorf("eight events, each delivered eight times at once, made %d files, %v, want 8", len(files), err)
	}
	if !bytes.Equal(printed(t, smallest), printed(t, smallest)) {
		t.Error("the same event gave other bytes the second time")
	}
}

func TestNewNamesTheOption(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, options := range map[string]label.Options{
		"label: dir: " + file + " is a file":                      {Dir: file},
		"label: format: expected pdf or zpl, got \"epl\"":         {Format: "epl"},
		"label: printer: expected an address that begins":         {Printer: "lpd://a"},
		"label: dir: expected none, because there is a printer":   {Dir: file, Printer: "ipp://a/b"},
		"label: sender: expected at most 300 characters, got 301": {Sender: strings.Repeat("字", 301)},
	} {
		if _, err := label.New(options); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("New(%+v): %v, want an error that begins %q", options, err, want)
		}
	}
}

func BenchmarkHandle(b *testing.B) {
	handler := newHandler(b, b.TempDir())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := handler.Handle(b.Context(), papertest.NewDelivery(fmt.Sprint(i), smallest)); err != nil {
			b.Fatal(err)
		}
	}
}

func newHandler(t testing.TB, directory string) consumers.Handler {
	t.Helper()
	handler, err := label.New(label.Options{Dir: directory, Sender: "Millrace Ltd\n1 Mill Lane, Oxford"})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return handler
}

func printed(t *testing.T, data string) []byte {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "printed")
	return papertest.Print(t, newHandler(t, directory), directory, data)
}

func checkText(t *testing.T, pdf []byte, wants ...string) {
	t.Helper()
	text := papertest.Text(t, pdf)
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("the label does not say %q: %s", want, text)
		}
	}
}

func checkScan(t *testing.T, pdf []byte, want string) {
	t.Helper()
	if got := papertest.Scan(t, pdf, 1); !slices.Equal(got, []string{want}) {
		t.Errorf("the label scans as %q, want %q", got, want)
	}
}
