package catalog

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/millrace/millrace/stream"
)

// section reads one mapping of the file. Each key is asked for by name and type; what nobody asked for is a fault,
// which finish reports. A value that is wrong is reported and read as its fallback, so that one look finds every
// fault.
type section struct {
	report *report
	place  string // what the faults call it, as in `check_inventory: with`
	line   int
	broken bool // no mapping at all: reported, and nothing is missed in it
	keys   []string
	values map[string]value
	asked  []string
}

// openSection reads the keys of a mapping. A value of nothing is an empty section; anything else is a fault that says
// what was expected.
func openSection(report *report, place string, at value, expected string) *section {
	s := &section{report: report, place: place, line: at.line, values: map[string]value{}}
	var pairs []*ast.MappingValueNode
	switch node := at.node.(type) {
	case *ast.MappingNode:
		pairs = node.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{node}
	case *ast.NullNode:
	case nil:
		s.broken = true
	default:
		s.broken = true
		report.add(at.line, place, "expected %s, got %s", expected, at.describe())
	}
	for _, pair := range pairs {
		s.take(pair)
	}
	return s
}

// take keeps a key and its value, unless the key is there already.
func (s *section) take(pair *ast.MappingValueNode) {
	var node ast.Node = pair.Key
	if marked, ok := node.(*ast.MappingKeyNode); ok {
		node = marked.Value
	}
	if _, merge := node.(*ast.MergeKeyNode); merge || node == nil || node.GetToken() == nil {
		return
	}
	key, line := node.GetToken().Value, firstLine(node)
	if first, twice := s.values[key]; twice {
		s.report.add(line, s.below(key), "stands here a second time; the first is in line %d", first.line)
		return
	}
	s.keys = append(s.keys, key)
	s.values[key] = newValue(line, pair.Value)
}

// below is the place of a key in the section. A key that could not be any name of ours stands in quotes.
func (s *section) below(key string) string {
	if stream.CheckGroup(key) != nil {
		key = quote(key)
	}
	return strings.TrimPrefix(s.place+": "+key, ": ")
}

// fault reports what is wrong with the value of key, or with the whole section where the key is not there.
func (s *section) fault(key, format string, arguments ...any) {
	line := s.line
	if found, ok := s.values[key]; ok {
		line = found.line
	}
	s.report.add(line, s.below(key), format, arguments...)
}

// has tells whether key is there, whatever stands behind it.
func (s *section) has(key string) bool {
	_, found := s.values[key]
	return found
}

// lookup returns the value of key, if it is there and can be read.
func (s *section) lookup(key string) (value, bool) {
	s.asked = append(s.asked, key)
	found := s.values[key]
	return found, found.node != nil
}

// require reports it where key is not there, and what was expected.
func (s *section) require(key, expected string) {
	if !s.has(key) && !s.broken {
		s.fault(key, "is missing: expected %s", expected)
	}
}

// text reads a text that is not empty; "" where the key is not there.
func (s *section) text(key string) string {
	found, ok := s.lookup(key)
	if !ok {
		return ""
	}
	text, isText := found.text()
	switch {
	case !isText:
		s.fault(key, "expected a text, got %s", describeNoText(found))
	case strings.TrimSpace(text) == "":
		s.fault(key, "expected a text, got an empty one")
	default:
		return text
	}
	return ""
}

// describeNoText says what stands where a text was expected; quotes make one of a number or of a word such as true.
func describeNoText(found value) string {
	scalar, isScalar := found.node.(ast.ScalarNode)
	if _, isNull := found.node.(*ast.NullNode); !isScalar || isNull {
		return found.describe()
	}
	return found.describe() + ": did you mean " + quote(scalar.GetToken().Value) + "?"
}

// whole reads a whole number from low to high; fallback where the key is not there.
func (s *section) whole(key string, fallback, low, high int) int {
	found, ok := s.lookup(key)
	if !ok {
		return fallback
	}
	number, isWhole := found.whole()
	if !isWhole || number < low || number > high {
		s.fault(key, "expected a whole number from %d to %d, got %s%s", low, high, found.describe(), found.wholeHint())
		return fallback
	}
	return number
}

// truth reads true or false; false where the key is not there.
func (s *section) truth(key string) bool {
	found, ok := s.lookup(key)
	if !ok {
		return false
	}
	node, isTruth := found.node.(*ast.BoolNode)
	if !isTruth {
		s.fault(key, "expected true or false, got %s", found.describe())
		return false
	}
	return node.Value
}

// duration reads a duration from low to high; fallback where the key is not there.
func (s *section) duration(key string, fallback, low, high time.Duration) time.Duration {
	found, ok := s.lookup(key)
	if !ok {
		return fallback
	}
	duration, isDuration := found.duration()
	switch {
	case !isDuration:
		s.fault(key, "expected a duration such as 10s, 5m or 24h, got %s%s", found.describe(), found.durationHint())
	case duration < low || duration > high:
		s.fault(key, "expected a duration from %s to %s, got %s", spell(low), spell(high), spell(duration))
	default:
		return duration
	}
	return fallback
}

// item is one text of a list and where it stands.
type item struct {
	line int
	text string
}

// texts reads a list of at least one text; example shows what one looks like.
func (s *section) texts(key, example string) []item {
	s.require(key, "a list such as "+example)
	found, ok := s.lookup(key)
	if !ok {
		return nil
	}
	list, isList := found.node.(*ast.SequenceNode)
	if !isList || len(list.Values) == 0 {
		s.fault(key, "expected a list such as %s, got %s", example, found.describe())
		return nil
	}
	items := make([]item, 0, len(list.Values))
	for _, node := range list.Values {
		element := newValue(firstLine(node), node)
		if text, isText := element.text(); isText {
			items = append(items, item{line: element.line, text: text})
		} else if element.node != nil {
			s.report.add(element.line, s.below(key), "expected a text, got %s", describeNoText(element))
		}
	}
	return items
}

// section opens the section behind key; it is empty where the key is not there. The caller finishes it.
func (s *section) section(key string) *section {
	found, ok := s.lookup(key)
	if !ok {
		return &section{report: s.report, place: s.below(key), line: s.line, broken: s.broken || s.has(key)}
	}
	return openSection(s.report, s.below(key), found, "keys and values")
}

// finish reports the keys that nobody asked for.
func (s *section) finish() {
	for _, key := range s.keys {
		if slices.Contains(s.asked, key) {
			continue
		}
		known := slices.Sorted(slices.Values(s.asked))
		s.report.add(s.values[key].line, s.place, "unknown key %s%s", quote(key), suggest(key, known))
	}
}

// suggest ends a fault about an unknown name: the known one that was probably meant, else all of them.
func suggest(name string, known []string) string {
	return cmp.Or(didYouMean(name, known), ": expected "+oneOf(known))
}

// didYouMean names the known name that is near, where one is.
func didYouMean(name string, known []string) string {
	if nearest := stream.Nearest(name, known); nearest != "" {
		return ": did you mean " + nearest + "?"
	}
	return ""
}

// oneOf lists the names that would do.
func oneOf(known []string) string {
	switch len(known) {
	case 0:
		return "none"
	case 1:
		return known[0]
	default:
		return "one of " + strings.Join(known, ", ")
	}
}
