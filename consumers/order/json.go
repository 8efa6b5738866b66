package order

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// field is one key of a JSON object and its value, as they were written.
type field struct {
	path  string
	value json.RawMessage
}

// object is a JSON object whose fields are found by their names in snake_case.
type object struct {
	path   string
	fields map[string]field
}

// find returns the first of the names that is given. Where none is, the field's value is nil and its path the first
// name's, so that a fault can say what is missing.
func (o object) find(names ...string) field {
	for _, name := range names {
		if found, ok := o.fields[name]; ok && !isNothing(found.value) {
			return found
		}
	}
	return field{path: join(o.path, names[0])}
}

// snakeCase makes order_id of orderId, OrderID and Order-ID.
func snakeCase(key string) string {
	if strings.IndexFunc(key, func(char rune) bool { return char == '-' || unicode.IsUpper(char) }) < 0 {
		return key
	}
	snake := strings.Builder{}
	before := '_'
	for _, char := range key {
		if unicode.IsUpper(char) && (unicode.IsLower(before) || unicode.IsDigit(before)) {
			snake.WriteByte('_')
		}
		snake.WriteRune(lowerOrUnderscore(char))
		before = char
	}
	return snake.String()
}

func lowerOrUnderscore(char rune) rune {
	if char == '-' {
		return '_'
	}
	return unicode.ToLower(char)
}

// isNothing tells whether value is absent, or what PHP sends for nothing.
func isNothing(value json.RawMessage) bool {
	switch string(value) {
	case "", "null", "false", `""`, "[]", "{}":
		return true
	}
	return value[0] == '[' && len(bytes.TrimSpace(value[1:len(value)-1])) == 0
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// reader reads values and collects what is wrong with them. Once a value is at fault its zero stands in for it.
type reader struct {
	invalid InvalidError
	partial bool // what an order needs may be missing
}

func (r *reader) fault(at field, expected string) {
	problem := "missing or empty: expected " + expected
	if at.value != nil {
		problem = "expected " + expected + ", got " + describe(at.value)
	}
	r.invalid.add(Fault{Path: at.path, Problem: problem})
}

// object reads an object; nothing is an empty one.
func (r *reader) object(from field) object {
	read := object{path: from.path, fields: map[string]field{}}
	if isNothing(from.value) {
		return read
	}
	values := map[string]json.RawMessage{}
	if json.Unmarshal(from.value, &values) != nil {
		r.fault(from, "an object")
		return read
	}
	// In the order of the keys, so that two spellings of one name give the same result each time.
	for _, key := range slices.Sorted(maps.Keys(values)) {
		name := snakeCase(key)
		if _, taken := read.fields[name]; !taken || isNothing(read.fields[name].value) {
			read.fields[name] = field{path: join(from.path, shortened(key, 40)), value: values[key]}
		}
	}
	return read
}

// list reads a list, or the object that PHP makes of a list with gaps in its keys.
func (r *reader) list(from field, expected string) []field {
	values := []json.RawMessage{}
	if isNothing(from.value) || json.Unmarshal(from.value, &values) != nil {
		return r.keyedList(from, expected)
	}
	fields := make([]field, len(values))
	for i, value := range values {
		fields[i] = field{path: fmt.Sprintf("%s[%d]", from.path, i), value: value}
	}
	return fields
}

func (r *reader) keyedList(from field, expected string) []field {
	values := map[int]json.RawMessage{}
	if isNothing(from.value) || json.Unmarshal(from.value, &values) != nil {
		r.fault(from, expected)
		return nil
	}
	fields := make([]field, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		fields = append(fields, field{path: fmt.Sprintf("%s[%d]", from.path, key), value: values[key]})
	}
	return fields
}

func isNumber(value json.RawMessage) bool {
	return len(value) > 0 && (value[0] == '-' || '0' <= value[0] && value[0] <= '9')
}

// describe says what a value is without repeating what the customer wrote: numbers are shown, texts are not.
func describe(value json.RawMessage) string {
	text := ""
	switch {
	case isNumber(value):
		return shortened(string(value), 40)
	case json.Unmarshal(value, &text) == nil && value[0] == '"':
		return describeText(text)
	case value[0] == '[':
		return "a list"
	case value[0] == '{':
		return "an object"
	default:
		return string(value)
	}
}

func describeText(text string) string {
	switch {
	case strings.TrimSpace(text) == "":
		return "an empty text"
	case strings.Trim(text, "+-.,0123456789eE") == "":
		return strconv.Quote(shortened(text, 40))
	default:
		return fmt.Sprintf("a text of %d characters", utf8.RuneCountInString(text))
	}
}

// shortened is text, or its beginning and an ellipsis, in at most limit characters.
func shortened(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}

// syntaxProblem says what is wrong with data that is no JSON, or "".
func syntaxProblem(data []byte) string {
	if json.Valid(data) {
		return ""
	}
	whole := json.RawMessage{}
	err := json.Unmarshal(data, &whole)
	if syntax, isSyntax := errors.AsType[*json.SyntaxError](err); isSyntax {
		return fmt.Sprintf("expected a JSON object, but at byte %d of %d: %v", syntax.Offset, len(data), syntax)
	}
	return fmt.Sprintf("expected a JSON object: %v", err)
}
