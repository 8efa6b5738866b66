package paper

import (
	"fmt"
	"image"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

const (
	// DotsPerMillimetre is what a label printer of 203 dpi prints.
	DotsPerMillimetre = 1 / dot
	dotsPerInch       = 25.4 * DotsPerMillimetre
	// covered is how much of a dot a stroke must cover, of 255, for the dot to be black.
	covered = 112
	// above and below are how far a glyph may reach from the baseline, in sizes of the font.
	above, below = 1.25, 0.5
	// boldStroke is how much thicker the strokes of bold text are, in sizes of the font.
	boldStroke = 0.028
)

// Bitmap is a picture of black and white dots.
type Bitmap struct {
	// Width and Height are in dots.
	Width, Height int
	// Stride is how many bytes a row takes.
	Stride int
	// Bits are the rows from the top, each dot a bit, the leftmost the highest of the first byte. 1 is black.
	Bits []byte
	// Left and Top are where the picture's top left corner is, seen from where the text begins on its baseline, in dots.
	Left, Top int
}

func newBitmap(left, top, width, height int) *Bitmap {
	stride := (width + 7) / 8
	return &Bitmap{Width: width, Height: height, Stride: stride, Bits: make([]byte, stride*height), Left: left, Top: top}
}

// blacken makes a dot black; x and y are seen from where the text begins. A dot outside the picture is left out.
func (b *Bitmap) blacken(x, y int) {
	x, y = x-b.Left, y-b.Top
	if x >= 0 && x < b.Width && y >= 0 && y < b.Height {
		b.Bits[y*b.Stride+x/8] |= 0x80 >> (x % 8)
	}
}

// Raster is a line of text as the dots of a 203 dpi printer; size is in points. A character without a glyph is □, as
// Printable has it.
func (f *Font) Raster(text string, size float64, bold bool) (*Bitmap, error) {
	text = f.Printable(text)
	face, err := opentype.NewFace(f.outlines, &opentype.FaceOptions{Size: size, DPI: dotsPerInch})
	if err != nil {
		return nil, fmt.Errorf("draw text: %w", err)
	}
	em := size * pointsToMillimetres * DotsPerMillimetre
	thicker := 0
	if bold {
		thicker = max(1, int(math.Round(em*boldStroke)))
	}
	top, edge := -int(math.Ceil(above*em)), int(math.Ceil(em/4))
	width := int(math.Ceil(f.Width(text, size)*DotsPerMillimetre)) + 2*edge
	bitmap := newBitmap(-edge, top, width, int(math.Ceil(below*em))-top)
	pen := fixed.Int26_6(0)
	for _, char := range text {
		pen += bitmap.glyph(face, char, pen, thicker)
	}
	return bitmap.cropped(), nil
}

// glyph draws a character at pen on the baseline and returns how far the pen goes on.
func (b *Bitmap) glyph(face font.Face, char rune, pen fixed.Int26_6, thicker int) fixed.Int26_6 {
	at, mask, from, advance, ok := face.Glyph(fixed.Point26_6{X: pen}, char)
	shape, isAlpha := mask.(*image.Alpha)
	if !ok || !isAlpha {
		return advance
	}
	for y := at.Min.Y; y < at.Max.Y; y++ {
		for x := at.Min.X; x < at.Max.X; x++ {
			if shape.AlphaAt(from.X+x-at.Min.X, from.Y+y-at.Min.Y).A < covered {
				continue
			}
			for more := range thicker + 1 {
				b.blacken(x+more, y)
			}
		}
	}
	return advance
}

// cropped is the picture without the white rows above and below.
func (b *Bitmap) cropped() *Bitmap {
	first, end := b.Height, 0
	for at, bits := range b.Bits {
		if bits != 0 {
			first, end = min(first, at/b.Stride), at/b.Stride+1
		}
	}
	if first >= end {
		return newBitmap(b.Left, b.Top, b.Width, 0)
	}
	return &Bitmap{b.Width, end - first, b.Stride, b.Bits[first*b.Stride : end*b.Stride], b.Left, b.Top + first}
}
