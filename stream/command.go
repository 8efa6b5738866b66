package stream

import (
	"fmt"
	"strings"
)

// Command is a Redis command, word by word, for an operator who wants to see or run it by hand.
type Command []string

// String writes the command as redis-cli reads it. A word with anything but plain characters stands in double quotes,
// with the escapes of the redis-cli page ("String quoting and escaping"), so that it is safe to show whatever it holds.
func (c Command) String() string {
	words := make([]string, len(c))
	for i, word := range c {
		words[i] = quoteWord(word)
	}
	return strings.Join(words, " ")
}

func quoteWord(word string) string {
	if word != "" && strings.IndexFunc(word, isSpecial) < 0 {
		return word
	}
	var quoted strings.Builder
	quoted.WriteByte('"')
	for i := range len(word) {
		switch b := word[i]; {
		case b == '"' || b == '\\':
			quoted.WriteByte('\\')
			quoted.WriteByte(b)
		case b < ' ' || b > '~':
			fmt.Fprintf(&quoted, `\x%02x`, b)
		default:
			quoted.WriteByte(b)
		}
	}
	quoted.WriteByte('"')
	return quoted.String()
}

// isSpecial tells whether a word with r in it is quoted, for redis-cli's sake or a shell's.
func isSpecial(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune("\"'\\`$*?&;|<>()[]#!~", r)
}
