package paper

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNumberBytes is how much of an order number stands in a file name. File systems take 255 bytes, some encrypted ones
// 143; kind, hash and ending need up to 40.
const maxNumberBytes = 96

// FileName is the name of the file that a kind prints for an event: `<kind>-<number>-<hash>.<format>`. The hash is of
// identity, which is what tells this event from every other, so that a redelivery writes the same file again, and another
// event of the same order never overwrites it.
//
// The number is there for people. Letters and digits of any script, `-`, `_` and `.` stay as they are and other bytes
// become %XX, so a name holds no path, no control character and nothing a shell would act on. A number that is too long
// is cut, and a hash of the whole follows a `~`.
func FileName(kind, number string, format Format, identity ...string) string {
	return fmt.Sprintf("%s-%s-%s.%s", kind, escaped(number), hash(8, identity...), cmp.Or(format, PDF))
}

func escaped(number string) string {
	name := strings.Builder{}
	for at := 0; at < len(number); {
		char, size := utf8.DecodeRuneInString(number[at:])
		part := number[at : at+size]
		if !isPlain(char) {
			part = percent(part)
		}
		if name.Len()+len(part) > maxNumberBytes {
			return name.String() + "~" + hash(16, number)
		}
		name.WriteString(part)
		at += size
	}
	return name.String()
}

// isPlain tells whether char may stand in a file name. What is no UTF-8 is decoded as U+FFFD, which is neither a letter
// nor a digit.
func isPlain(char rune) bool {
	return unicode.IsLetter(char) || unicode.IsDigit(char) || strings.ContainsRune("-_.", char)
}

func percent(part string) string {
	text := strings.Builder{}
	for _, octet := range []byte(part) {
		fmt.Fprintf(&text, "%%%02X", octet)
	}
	return text.String()
}

// hash is the first digits of the SHA-256 of parts, each with its length before it, so that ("a", "bc") and ("ab", "c")
// differ.
func hash(digits int, parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(sum, "%d:%s,", len(part), part)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))[:digits]
}
