package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/millrace/millrace/stream"
)

// oneLine makes text from outside fit for a cell of a table or a line of a terminal.
func oneLine(text string) string {
	return strings.Join(strings.Fields(stream.CleanError(text)), " ")
}

// brief is oneLine of at most width cells of a terminal. The mark of what is left out is ASCII: terminals do not agree on
// the width of an ellipsis beside Chinese text.
func brief(words string, width int) string {
	return text.Snip(oneLine(words), width, "...")
}

// isObeyed tells whether a terminal, or what shows a file of lines, would obey a character: a control other than the line
// break, another sort of line break, or what turns the direction of text.
func isObeyed(character rune) bool {
	return character != '\n' && unicode.In(character, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// escapeObeyed escapes, in JSON, what a terminal would obey.
func escapeObeyed(content string) string {
	var safe strings.Builder
	for _, character := range content {
		if isObeyed(character) {
			fmt.Fprintf(&safe, `\u%04x`, character)
			continue
		}
		safe.WriteRune(character)
	}
	return safe.String()
}

// plainName is the name of a group as it is, or quoted where another program chose one that no group of ours may have. No
// two names become the same.
func plainName(name string) string {
	if stream.CheckGroup(name) == nil {
		return name
	}
	return strconv.QuoteToASCII(name)
}

// orDash shows where there is nothing.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// Spell prints a duration without the zero units that Go adds: 24h, not 24h0m0s.
func Spell(duration time.Duration) string {
	text := duration.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// roughly prints a duration with one unit, or with two where one would be far off: 45s, 1m30s, 45m, 1h30m, 45h, 3 days.
func roughly(duration time.Duration) string {
	const day = 24 * time.Hour
	if duration = max(duration, 0); duration >= 2*day {
		return whole(int(duration.Round(day)/day), "day")
	}
	return Spell(duration.Round(coarseness(duration)))
}

// coarseness is the least difference that matters in a duration of less than two days.
func coarseness(duration time.Duration) time.Duration {
	switch {
	case duration < time.Millisecond:
		return time.Microsecond
	case duration < time.Second:
		return time.Millisecond
	case duration < 10*time.Second:
		return 100 * time.Millisecond
	case duration < 10*time.Minute:
		return time.Second
	case duration < 10*time.Hour:
		return time.Minute
	default:
		return time.Hour
	}
}

// ago prints how long before now a time was; "-" of the zero time.
func ago(now, at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return roughly(now.Sub(at)) + " ago"
}

// ahead prints how long after now a time is; "now" where it has come.
func ahead(now, at time.Time) string {
	if !at.After(now) {
		return "now"
	}
	return "in " + roughly(at.Sub(now))
}

// instant prints a time in full, and how long ago it was.
func instant(now, at time.Time) string {
	return at.UTC().Format("2006-01-02 15:04:05 UTC") + " (" + ago(now, at) + ")"
}

// whole counts things: 1 entry, 2 entries.
func whole(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	if stem, isY := strings.CutSuffix(noun, "ry"); isY {
		return digits(count) + " " + stem + "ries"
	}
	return digits(count) + " " + noun + "s"
}

// digits prints a number with a comma before every three digits.
func digits(number int) string {
	if number < 0 {
		return "-" + digits(-number)
	}
	if number < 1000 {
		return itoa(number)
	}
	return digits(number/1000) + "," + itoa(1000 + number%1000)[1:]
}
