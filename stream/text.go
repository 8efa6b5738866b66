package stream

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxErrorBytes is how much of an error is kept in a note or a dead letter.
const MaxErrorBytes = 2048

// CleanError makes text fit for a note, a dead letter, a log and a terminal: valid UTF-8, no control characters but line
// breaks and tabs, at most MaxErrorBytes of it (the beginning and, of a longer one, the end).
func CleanError(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || isBidiControl(r):
			return utf8.RuneError
		default:
			return r
		}
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
	if len(text) <= MaxErrorBytes {
		return text
	}
	const cut = "\n[...]\n"
	half := (MaxErrorBytes - len(cut)) / 2
	return validEnd(text[:half]) + cut + validStart(text[len(text)-half:])
}

// isBidiControl tells whether r changes the direction in which a terminal shows what follows.
func isBidiControl(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// validEnd drops a character that was cut in two at the end of text.
func validEnd(text string) string {
	for len(text) > 0 {
		r, size := utf8.DecodeLastRuneInString(text)
		if r != utf8.RuneError || size > 1 {
			break
		}
		text = text[:len(text)-1]
	}
	return text
}

// validStart drops a character that was cut in two at the start of text.
func validStart(text string) string {
	for len(text) > 0 && !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	return text
}
