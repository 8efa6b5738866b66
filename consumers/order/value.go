package order

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// text reads a text, a number as it is written, or a list of them. Nothing is "".
func (r *reader) text(from field, limit int) string {
	if isNothing(from.value) {
		return ""
	}
	text, ok := scalarText(from.value)
	if !ok {
		text, ok = listText(from.value)
	}
	switch {
	case !ok:
		r.fault(from, "a text")
		return ""
	case utf8.RuneCountInString(text) > limit:
		r.fault(from, fmt.Sprintf("at most %d characters", limit))
		return ""
	}
	return strings.TrimSpace(text)
}

// scalarText is a text, or a number as it is written.
func scalarText(value json.RawMessage) (string, bool) {
	if isNumber(value) {
		return string(value), true
	}
	text := ""
	err := json.Unmarshal(value, &text)
	return text, err == nil && string(value) != "null"
}

func listText(value json.RawMessage) (string, bool) {
	values := []json.RawMessage{}
	if json.Unmarshal(value, &values) != nil {
		return "", false
	}
	texts := []string{}
	for _, value := range values {
		text, ok := scalarText(value)
		if !ok && !isNothing(value) {
			return "", false
		}
		texts = append(texts, text)
	}
	return strings.Join(nonEmpty(texts...), ", "), true
}

// id reads an ID exactly as it is written. Nothing is "".
func (r *reader) id(from field) string {
	const expected = "a whole number or a text of 1 to 300 characters"
	if isNothing(from.value) {
		return ""
	}
	text, ok := scalarText(from.value)
	whole := !isNumber(from.value) || strings.Trim(text, "-0123456789") == ""
	if !ok || !whole || strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > MaxIDLength {
		r.fault(from, expected)
		return ""
	}
	return text
}

// quantity reads a whole number of at least 1, written as a number or a text.
func (r *reader) quantity(from field) int64 {
	text, ok := "", false
	if from.value != nil {
		text, ok = scalarText(from.value)
	}
	// 2.0 and "2.0000" are how PHP writes a whole float.
	whole, fraction, _ := strings.Cut(strings.TrimSpace(text), ".")
	number, err := strconv.ParseInt(whole, 10, 64)
	switch {
	case !ok || err != nil || number < 1 || strings.Trim(fraction, "0") != "":
		r.fault(from, "a whole number of at least 1")
		return 0
	case number > MaxQuantity:
		r.fault(from, fmt.Sprintf("at most %d", MaxQuantity))
		return 0
	}
	return number
}

// moment reads a time: RFC 3339, `Y-m-d H:i:s`, a date, or unix time in seconds or milliseconds; also the object that
// PHP makes of a DateTime. What is none of these is the zero time: a page can be printed without it.
func (r *reader) moment(from field) time.Time {
	wrapped := struct{ Date string }{}
	text, ok := scalarText(from.value)
	if !ok && json.Unmarshal(from.value, &wrapped) == nil {
		text = wrapped.Date
	}
	text = strings.TrimSpace(text)
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.DateOnly} {
		if parsed, err := time.Parse(layout, text); err == nil {
			return parsed
		}
	}
	return unixTime(text)
}

func unixTime(text string) time.Time {
	number, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || number <= 0:
		return time.Time{}
	case len(text) <= len("1763700000"):
		return time.Unix(number, 0).UTC()
	case len(text) <= len("1763700000000"):
		return time.UnixMilli(number).UTC()
	}
	return time.Time{}
}
