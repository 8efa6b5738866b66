package paper

import (
	"fmt"
	"math"
	"strings"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/qr"
)

const (
	// dot is what a label printer of 203 dpi (8 dots a millimetre) can draw, in millimetres. Bars that are whole dots
	// wide stay sharp there.
	dot = 0.125
	// leastModule is how wide the narrowest bar must be for a hand-held scanner to read it reliably, in millimetres.
	leastModule = 2 * dot
	// code128Quiet is the white margin at each side that a reader needs, in modules (ISO/IEC 15417).
	code128Quiet = 10
	// maxCode128 is how many characters the encoder takes.
	maxCode128 = 80
)

// Code128 draws content as a Code 128 in the middle of box, its quiet zones included and its bars as wide as there is
// room for. It draws nothing and returns false where content is not printable ASCII, which is all that Code 128 holds,
// or is too long for bars that a scanner can read. A QR code takes its place then.
func (d *Document) Code128(box Box, content string) bool {
	if content == "" || len(content) > maxCode128 || strings.ContainsFunc(content, notASCII) {
		return false
	}
	code, err := code128.Encode(content)
	if err != nil {
		return false
	}
	modules := code.Bounds().Dx()
	module := wholeDots(box.Width / float64(modules+2*code128Quiet))
	if module < leastModule {
		return false
	}
	left := box.X + (box.Width-module*float64(modules))/2
	d.bars(code, 0, left, Box{Y: box.Y, Width: module, Height: box.Height})
	return true
}

func notASCII(char rune) bool { return char < ' ' || char > '~' }

// QR draws content as a QR code in the top right corner of box, as large as there is room for. Its quiet zone is not
// included: box must have white around it, a fifth of its side. What is not ASCII stands in it as UTF-8 without a header
// that says so, as is usual: most readers recognise it, but one that guesses may guess wrong. An error means that content
// is longer than a QR code can be, 2,331 bytes.
func (d *Document) QR(box Box, content string) error {
	code, err := qr.Encode(content, qr.M, qr.Auto)
	if err != nil {
		return fmt.Errorf("make a QR code of %d bytes: %w", len(content), err)
	}
	modules := float64(code.Bounds().Dx())
	module := wholeDots(min(box.Width, box.Height) / modules)
	left := box.X + box.Width - module*modules
	for y := range code.Bounds().Dy() {
		d.bars(code, y, left, Box{Y: box.Y + module*float64(y), Width: module, Height: module})
	}
	return nil
}

// wholeDots is length rounded down to whole dots, where it is long enough for that to be worth while.
func wholeDots(length float64) float64 {
	if length < leastModule {
		return length
	}
	return math.Floor(length/dot+1e-9) * dot
}

// bars draws the dark modules of row y from left on, neighbours as one bar, so that no hairline is left between them.
// at says where the row stands and how large its modules are.
func (d *Document) bars(code barcode.Barcode, y int, left float64, at Box) {
	count := code.Bounds().Dx()
	for x := 0; x < count; x++ {
		first := x
		for x < count && isDark(code, x, y) {
			x++
		}
		if x > first {
			d.Fill(Box{left + at.Width*float64(first), at.Y, at.Width * float64(x-first), at.Height}, 0)
		}
	}
}

func isDark(code barcode.Barcode, x, y int) bool {
	red, _, _, _ := code.At(x, y).RGBA()
	return red == 0
}
