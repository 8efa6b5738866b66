package zpl

import (
	"bytes"
	"fmt"
	"math"

	"github.com/millrace/millrace/consumers/paper"
)

// The media: 4 x 6 inch at 203 dpi, in dots.
const (
	mediaWidth  = 4 * 203
	mediaHeight = 6 * 203
	// lightest is the lightest gray that is printed, as black.
	lightest = 127
)

// Label is a label in the making. It is used by one goroutine. Lengths are in millimetres from the top left corner, as in
// a paper.Document.
type Label struct {
	font      *paper.Font
	left, top int
	commands  bytes.Buffer
	fault     error
}

// NewLabel begins a label whose drawing, width x height millimetres, stands in the middle of the media.
func NewLabel(font *paper.Font, width, height float64) *Label {
	label := &Label{font: font, left: (mediaWidth - dots(width)) / 2, top: (mediaHeight - dots(height)) / 2}
	// UTF-8; the size of the media; and no offset that an earlier label may have left.
	fmt.Fprintf(&label.commands, "^XA\n^CI28\n^PW%d\n^LL%d\n^LH0,0\n", mediaWidth, mediaHeight)
	return label
}

// Bytes is the finished label. The same drawings give the same bytes.
func (l *Label) Bytes() ([]byte, error) {
	if l.fault != nil {
		return nil, l.fault
	}
	return append(bytes.Clone(l.commands.Bytes()), "^XZ\n"...), nil
}

// Paragraph draws text in box, made to fit as Font.Fit does it, and returns where it ends, in millimetres from the top.
func (l *Label) Paragraph(box paper.Box, style paper.Style, least float64, text string) float64 {
	return l.Block(box.X, box.Y, style, l.font.Fit(text, box.Width, box.Height, style.Size, least))
}

// Block draws a block whose top is y, in the block's size, and returns where it ends, in millimetres from the top.
func (l *Label) Block(x, y float64, style paper.Style, block paper.Block) float64 {
	style.Size = block.Size
	for i, line := range block.Lines {
		l.Line(x, y+block.Baseline(i), style, line)
	}
	return y + block.Height()
}

// Rule draws a horizontal line of the given thickness.
func (l *Label) Rule(x, y, width, thickness float64, gray int) {
	l.Fill(paper.Box{X: x, Y: y - thickness/2, Width: width, Height: thickness}, gray)
}

// Fill fills box with black, or leaves it white where gray is light.
func (l *Label) Fill(box paper.Box, gray int) {
	if gray > lightest {
		return
	}
	width, height := max(1, dots(box.Width)), max(1, dots(box.Height))
	l.field("FO", l.x(box.X), l.y(box.Y), "^GB%d,%d,%d", width, height, min(width, height))
}

// field writes a field at a place; origin is FO, the top left corner, or FT, the baseline's left end.
func (l *Label) field(origin string, x, y int, format string, arguments ...any) {
	fmt.Fprintf(&l.commands, "^%s%d,%d", origin, max(0, x), max(0, y))
	fmt.Fprintf(&l.commands, format, arguments...)
	l.commands.WriteString("^FS\n")
}

func (l *Label) x(millimetres float64) int { return l.left + dots(millimetres) }

func (l *Label) y(millimetres float64) int { return l.top + dots(millimetres) }

func dots(millimetres float64) int { return int(math.Round(millimetres * paper.DotsPerMillimetre)) }
