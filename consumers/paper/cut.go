package paper

import (
	"encoding/binary"
	"iter"
	"maps"
	"slices"
)

// cut returns a font of just chars, which are sorted. The PDF writer takes its font apart twice for each document. With
// the few characters of a page that takes a tenth of the time, and 6 MB in place of 34 MB, that it takes with the whole
// font, which many pages at once could not afford.
func (f *Font) cut(chars []rune) []byte {
	if len(chars) > maxSegments {
		return slices.Clone(fontFile)
	}
	glyphs := f.needed(chars)
	renumbered := map[int]int{}
	for i, glyph := range glyphs {
		renumbered[glyph] = i
	}
	tables := map[string][]byte{"cmap": f.characterMap(chars, renumbered)}
	for _, name := range []string{"OS/2", "name", "post"} {
		tables[name] = f.tables[name].bytes()
	}
	// The offsets are those of numberOfHMetrics, numGlyphs and indexToLocFormat.
	tables["hhea"] = withUint16(f.tables["hhea"].bytes(), 34, len(glyphs))
	tables["maxp"] = withUint16(f.tables["maxp"].bytes(), 4, len(glyphs))
	tables["head"] = withUint16(f.tables["head"].bytes(), 50, 1)
	for _, glyph := range glyphs {
		tables["loca"] = binary.BigEndian.AppendUint32(tables["loca"], uint32(len(tables["glyf"])))
		tables["glyf"] = append(tables["glyf"], f.outline(glyph, renumbered)...)
		metrics := f.tables["hmtx"].start + 4*glyph
		tables["hmtx"] = append(tables["hmtx"], fontFile[metrics:metrics+4]...)
	}
	tables["loca"] = binary.BigEndian.AppendUint32(tables["loca"], uint32(len(tables["glyf"])))
	return assembled(tables)
}

// needed is the glyphs of chars, glyph 0, which every font has, before them, and behind them those that they are
// composed of.
func (f *Font) needed(chars []rune) []int {
	glyphs, seen := []int{}, map[int]bool{}
	need := func(glyph int) {
		if !seen[glyph] {
			seen[glyph] = true
			glyphs = append(glyphs, glyph)
		}
	}
	need(0)
	for _, char := range chars {
		need(int(f.glyphs[char]))
	}
	// The slice grows while it is walked: a component may be composed as well.
	for i := 0; i < len(glyphs); i++ {
		outline := f.glyphSpan(glyphs[i]).bytes()
		for at := range components(outline) {
			need(int(binary.BigEndian.Uint16(outline[at:])))
		}
	}
	return glyphs
}

// glyphSpan is where the outline of a glyph stands (OpenType specification, "loca", long format).
func (f *Font) glyphSpan(glyph int) span {
	entry, glyf := f.tables["loca"].start+4*glyph, f.tables["glyf"].start
	return span{glyf + uint32At(entry), glyf + uint32At(entry+4)}
}

// components yields where the numbers of the glyphs stand that outline is composed of (OpenType specification, "glyf",
// "Composite Glyph Description").
func components(outline []byte) iter.Seq[int] {
	const words, scale, more, scales, matrix = 1 << 0, 1 << 3, 1 << 5, 1 << 6, 1 << 7
	return func(yield func(int) bool) {
		if len(outline) == 0 || int16(binary.BigEndian.Uint16(outline)) >= 0 {
			return
		}
		for at, flags := 10, more; flags&more != 0; {
			flags = int(binary.BigEndian.Uint16(outline[at:]))
			if !yield(at + 2) {
				return
			}
			at += 6
			for flag, size := range map[int]int{words: 2, scale: 2, scales: 4, matrix: 8} {
				if flags&flag != 0 {
					at += size
				}
			}
		}
	}
}

// outline is a copy of a glyph's outline in which components have their new numbers, padded to four bytes.
func (f *Font) outline(glyph int, renumbered map[int]int) []byte {
	outline := slices.Clone(f.glyphSpan(glyph).bytes())
	for at := range components(outline) {
		component := int(binary.BigEndian.Uint16(outline[at:]))
		binary.BigEndian.PutUint16(outline[at:], uint16(renumbered[component]))
	}
	return padded(outline)
}

// maxSegments is how many segments of eight bytes fit in a character map, whose length has 16 bits.
const maxSegments = (1<<16 - 40) / 8

// characterMap is a "cmap" table of format 4 (OpenType specification) with one segment for each of chars, and the last
// one that the format asks for. The numbers that help a binary search are left zero: the PDF writer does not search.
func (f *Font) characterMap(chars []rune, renumbered map[int]int) []byte {
	segments := append(slices.Clone(chars), characters-1)
	table := []byte{}
	put := func(values ...int) {
		for _, value := range values {
			table = binary.BigEndian.AppendUint16(table, uint16(value))
		}
	}
	put(0, 1, 3, 1, 0, 12)
	put(4, 16+8*len(segments), 0, 2*len(segments), 0, 0, 0)
	for _, char := range segments {
		put(int(char))
	}
	put(0)
	for _, char := range segments {
		put(int(char))
	}
	for _, char := range segments {
		put(renumbered[int(f.glyphs[char])] - int(char))
	}
	put(make([]int, len(segments))...)
	return table
}

// assembled is a font file of tables. Its checksums are left zero: the PDF writer makes its own.
func assembled(tables map[string][]byte) []byte {
	names := slices.Sorted(maps.Keys(tables))
	file := binary.BigEndian.AppendUint32(nil, 1<<16)
	file = binary.BigEndian.AppendUint16(file, uint16(len(names)))
	file = append(file, make([]byte, 6)...)
	start := len(file) + 16*len(names)
	for _, name := range names {
		file = append(file, name...)
		file = binary.BigEndian.AppendUint32(file, 0)
		file = binary.BigEndian.AppendUint32(file, uint32(start))
		file = binary.BigEndian.AppendUint32(file, uint32(len(tables[name])))
		start += len(padded(tables[name]))
	}
	for _, name := range names {
		file = append(file, padded(tables[name])...)
	}
	return file
}

// padded is table with zeros up to a multiple of four bytes. It does not write to what table is a part of.
func padded(table []byte) []byte {
	return append(slices.Clip(table), make([]byte, -len(table)&3)...)
}

// withUint16 is a copy of table with one number of it replaced.
func withUint16(table []byte, at, value int) []byte {
	table = slices.Clone(table)
	binary.BigEndian.PutUint16(table[at:], uint16(value))
	return table
}
