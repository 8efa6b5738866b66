package paper

import (
	_ "embed" // for the font
	"encoding/binary"
	"fmt"

	"golang.org/x/image/font/opentype"
)

// fontFile is a TrueType font with Chinese, Japanese, Korean, Latin, Greek and Cyrillic glyphs. font/README.txt says
// where it comes from. It is only ever read.
//
//go:embed font/wqy-microhei.ttf
var fontFile []byte

// characters is how many a page can tell apart: the Basic Multilingual Plane, which is all that the PDF writer knows.
const characters = 1 << 16

// Font knows which characters can be printed and how wide they are. It may be used by many goroutines at once.
type Font struct {
	// tables is where each table of the font file stands.
	tables     map[string]span
	unitsPerEm float64
	// glyphs and widths are by character; glyph 0 means that there is none.
	glyphs []uint16
	widths []uint16
	// outlines draws the glyphs as dots.
	outlines *opentype.Font
}

// NewFont reads the font that is built into the program. An error means that the program was built with a damaged one.
func NewFont() (*Font, error) {
	tables, err := fontTables()
	if err != nil {
		return nil, fmt.Errorf("read the built-in font: %w", err)
	}
	outlines, err := opentype.Parse(fontFile)
	if err != nil {
		return nil, fmt.Errorf("read the built-in font: %w", err)
	}
	font := &Font{tables: tables, glyphs: make([]uint16, characters), widths: make([]uint16, characters), outlines: outlines}
	font.unitsPerEm = float64(uint16At(tables["head"].start + 18))
	font.readGlyphs(tables["cmap"].start)
	for char, glyph := range font.glyphs {
		font.widths[char] = uint16(uint16At(tables["hmtx"].start + 4*int(glyph)))
	}
	return font, nil
}

// span is a part of the font file, from start up to end.
type span struct{ start, end int }

// bytes is the part of the file, which must not be written to.
func (s span) bytes() []byte { return fontFile[s.start:s.end:s.end] }

// fontTables reads the font's table directory (OpenType specification, "Table Directory").
func fontTables() (map[string]span, error) {
	tables := map[string]span{}
	for i := range uint16At(4) {
		entry := 12 + 16*i
		start := uint32At(entry + 8)
		tables[string(fontFile[entry:entry+4])] = span{start, start + uint32At(entry+12)}
	}
	for _, name := range []string{"OS/2", "cmap", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "name", "post"} {
		if tables[name].start == 0 {
			return nil, fmt.Errorf("it has no table %q", name)
		}
	}
	if metrics, glyphs := uint16At(tables["hhea"].start+34), uint16At(tables["maxp"].start+4); metrics != glyphs {
		return nil, fmt.Errorf("it has the widths of %d of its %d glyphs", metrics, glyphs)
	}
	return tables, nil
}

// readGlyphs reads the character map (OpenType specification, "cmap", format 4, which the first subtable has).
func (f *Font) readGlyphs(cmap int) {
	start := cmap + uint32At(cmap+8)
	size := uint16At(start + 6)
	ends, starts := start+14, start+16+size
	deltas, offsets := starts+size, starts+2*size
	for at := 0; at < size; at += 2 {
		first, delta, offset := uint16At(starts+at), uint16At(deltas+at), uint16At(offsets+at)
		for char := first; char <= uint16At(ends+at) && char < characters-1; char++ {
			glyph := char
			if offset != 0 {
				glyph = uint16At(offsets + at + offset + 2*(char-first))
			}
			f.glyphs[char] = uint16(glyph + delta)
		}
	}
}

func uint16At(at int) int { return int(binary.BigEndian.Uint16(fontFile[at:])) }

func uint32At(at int) int { return int(binary.BigEndian.Uint32(fontFile[at:])) }

// has tells whether the font can print char.
func (f *Font) has(char rune) bool { return char < characters && f.glyphs[char] != 0 }
