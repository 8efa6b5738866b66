package catalog

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// What a handlers file may hold. The parser's time grows with the square of the depth and of the number of keys, so
// that both are bounded before it starts; a file of 1,000 handlers stays far below.
const (
	maxBytes  = 1 << 20
	maxTokens = 50_000
	maxDepth  = 20
)

// readDocument returns the root of the one YAML document in content, or nil where there is none to look at. What it
// finds wrong is in the report.
func readDocument(report *report, content []byte) ast.Node {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	if !checkBytes(report, content) {
		return nil
	}
	tokens := lexer.Tokenize(string(content))
	if !checkBounds(report, tokens) {
		return nil
	}
	checkConstructs(report, tokens)
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		reportSyntax(report, content, err)
		return nil
	}
	return soleDocument(report, file)
}

// checkBytes tells whether content is text of a size that is worth reading.
func checkBytes(report *report, content []byte) bool {
	if len(content) > maxBytes {
		report.add(0, "", "the file is larger than 1 MiB: expected a handlers file")
		return false
	}
	for number, line := range bytes.Split(content, []byte("\n")) {
		switch {
		case !utf8.Valid(line):
			report.add(number+1, "", "the file is not UTF-8 text: save it as UTF-8")
			return false
		case bytes.ContainsFunc(line, isControl):
			report.add(number+1, "", "a control character stands here: YAML takes printable text only")
			return false
		}
	}
	return true
}

// isControl tells whether YAML forbids the character (YAML 1.2.2, "Character Set").
func isControl(character rune) bool {
	return character < ' ' && character != '\t' || character == 0x7f
}

// checkBounds tells whether the parser can be trusted with the tokens.
func checkBounds(report *report, tokens token.Tokens) bool {
	if len(tokens) > maxTokens {
		report.add(0, "", "the file holds more than %d words and signs: run so many handlers from several files", maxTokens)
		return false
	}
	brackets, dashes, line := 0, 0, 0
	for _, tk := range tokens {
		if tk.Position.Line != line {
			dashes, line = 0, tk.Position.Line
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType:
			dashes++
		}
		if brackets+dashes > maxDepth {
			report.add(line, "", "lists and sections stand more than %d deep in one another", maxDepth)
			return false
		}
	}
	return true
}

// checkConstructs reports what YAML knows and a handlers file does not: every value stands where it is used, so that
// what a handler does can be read in one place, and a small file cannot grow into a large one.
func checkConstructs(report *report, tokens token.Tokens) {
	for _, tk := range tokens {
		line := tk.Position.Line
		switch tk.Type {
		case token.AnchorType:
			report.add(line, "", "anchors (&name) are not accepted: write the value out")
		case token.AliasType:
			report.add(line, "", `aliases (*name) are not accepted: a text that begins with * stands in quotes, as in "*"`)
		case token.MergeKeyType:
			report.add(line, "", "merging (<<) is not accepted: write the keys out")
		case token.TagType:
			report.add(line, "", "tags (!name) are not accepted: a text that begins with ! stands in quotes")
		case token.MappingKeyType:
			report.add(line, "", "keys behind a question mark are not accepted: write `key: value`")
		case token.DirectiveType:
			report.add(line, "", "directives (%%name) are not accepted")
		}
	}
}

// reportSyntax reports what the parser could not read, unless that line's fault is known and better said already.
func reportSyntax(report *report, content []byte, err error) {
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		report.add(0, "", "the file is no YAML: %s", oneLine(err.Error()))
		return
	}
	line := syntax.GetToken().Position.Line
	switch {
	case report.has(line):
	case indentedByTab(content, line):
		report.add(line, "", "a tab stands in the indentation: YAML takes spaces only")
	default:
		report.add(line, "", "the file is no YAML: %s", oneLine(syntax.GetMessage()))
	}
}

// oneLine makes a short line of a message of the parser, which may repeat what it could not read.
func oneLine(message string) string { return cut(strings.Join(strings.Fields(message), " ")) }

// indentedByTab tells whether the line, counted from 1, has a tab before its first sign.
func indentedByTab(content []byte, number int) bool {
	lines := bytes.Split(content, []byte("\n"))
	if number < 1 || number > len(lines) {
		return false
	}
	line := string(lines[number-1])
	return strings.Contains(line[:len(line)-len(strings.TrimLeft(line, " \t"))], "\t")
}

// soleDocument returns the root of the first document and reports a second one. It is nil where the file is empty.
func soleDocument(report *report, file *ast.File) ast.Node {
	var root ast.Node
	for _, document := range file.Docs {
		if document.Body == nil || document.Body.Type() == ast.DirectiveType {
			continue
		}
		if root != nil {
			report.add(firstLine(document.Body), "", "a second document begins here: expected one, without ---")
			return root
		}
		root = document.Body
	}
	if root == nil && len(report.faults) == 0 {
		report.add(0, "", "the file is empty: expected `handlers:` and at least one handler below it")
	}
	return root
}
