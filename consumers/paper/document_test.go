package paper_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers/paper"
	"github.com/millrace/millrace/consumers/paper/papertest"
)

var moment = time.Date(2025, 11, 21, 8, 30, 0, 0, time.FixedZone("", 8*3600))

func TestDocument(t *testing.T) {
	t.Parallel()
	pdf := finished(t, newDocument(t, func(document *paper.Document) {
		document.Line(10, 20, paper.Style{Size: 12, Bold: true}, "Ship to 收件人：王小明 🎁")
		document.Paragraph(paper.Box{X: 10, Y: 30, Width: 30, Height: 40}, paper.Style{Size: 12}, 6, "a longer text 一段较长的文字")
	}))
	info := papertest.Info(t, pdf)
	for name, want := range map[string]string{
		"Pages": "1", "Page size": "283.46 x 425.2 pts", "Title": "Page 页", "CreationDate": "Fri Nov 21 00:30:00 2025 UTC",
	} {
		if got := info[name]; got != want {
			t.Errorf("pdfinfo: %s = %q, want %q", name, got, want)
		}
	}
	if got, want := papertest.Text(t, pdf), "Ship to 收件人：王小明 □ a longer text 一 段较长的文字"; got != want {
		t.Errorf("pdftotext: %q, want %q", got, want)
	}
	papertest.CheckLayout(t, pdf, 10*72/25.4)
}

func TestDocumentIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	compose := func() []byte {
		return finished(t, newDocument(t, func(document *paper.Document) {
			document.Line(10, 20, paper.Style{Size: 12}, "收件人 Wolfeschlegelsteinhausen 0123456789")
			document.Code128(paper.Box{X: 10, Y: 30, Width: 80, Height: 20}, "12345")
		}))
	}
	first := compose()
	for range 5 {
		if !bytes.Equal(compose(), first) {
			t.Fatal("the same drawings gave other bytes")
		}
	}
}

func TestDocumentTurnTo(t *testing.T) {
	t.Parallel()
	pdf := finished(t, newDocument(t, func(document *paper.Document) {
		document.AddPage()
		document.Line(10, 20, paper.Style{Size: 12}, "second")
		document.TurnTo(1)
		document.Line(10, 20, paper.Style{Size: 12}, "first")
	}))
	if got, want := papertest.Text(t, pdf), "first second"; got != want {
		t.Errorf("pages read %q, want %q", got, want)
	}
}

// A page with more characters than a small character map can hold takes the whole font.
func TestDocumentWithManyCharacters(t *testing.T) {
	t.Parallel()
	for _, count := range []int{8000, 9000} {
		pdf := finished(t, newDocument(t, func(document *paper.Document) {
			// Every other character, so that no two make one segment of the map.
			for i := range count {
				document.Line(5, 5+float64(i)*140/float64(count), paper.Style{Size: 5}, string(rune(0x4E00+2*i)))
			}
			document.Line(10, 149, paper.Style{Size: 8}, "last 末")
		}))
		if got := papertest.Text(t, pdf); !strings.HasSuffix(got, "last 末") || !strings.ContainsRune(got, 0x4E00+2*7999) {
			t.Errorf("a page of %d characters reads %.60q…, want it to end with its last line", count, got)
		}
	}
}

func TestCode128(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"12345":                 true,
		"SO-2025-001":           true,
		"a b~!\"{}":             true,
		strings.Repeat("9", 60): true,
		strings.Repeat("x", 30): true,
		strings.Repeat("x", 31): false,
		strings.Repeat("9", 82): false,
		"":                      false,
		"订单1":                   false,
		"a\nb":                  false,
	}
	for content, want := range tests {
		drawn := false
		pdf := finished(t, newDocument(t, func(document *paper.Document) {
			drawn = document.Code128(paper.Box{X: 1, Y: 10, Width: 98, Height: 20}, content)
		}))
		if drawn != want {
			t.Errorf("Code128(%q) = %v, want %v", content, drawn, want)
		}
		if !drawn {
			continue
		}
		if got, want := papertest.Scan(t, pdf, 1), []string{"CODE-128:" + content}; !slices.Equal(got, want) {
			t.Errorf("Code128(%q) scans as %q, want %q", content, got, want)
		}
	}
}

func TestQR(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"12345", "SO-2025-001", "订单-2025-号", strings.Repeat("订单-2025-号/", 9), strings.Repeat("9", 300)} {
		pdf := finished(t, newDocument(t, func(document *paper.Document) {
			if err := document.QR(paper.Box{X: 20, Y: 20, Width: 29, Height: 29}, content); err != nil {
				t.Errorf("QR(%q): %v", content, err)
			}
		}))
		if got, want := papertest.Scan(t, pdf, 1), []string{"QR-Code:" + content}; !slices.Equal(got, want) {
			t.Errorf("QR(%q) scans as %q, want %q", content, got, want)
		}
	}
	newDocument(t, func(document *paper.Document) {
		err := document.QR(paper.Box{X: 20, Y: 20, Width: 29, Height: 29}, strings.Repeat("字", 1000))
		if want := "make a QR code of 3000 bytes: "; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("QR of 3,000 bytes: %v, want an error that begins %q", err, want)
		}
	})
}

func BenchmarkDocument(b *testing.B) {
	font := newFont(b)
	b.ReportAllocs()
	for b.Loop() {
		document := paper.NewDocument(font, 100, 150, "Label", moment)
		document.AddPage()
		for i := range 20 {
			document.Line(5, 5+float64(i)*7, paper.Style{Size: 12}, fmt.Sprint("Ship to 收件人：王小明 ", i))
		}
		finished(b, document)
	}
}

func newDocument(t testing.TB, draw func(document *paper.Document)) *paper.Document {
	t.Helper()
	document := paper.NewDocument(newFont(t), 100, 150, "Page 页", moment)
	document.AddPage()
	draw(document)
	return document
}

func finished(t testing.TB, document *paper.Document) []byte {
	t.Helper()
	pdf, err := document.Bytes()
	if err != nil {
		t.Fatalf("Bytes: %v", err)
	}
	return pdf
}
