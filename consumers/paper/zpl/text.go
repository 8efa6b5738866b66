package zpl

import (
	"fmt"
	"math"
	"strings"

	"github.com/millrace/millrace/consumers/paper"
)

const (
	pointsToMillimetres = 25.4 / 72
	// roomier is how much wider than its measured width the field of a line is that is not aligned to the left: the
	// printer's font has other widths.
	roomier = 1.25
)

// Line draws one line of text whose baseline is y.
func (l *Label) Line(x, y float64, style paper.Style, text string) {
	text = l.font.Printable(text)
	if text == "" {
		return
	}
	width := l.font.Width(text, style.Size)
	if strings.ContainsFunc(text, isForeign) {
		l.picture(x-width*float64(style.Align)/2, y, style, text)
		return
	}
	height := int(math.Round(style.Size * pointsToMillimetres * paper.DotsPerMillimetre))
	block := ""
	if style.Align != paper.Left {
		width *= roomier
		x -= width * float64(style.Align) / 2
		block = fmt.Sprintf("^FB%d,1,0,%s", dots(width), map[paper.Align]string{paper.Center: "C", paper.Right: "R"}[style.Align])
	}
	l.field("FT", l.x(x), l.y(y), "^A0N,%d,%d%s%s", height, height, block, data(text))
}

// isForeign tells whether a character is one that the printer's own font may not have, or that a text field takes for
// something else.
func isForeign(char rune) bool { return char < ' ' || char > '~' || char == '\\' }

// data is a text as a field's data, in which hexadecimal digits after an underscore are a byte. The characters that begin
// a command, and what cannot be printed, are written so.
func data(text string) string {
	escaped := strings.Builder{}
	for _, octet := range []byte(text) {
		if octet < ' ' || octet == 0x7f || strings.IndexByte("^~_", octet) >= 0 {
			fmt.Fprintf(&escaped, "_%02X", octet)
			continue
		}
		escaped.WriteByte(octet)
	}
	return "^FH^FD" + escaped.String()
}

// picture draws a line as dots.
func (l *Label) picture(x, y float64, style paper.Style, text string) {
	bitmap, err := l.font.Raster(text, style.Size, style.Bold)
	if err != nil {
		l.fault = err
		return
	}
	l.bitmap(l.x(x)+bitmap.Left, l.y(y)+bitmap.Top, bitmap)
}
