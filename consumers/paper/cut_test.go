package paper

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"codeberg.org/go-pdf/fpdf"
)

// A page printed with a cut font looks as it does with the whole one, glyphs that are composed of others included.
func TestCutFontLooksLikeTheWhole(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("pdftoppm"); err != nil {
		if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
			t.Fatal("pdftoppm is not installed, and MILLRACE_REQUIRE_TOOLS is 1: install poppler-utils")
		}
		t.Skip("pdftoppm is not installed: install poppler-utils to run this test")
	}
	font, err := NewFont()
	if err != nil {
		t.Fatal(err)
	}
	// Every 29th character of the font, so every script has some.
	chars := []rune{}
	for char := rune(' '); char < characters; char++ {
		if font.has(char) && (char < 0x250 || char%29 == 0) {
			chars = append(chars, char)
		}
	}
	cut := font.cut(chars)
	if len(cut) > len(fontFile)/10 {
		t.Errorf("a font of %d characters has %d bytes, want less than a tenth of %d", len(chars), len(cut), len(fontFile))
	}
	whole := drawn(t, slices.Clone(fontFile), chars)
	if !bytes.Equal(drawn(t, cut, chars), whole) {
		t.Errorf("%d characters look different in a font that holds only them", len(chars))
	}
	if bytes.Equal(drawn(t, font.cut(chars[1000:]), chars), whole) {
		t.Error("a font without the first 1,000 characters prints them: the comparison sees nothing")
	}
}

// drawn is a page of chars as pixels.
func drawn(t *testing.T, font []byte, chars []rune) []byte {
	t.Helper()
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.AddUTF8FontFromBytes("test", "", font)
	pdf.AddPage()
	pdf.SetFont("test", "", 10)
	row := 0
	for line := range slices.Chunk(chars, 45) {
		row++
		pdf.Text(10, float64(row)*6, string(line))
	}
	path := filepath.Join(t.TempDir(), "page")
	if err := pdf.OutputFileAndClose(path + ".pdf"); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("pdftoppm", "-r", "100", "-gray", "-singlefile", path+".pdf", path).Run(); err != nil {
		t.Fatalf("pdftoppm: %v", err)
	}
	pixels, err := os.ReadFile(path + ".pgm")
	if err != nil {
		t.Fatal(err)
	}
	return pixels
}

// What the PDF writer takes for the whole font, to compare with BenchmarkDocument.
func BenchmarkWholeFont(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		pdf := fpdf.New("P", "mm", "A4", "")
		pdf.AddUTF8FontFromBytes("test", "", fontFile)
		pdf.AddPage()
		pdf.SetFont("test", "", 10)
		pdf.Text(10, 10, "Ship to 收件人：王小明")
		if err := pdf.Output(&bytes.Buffer{}); err != nil {
			b.Fatal(err)
		}
	}
}
