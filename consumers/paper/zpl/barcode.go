package zpl

import (
	"fmt"
	"math"
	"strings"

	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/qr"

	"github.com/millrace/millrace/consumers/paper"
)

const (
	// leastModule is how wide the narrowest bar must be for a hand-held scanner to read it reliably, in dots.
	leastModule = 2
	// maxModule is the widest that a printer draws.
	maxModule = 10
	// quiet is the white margin at each side that a reader needs, in modules (ISO/IEC 15417).
	quiet = 10
	// maxCode128 is how many characters the encoder takes.
	maxCode128 = 80
)

// Code128 has the printer draw content as a Code 128 in the middle of box, its quiet zones included and its bars as wide
// as there is room for. It draws nothing and returns false where content is not printable ASCII, or is too long for bars
// that a scanner can read.
func (l *Label) Code128(box paper.Box, content string) bool {
	if content == "" || len(content) > maxCode128 || strings.ContainsFunc(content, notASCII) {
		return false
	}
	code, err := code128.Encode(content)
	if err != nil {
		return false
	}
	modules := code.Bounds().Dx()
	module := min(dots(box.Width)/(modules+2*quiet), maxModule)
	if module < leastModule {
		return false
	}
	left, height := l.x(box.X)+(dots(box.Width)-module*modules)/2, dots(box.Height)
	if strings.Contains(content, ">") {
		// A printer takes it for a change of the code's subset; here the bars are drawn.
		for x := range modules {
			if red, _, _, _ := code.At(x, 0).RGBA(); red == 0 {
				l.field("FO", left+x*module, l.y(box.Y), "^GB%d,%d,%d", module, height, module)
			}
		}
		return true
	}
	// N: no line of text. A: the printer finds the shortest encoding.
	l.field("FO", left, l.y(box.Y), "^BY%d^BCN,%d,N,N,N,A%s", module, height, data(content))
	return true
}

func notASCII(char rune) bool { return char < ' ' || char > '~' }

// QR has the printer draw content as a QR code in the top right corner of box, as large as there is room for, in UTF-8.
// Its quiet zone is not included. An error means that content is longer than a QR code can be, 2,331 bytes.
func (l *Label) QR(box paper.Box, content string) error {
	code, err := qr.Encode(content, qr.M, qr.Auto)
	if err != nil {
		return fmt.Errorf("make a QR code of %d bytes: %w", len(content), err)
	}
	modules := code.Bounds().Dx()
	side := dots(math.Min(box.Width, box.Height))
	module := min(max(1, side/modules), maxModule)
	// M: the same error correction as in the code that was measured. A: the printer finds the encoding.
	l.field("FO", l.x(box.X+box.Width)-module*modules, l.y(box.Y), "^BQN,2,%d%s", module, data("MA,"+content))
	return nil
}
