package paper

import (
	"strings"
	"unicode"
)

const (
	// replacement is printed for a character that the font has no glyph for.
	replacement = '□'
	ellipsis    = '…'
	// sizeStep is by how much text is made smaller at a time, in points.
	sizeStep = 0.5
	// lineHeight is the distance of two lines, in sizes of the font.
	lineHeight = 1.32
	// pointsToMillimetres is how many millimetres a point is.
	pointsToMillimetres = 25.4 / 72
)

// Printable is text with every character that has no glyph replaced by □, a tab by a space, and without the characters
// that are invisible by nature (joiners, variation selectors, marks of direction). Line breaks stay.
func (f *Font) Printable(text string) string {
	return strings.Map(func(char rune) rune {
		switch {
		case char == '\n':
			return char
		case char == '\r' || unicode.Is(unicode.Cf, char) || unicode.Is(unicode.Variation_Selector, char):
			return -1
		case unicode.IsSpace(char):
			return ' '
		case !f.has(char) || !unicode.IsPrint(char):
			return replacement
		}
		return char
	}, text)
}

// Width is how wide text is when it is printed in one line, in millimetres; size is in points.
func (f *Font) Width(text string, size float64) float64 {
	return f.width([]rune(text), size)
}

func (f *Font) width(text []rune, size float64) float64 {
	units := 0
	for _, char := range text {
		units += int(f.widths[min(char, characters-1)])
	}
	return float64(units) / f.unitsPerEm * size * pointsToMillimetres
}

// Block is text that was made to fit.
type Block struct {
	// Lines is what to print; nothing for a text of nothing but space.
	Lines []string
	// Size is the size of the font, in points.
	Size float64
}

// Height is how high the block is, in millimetres.
func (b Block) Height() float64 {
	return float64(len(b.Lines)) * b.Size * lineHeight * pointsToMillimetres
}

// Baseline is how far below the block's top the baseline of a line is, in millimetres; lines count from 0.
func (b Block) Baseline(line int) float64 {
	// The strokes of a Chinese character reach from 0.86 above the baseline to 0.12 below it.
	return (float64(line)*lineHeight + (lineHeight-0.98)/2 + 0.86) * b.Size * pointsToMillimetres
}

// Fit makes text fit in width and height, in millimetres: it is wrapped, then made smaller, from size down to least
// points, and at the end cut, which an ellipsis shows. There is always room for one line, however low height is.
func (f *Font) Fit(text string, width, height, size, least float64) Block {
	text = strings.TrimSpace(f.Printable(text))
	// First without breaking a word, where that does not make it much smaller.
	for smaller := size; smaller >= max(least, size*0.75); smaller -= sizeStep {
		lines, wordsWhole := f.wrap(text, width, smaller)
		if block := (Block{lines, smaller}); wordsWhole && block.Height() <= height {
			return block
		}
	}
	for {
		lines, _ := f.wrap(text, width, size)
		block := Block{lines, size}
		if block.Height() <= height {
			return block
		}
		if size <= least {
			return f.shortened(block, width, height)
		}
		size = max(least, size-sizeStep)
	}
}

// shortened leaves the lines that there is room for and ends the last of them with an ellipsis.
func (f *Font) shortened(block Block, width, height float64) Block {
	room := max(1, int(height/(block.Size*lineHeight*pointsToMillimetres)))
	if len(block.Lines) <= room {
		return block
	}
	block.Lines = block.Lines[:room]
	last := []rune(block.Lines[room-1])
	for len(last) > 0 && f.width(append(last, ellipsis), block.Size) > width {
		last = last[:len(last)-1]
	}
	block.Lines[room-1] = strings.TrimRight(string(last), " ") + string(ellipsis)
	return block
}

// wrap breaks text into lines of at most width millimetres, and tells whether no word had to be broken.
func (f *Font) wrap(text string, width, size float64) (lines []string, wordsWhole bool) {
	wordsWhole = true
	if text == "" {
		return nil, wordsWhole
	}
	for paragraph := range strings.SplitSeq(text, "\n") {
		rest := []rune(strings.TrimSpace(paragraph))
		for {
			count, whole := f.lineLength(rest, width, size)
			wordsWhole = wordsWhole && whole
			lines = append(lines, strings.TrimRight(string(rest[:count]), " "))
			for count < len(rest) && rest[count] == ' ' {
				count++
			}
			if rest = rest[count:]; len(rest) == 0 {
				break
			}
		}
	}
	return lines, wordsWhole
}

// lineLength is how many characters of text go on its first line: as many as fit, back to the last place where the line
// may break. Where it may break nowhere it is broken where it is full, and wordsWhole is false.
func (f *Font) lineLength(text []rune, width, size float64) (count int, wordsWhole bool) {
	used, breakAt := 0.0, 0
	for i, char := range text {
		if i > 0 && mayBreak(text[i-1], char) {
			breakAt = i
		}
		used += f.width(text[i:i+1], size)
		if used > width && char != ' ' && i > 0 {
			if breakAt > 0 {
				return breakAt, true
			}
			return i, false
		}
	}
	return len(text), true
}

// mayBreak tells whether a line may end between two characters: after a space or a hyphen, and anywhere beside a
// Chinese, Japanese or Korean character, except that closing punctuation begins no line and opening punctuation ends
// none.
func mayBreak(before, after rune) bool {
	switch {
	case strings.ContainsRune("，。、；：？！）》」』】”’…·%,.;:?!)]}", after), strings.ContainsRune("（《「『【“‘([{￥$", before):
		return false
	case before == ' ' || before == '-':
		return true
	}
	return isWide(before) || isWide(after)
}

// isWide tells whether char is of the scripts that need no spaces: from the CJK radicals (U+2E80) upward.
func isWide(char rune) bool { return char >= 0x2E80 }
