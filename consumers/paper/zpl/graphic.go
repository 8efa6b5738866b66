package zpl

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/millrace/millrace/consumers/paper"
)

// bitmap draws a picture whose top left corner is given in dots.
func (l *Label) bitmap(left, top int, bitmap *paper.Bitmap) {
	if bitmap.Height > 0 {
		l.field("FO", left, top, "%s", graphic(bitmap.Bits, bitmap.Stride))
	}
}

// graphic is a picture as a graphic field in hexadecimal digits, in which a comma stands for white up to the end of a row,
// and a colon for the same row again.
func graphic(bits []byte, stride int) string {
	field := strings.Builder{}
	fmt.Fprintf(&field, "^GFA,%d,%d,%d,", len(bits), len(bits), stride)
	for at := 0; at < len(bits); at += stride {
		row := bits[at : at+stride]
		if at > 0 && bytes.Equal(row, bits[at-stride:at]) {
			field.WriteByte(':')
			continue
		}
		inked := bytes.TrimRight(row, "\x00")
		field.WriteString(strings.ToUpper(hex.EncodeToString(inked)))
		if len(inked) < stride {
			field.WriteByte(',')
		}
	}
	return field.String()
}
