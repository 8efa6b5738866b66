package papertest

import (
	"encoding/hex"
	"fmt"
	"image"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/qr"
)

// ZPL is a label as a printer of 203 dpi with 4 x 6 inch media would read it.
type ZPL struct {
	// Image is what is drawn, without the text in the printer's own font.
	Image *image.Gray
	// Texts are those that the printer prints in its own font.
	Texts []string
	// Code128 and QR are what the barcodes hold that the printer draws.
	Code128, QR []string
}

// The form of a label: what begins it, and its fields, of which each is a place and what is printed there.
var (
	zplLabel = regexp.MustCompile(`^\^XA\n\^CI28\n\^PW812\n\^LL1218\n\^LH0,0\n((?:\^F[OT][^\n]*\^FS\n)*)\^XZ\n$`)
	zplField = regexp.MustCompile(`^\^F([OT])(\d+),(\d+)(.*)\^FS$`)
	zplText  = regexp.MustCompile(`^\^A0N,(\d+),(\d+)(?:\^FB\d+,1,0,[CR])?\^FH\^FD([^^~]*)$`)
	zplBox   = regexp.MustCompile(`^\^GB(\d+),(\d+),(\d+)$`)
	zplBars  = regexp.MustCompile(`^\^BY(\d+)\^BCN,(\d+),N,N,N,A\^FH\^FD([^^~]*)$`)
	zplQR    = regexp.MustCompile(`^\^BQN,2,(\d+)\^FH\^FDMA,([^^~]*)$`)
	zplDots  = regexp.MustCompile(`^\^GFA,(\d+),(\d+),(\d+),([0-9A-F,:]*)$`)
)

// ReadZPL reads a label, and fails the test where a field is none of those that this project writes, or leaves the media.
func ReadZPL(t *testing.T, zpl []byte) *ZPL {
	t.Helper()
	label := &ZPL{Image: image.NewGray(image.Rect(0, 0, 812, 1218))}
	for i := range label.Image.Pix {
		label.Image.Pix[i] = 255
	}
	parts := zplLabel.FindSubmatch(zpl)
	if parts == nil {
		t.Fatalf("this is no label: %.300q", zpl)
	}
	for field := range strings.Lines(string(parts[1])) {
		if err := label.read(strings.TrimSuffix(field, "\n")); err != nil {
			t.Errorf("the field %.200q: %v", field, err)
		}
	}
	return label
}

// Scan is what a barcode reader finds on the label.
func (z *ZPL) Scan(t *testing.T) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "label.png")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := png.Encode(file, z.Image); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(run(t, "zbarimg", "-q", path)), "\n")
}

func (z *ZPL) read(field string) error {
	parts := zplField.FindStringSubmatch(field)
	if parts == nil {
		return fmt.Errorf("expected a place and what stands there")
	}
	at, what := image.Pt(number(parts[2]), number(parts[3])), parts[4]
	switch {
	case zplText.MatchString(what):
		z.Texts = append(z.Texts, unescaped(zplText.FindStringSubmatch(what)[3]))
		return nil
	case zplBox.MatchString(what):
		box := zplBox.FindStringSubmatch(what)
		return z.fill(at, number(box[1]), number(box[2]))
	case zplBars.MatchString(what):
		bars := zplBars.FindStringSubmatch(what)
		z.Code128 = append(z.Code128, unescaped(bars[3]))
		code, err := code128.Encode(unescaped(bars[3]))
		if err != nil {
			return err
		}
		return z.code(code, at, number(bars[1]), number(bars[2]))
	case zplQR.MatchString(what):
		matrix := zplQR.FindStringSubmatch(what)
		z.QR = append(z.QR, unescaped(matrix[2]))
		code, err := qr.Encode(unescaped(matrix[2]), qr.M, qr.Auto)
		if err != nil {
			return err
		}
		return z.code(code, at, number(matrix[1]), number(matrix[1]))
	case zplDots.MatchString(what):
		return z.dots(at, zplDots.FindStringSubmatch(what))
	}
	return fmt.Errorf("expected a text, a box, a barcode or a picture")
}

// code draws a barcode, each of whose modules is so large.
func (z *ZPL) code(code barcode.Barcode, at image.Point, width, height int) error {
	for y := range code.Bounds().Dy() {
		for x := range code.Bounds().Dx() {
			if red, _, _, _ := code.At(x, y).RGBA(); red != 0 {
				continue
			}
			if err := z.fill(at.Add(image.Pt(x*width, y*height)), width, height); err != nil {
				return err
			}
		}
	}
	return nil
}

// dots draws a graphic field: its bytes, the bytes of a row, and hexadecimal digits, a comma for white to the end of the
// row, a colon for the row before.
func (z *ZPL) dots(at image.Point, parts []string) error {
	size, stride, rest := number(parts[1]), number(parts[3]), parts[4]
	row, rows := make([]byte, stride), 0
	for ; rest != ""; rows++ {
		if rest[0] == ':' {
			rest = rest[1:]
		} else {
			digits := strings.IndexAny(rest+",", ",:")
			digits = min(digits, 2*stride)
			row = make([]byte, stride)
			if _, err := hex.Decode(row, []byte(rest[:digits])); err != nil {
				return err
			}
			if rest = rest[digits:]; digits < 2*stride {
				rest = strings.TrimPrefix(rest, ",")
			}
		}
		for x := range 8 * stride {
			if row[x/8]&(0x80>>(x%8)) == 0 {
				continue
			}
			if err := z.fill(at.Add(image.Pt(x, rows)), 1, 1); err != nil {
				return err
			}
		}
	}
	if size != rows*stride || parts[1] != parts[2] {
		return fmt.Errorf("it says %s and %s bytes, and has %d rows of %d", parts[1], parts[2], rows, stride)
	}
	return nil
}

func (z *ZPL) fill(at image.Point, width, height int) error {
	box := image.Rectangle{at, at.Add(image.Pt(width, height))}
	if !box.In(z.Image.Rect) {
		return fmt.Errorf("%v leaves the media of %v", box, z.Image.Rect)
	}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		clear(z.Image.Pix[z.Image.PixOffset(box.Min.X, y):z.Image.PixOffset(box.Max.X, y)])
	}
	return nil
}

func number(digits string) int {
	number, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return number
}

// unescaped is a field's data without its escapes, which are those of a URL but for their first character.
func unescaped(data string) string {
	text, err := url.PathUnescape(strings.ReplaceAll(strings.ReplaceAll(data, "%", "%25"), "_", "%"))
	if err != nil {
		return err.Error()
	}
	return text
}
