package catalog

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// value is what stands behind a key. Its node is nil where it is nothing that a handlers file may hold, which the
// report says already.
type value struct {
	line int
	node ast.Node
}

// newValue takes a node out of the anchor or tag around it.
func newValue(line int, node ast.Node) value {
	for {
		switch wrapped := node.(type) {
		case *ast.AnchorNode:
			node = wrapped.Value
		case *ast.TagNode:
			node = wrapped.Value
		case *ast.AliasNode:
			return value{line: line}
		default:
			return value{line: line, node: node}
		}
	}
}

// firstLine is where a node begins. The token of a section is the colon behind its first key.
func firstLine(node ast.Node) int {
	if node == nil || node.GetToken() == nil {
		return 0
	}
	return node.GetToken().Position.Line
}

// text is what the value says where it is a text, quoted or not.
func (v value) text() (string, bool) {
	switch node := v.node.(type) {
	case *ast.StringNode:
		return node.Value, true
	case *ast.LiteralNode:
		return node.Value.Value, true
	}
	return "", false
}

// number is the value as it is written, where it is an unquoted number.
func (v value) number() (string, bool) {
	switch node := v.node.(type) {
	case *ast.IntegerNode:
		return node.Token.Value, true
	case *ast.FloatNode:
		return node.Token.Value, true
	case *ast.StringNode:
		// A number of more than 64 bits reaches us as a text.
		return node.Value, node.Token.Type == token.StringType && decimal.MatchString(node.Value)
	}
	return "", false
}

var decimal = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

// whole is the value where it is a whole number in plain decimal digits. Other notations are refused, because readers
// differ on them: 010 is 8 to some and 10 to others.
func (v value) whole() (int, bool) {
	digits, isNumber := v.number()
	if !isNumber || !decimal.MatchString(digits) {
		return 0, false
	}
	number, err := strconv.Atoi(digits)
	return number, err == nil
}

// duration is the value where it is a duration as Go writes them.
func (v value) duration() (time.Duration, bool) {
	text, _ := v.text()
	duration, err := time.ParseDuration(text)
	return duration, err == nil && !decimal.MatchString(text)
}

// durationHint is the duration that was probably meant, as the end of a fault, or "".
func (v value) durationHint() string {
	text, _ := v.text()
	if number, isNumber := v.number(); isNumber {
		text = number
	}
	text = strings.ToLower(strings.Join(strings.Fields(text), ""))
	if days, isDays := strings.CutSuffix(text, "d"); isDays && decimal.MatchString(days) && len(days) < 5 {
		count, _ := strconv.Atoi(days)
		text = strconv.Itoa(count*24) + "h"
	} else if strings.Trim(text, "0123456789.") == "" {
		text += "s"
	}
	if _, err := time.ParseDuration(text); err != nil {
		return ""
	}
	return ": did you mean " + text + "?"
}

// wholeHint tells of quotes around a number, as the end of a fault, or "".
func (v value) wholeHint() string {
	if text, isText := v.text(); isText && decimal.MatchString(text) && len(text) < 10 {
		return ": did you mean " + text + ", without quotes?"
	}
	return ""
}

// describe says what stands there, for the end of a fault: texts in quotes and cut, numbers bare.
func (v value) describe() string {
	if number, isNumber := v.number(); isNumber {
		return cut(number)
	}
	if text, isText := v.text(); isText {
		return quote(text)
	}
	switch node := v.node.(type) {
	case *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value
	case *ast.SequenceNode:
		if len(node.Values) == 0 {
			return "an empty list"
		}
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a section"
	}
	return "nothing"
}

// quote prints a text of the file so that it stays short and on one line.
func quote(text string) string { return strconv.Quote(cut(text)) }

// cut keeps the first 80 bytes of a text.
func cut(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// spell prints a duration without the zero units that Go adds: 24h, not 24h0m0s.
func spell(duration time.Duration) string {
	text := duration.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
