// Package papertest looks at what was printed as its readers do: it reads the text of PDF files and scans barcodes, with
// poppler (pdfinfo, pdftotext, pdftoppm) and zbar (zbarimg), and it starts printers: a print server, and a sink for raw
// data. A test that needs a tool that is not installed is skipped, or fails
// where MILLRACE_REQUIRE_TOOLS is 1.
package papertest

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Info is what pdfinfo says of a PDF, such as `Pages` and `Page size`.
func Info(t *testing.T, pdf []byte) map[string]string {
	t.Helper()
	info := map[string]string{}
	for line := range strings.SplitSeq(run(t, "pdfinfo", stored(t, pdf)), "\n") {
		name, value, _ := strings.Cut(line, ":")
		info[name] = strings.TrimSpace(value)
	}
	return info
}

// Text is all text of a PDF, with one space between words.
func Text(t *testing.T, pdf []byte) string {
	t.Helper()
	return strings.Join(strings.Fields(run(t, "pdftotext", "-layout", stored(t, pdf), "-")), " ")
}

// Scan is what a barcode reader finds on a page, counted from 1, when it is printed at 203 dpi, such as
// `CODE-128:12345`.
func Scan(t *testing.T, pdf []byte, page int) []string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "page")
	number := strconv.Itoa(page)
	run(t, "pdftoppm", "-r", "203", "-png", "-singlefile", "-f", number, "-l", number, stored(t, pdf), image)
	return strings.Split(strings.TrimSpace(run(t, "zbarimg", "-q", image+".png")), "\n")
}

// Page is a page of a PDF. Lengths are in points.
type Page struct {
	Width  float64 `xml:"width,attr"`
	Height float64 `xml:"height,attr"`
	Words  []Word  `xml:"word"`
}

// Word is a word and where it stands on its page.
type Word struct {
	Left   float64 `xml:"xMin,attr"`
	Top    float64 `xml:"yMin,attr"`
	Right  float64 `xml:"xMax,attr"`
	Bottom float64 `xml:"yMax,attr"`
	Text   string  `xml:",chardata"`
}

// Layout is the words of each page of a PDF.
func Layout(t *testing.T, pdf []byte) []Page {
	t.Helper()
	document := struct {
		Pages []Page `xml:"body>doc>page"`
	}{}
	text := run(t, "pdftotext", "-bbox", stored(t, pdf), "-")
	if err := xml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatalf("read what pdftotext -bbox printed: %v", err)
	}
	return document.Pages
}

// CheckLayout reports words that leave their page's margins, given in points, and words that are printed over others.
func CheckLayout(t *testing.T, pdf []byte, margin float64) {
	t.Helper()
	for i, page := range Layout(t, pdf) {
		for j, word := range page.Words {
			if word.Left < margin-1 || word.Top < margin-1 || word.Right > page.Width-margin+1 || word.Bottom > page.Height {
				t.Errorf("page %d: %+v leaves the page of %v x %v points", i+1, word, page.Width, page.Height)
			}
			for _, other := range page.Words[:j] {
				if word.overlaps(other) {
					t.Errorf("page %d: %+v is printed over %+v", i+1, word, other)
				}
			}
		}
	}
}

// overlaps tells whether two words share more than a fifth of the smaller one: the boxes of neighbouring lines, which
// include the room for accents, touch.
func (w Word) overlaps(other Word) bool {
	width := min(w.Right, other.Right) - max(w.Left, other.Left)
	height := min(w.Bottom, other.Bottom) - max(w.Top, other.Top)
	return width > 0 && height > 0 && width*height > 0.2*min(w.area(), other.area())
}

func (w Word) area() float64 { return (w.Right - w.Left) * (w.Bottom - w.Top) }

func stored(t *testing.T, pdf []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.pdf")
	if err := os.WriteFile(path, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func run(t *testing.T, tool string, arguments ...string) string {
	t.Helper()
	need(t, tool, "poppler-utils and zbar-tools")
	output, err := exec.Command(tool, arguments...).Output()
	if err != nil {
		t.Fatalf("%s %s: %v", tool, strings.Join(arguments, " "), err)
	}
	return string(output)
}

// need skips a test whose tool is not installed, or fails it where MILLRACE_REQUIRE_TOOLS is 1; packages are Debian's.
func need(t testing.TB, tool, packages string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
			t.Fatalf("%s is not installed, and MILLRACE_REQUIRE_TOOLS is 1: install %s", tool, packages)
		}
		t.Skipf("%s is not installed: install %s to run this test", tool, packages)
	}
}
