package workorder_test

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
	"github.com/millrace/millrace/consumers/paper/papertest"
	"github.com/millrace/millrace/consumers/workorder"
)

const smallest = `{"order_id":12345,"customer_id":67890,"items":[{"product_id":1,"quantity":2}]}`

func TestWorkOrderOfTheSmallestOrder(t *testing.T) {
	t.Parallel()
	pdf := printed(t, smallest)
	info := papertest.Info(t, pdf)
	if got, want := info["Page size"], "595.28 x 841.89 pts (A4)"; got != want {
		t.Errorf("page size %q, want %q", got, want)
	}
	text := papertest.Text(t, pdf)
	for _, want := range []string{
		"Work order 工单", "12345", "Date 日期", "2025-11-21 04:40 UTC", "No. 编号 67890", "Quantity 数量", "Page 1 of 1",
		"NEW_ORDER_RECEIVED 1763700000000-0",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the work order does not say %q: %s", want, text)
		}
	}
	if got, want := papertest.Scan(t, pdf, 1), []string{"QR-Code:12345"}; !slices.Equal(got, want) {
		t.Errorf("the work order scans as %q, want %q", got, want)
	}
	papertest.CheckLayout(t, pdf, 18*72/25.4)
}

func TestWorkOrderSaysEverything(t *testing.T) {
	t.Parallel()
	pdf := printed(t, `{
		"order_id": 7, "order_no": "SO-2025-001", "total": "59.90", "currency": "CNY", "created_at": "2025-11-21T16:30:00+08:00",
		"customer": {"name": "王小明", "phone": "13800138000", "email": "wang@example.com", "company": "示例公司"},
		"shipping_address": {"name": "李雷", "phone": "13900139000", "province": "广东省", "city": "深圳市", "line1": "科苑路15号",
			"zip": "518057"},
		"notes": "Ring twice.\n请按两次门铃。",
		"items": [{"product_id": "P-1", "quantity": 3, "title": "手冲壶", "sku": "SKU-1", "note": "Gift wrap 礼品包装"}]
	}`)
	text := papertest.Text(t, pdf)
	for _, want := range []string{
		"SO-2025-001", "2025-11-21 16:30 +08:00", "Lines 行数 1", "Pieces 件数 3", "Total 合计 59.90 CNY", "王小明", "示例公司",
		"13800138000", "wang@example.com", "李雷", "13900139000", "广东省 深圳市", "科苑路15号", "518057", "P-1", "SKU-1", "手冲壶",
		"Gift wrap 礼品包装", "Notes 备注", "Ring twice.", "请按两次门铃。",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the work order does not say %q: %s", want, text)
		}
	}
	papertest.CheckLayout(t, pdf, 18*72/25.4)
}

func TestWorkOrderOfManyLines(t *testing.T) {
	t.Parallel()
	pdf := printed(t, ordering(300, "手冲咖啡壶 600 ml", strings.Repeat("Please mind the glass. 小心玻璃。", 40)))
	pages := papertest.Layout(t, pdf)
	if len(pages) < 10 {
		t.Errorf("300 lines take %d pages, want at least 10", len(pages))
	}
	text := papertest.Text(t, pdf)
	for number := range pages {
		if want := fmt.Sprintf("Page %d of %d 第 %d 页，共 %d 页", number+1, len(pages), number+1, len(pages)); !strings.Contains(text, want) {
			t.Errorf("no page says %q", want)
		}
	}
	for i := range 300 {
		if want := fmt.Sprintf("PRODUCT-%d-", i); strings.Count(text, want) != 1 {
			t.Errorf("%q is printed %d times, want once", want, strings.Count(text, want))
		}
	}
	papertest.CheckLayout(t, pdf, 18*72/25.4)
}

// However long the texts are, nothing leaves the page or is printed over something else.
func TestWorkOrderOfExtremes(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"ideographs": strings.Repeat("字", 1000), "one word": strings.Repeat("W", 1000),
		"words": strings.Repeat("mill race ", 100), "emoji": strings.Repeat("🎁\u0007", 200),
		"lines": strings.Repeat("x\\n", 330),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text = strings.ReplaceAll(text, "\u0007", `\u0007`)
			short := string([]rune(text)[:126])
			pdf := printed(t, fmt.Sprintf(`{"order_id":"%s","customer_id":"%s","customer":{"name":"%s","phone":"%s","email":"%s"},
				"address":{"name":"%s","company":"%s","line1":"%s","city":"%s","zip":"%s","phone":"%s"},"notes":"%s","total":"%s",
				"items":[{"product_id":"%s","quantity":1000000000,"title":"%s","sku":"%s","note":"%s"}]}`,
				short, short, text, text, text, text, text, text, text, text, text, strings.Repeat(text, 9), text,
				short, text, text, text))
			papertest.CheckLayout(t, pdf, 18*72/25.4)
		})
	}
}

func TestWorkOrderIsStable(t *testing.T) {
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
	_, err := workorder.New(workorder.Options{Dir: file})
	if want := "work order: dir: " + file + " is a file"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("New: %v, want an error that begins %q", err, want)
	}
}

// A work order goes through a print server and a driver's filters to an office printer.
func TestWorkOrderThroughCUPS(t *testing.T) {
	t.Parallel()
	cups, sink := papertest.StartCUPS(t), papertest.StartSink(t)
	address := cups.Add("office", sink.Address(), "lsb/usr/cupsfilters/Generic-PDF_Printer-PDF.ppd")
	handler, err := workorder.New(workorder.Options{Printer: address})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	delivery := papertest.NewDelivery("1763700000000-0", smallest)
	if err := handler.Handle(t.Context(), delivery); err != nil {
		t.Fatalf("Handle: %v: %s", err, cups.Log())
	}
	if got, want := string(delivery.Result), "job 1 of printer office"; got != want {
		t.Errorf("the result is %q, want %q", got, want)
	}
	// The driver puts the PDF between commands to the printer.
	printed := sink.Next(t.Context(), t)
	first, last := bytes.Index(printed, []byte("%PDF-")), bytes.LastIndex(printed, []byte("%%EOF"))
	if first < 0 || last < first {
		t.Fatalf("the printer got %d bytes without a PDF: %.200q", len(printed), printed)
	}
	if got, want := papertest.Scan(t, printed[first:last+len("%%EOF")], 1), []string{"QR-Code:12345"}; !slices.Equal(got, want) {
		t.Errorf("the work order scans as %q, want %q", got, want)
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
	handler, err := workorder.New(workorder.Options{Dir: directory})
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

func ordering(lines int, title, notes string) string {
	items := []string{}
	for i := range lines {
		items = append(items, fmt.Sprintf(`{"product_id":"PRODUCT-%d-","quantity":%d,"title":"%s"}`, i, i+1, title))
	}
	return fmt.Sprintf(`{"order_id":12345,"notes":"%s","items":[%s]}`, notes, strings.Join(items, ","))
}
