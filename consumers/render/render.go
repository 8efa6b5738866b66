package render

import (
	"bytes"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"regexp"
	"strings"
)

// Template is a template of either package, text/template or html/template.
type Template interface {
	Execute(writer io.Writer, data any) error
}

// Text makes the text of a template and what it sees of an event. The error, also that of a text of more than so many MiB, is
// one that trying again cannot mend. It blocks for as long as the template's loops take, which nothing ends before their time.
func Text(template Template, view any, mebibytes int) ([]byte, error) {
	made := &bounded{left: mebibytes << 20}
	if err := template.Execute(made, view); err != nil {
		if errors.Is(err, errTooLarge) {
			return nil, fmt.Errorf("it became larger than %d MiB", mebibytes)
		}
		return nil, Explain(err)
	}
	return made.text.Bytes(), nil
}

// Check says what is wrong with a template as far as a sample of what it sees can tell: HTML that cannot be escaped safely, and
// names that nothing has. It is nil where nothing is.
func Check(template Template, sample any) error {
	err := template.Execute(&bounded{left: 1 << 20}, sample)
	escaping := (*htmltemplate.Error)(nil)
	if errors.As(err, &escaping) || err != nil && strings.Contains(err.Error(), "can't evaluate field") {
		return Explain(err)
	}
	return nil
}

var errTooLarge = errors.New("too large")

// bounded takes so many bytes and then fails.
type bounded struct {
	text bytes.Buffer
	left int
}

// Write is called by a template for each piece of its text.
func (b *bounded) Write(piece []byte) (int, error) {
	if len(piece) > b.left {
		return 0, errTooLarge
	}
	b.left -= len(piece)
	return b.text.Write(piece)
}

var (
	parseProblem   = regexp.MustCompile(`^(?:html/)?template: ?[^:]*:(\d+)(?::\d+)?: (.*)$`)
	executeProblem = regexp.MustCompile(`^(?:html/)?template: ?[^:]*:(\d+)(?::\d+)?: executing "[^"]*" at <(.*)>: (.*)$`)
	missingKey     = regexp.MustCompile(`^map has no entry for key (".*")$`)
)

// repeating are the beginnings of errors behind which the packages print a value of the event, and what is said in their place.
var repeating = []struct{ beginning, words string }{
	{"range can't iterate over ", "what it ranges over is no list"},
	{"non-comparable type", "lists and objects cannot be compared"},
	{"can't use ", "a number is ranged over with one variable"},
}

// Explain says an error of either package in words: the line, the part of the template, and what is wrong with it.
func Explain(err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	for _, known := range repeating {
		if before, _, found := strings.Cut(text, known.beginning); found {
			text = before + known.words
			break
		}
	}
	if found := executeProblem.FindStringSubmatch(text); found != nil {
		problem := missingKey.ReplaceAllString(found[3], "the event has no $1")
		return fmt.Errorf("line %s: {{%s}}: %s", found[1], found[2], problem)
	}
	text, _, _ = strings.Cut(text, ": {state") // how html/template describes where it stands, in words of its own
	if found := parseProblem.FindStringSubmatch(text); found != nil {
		return fmt.Errorf("line %s: %s", found[1], found[2])
	}
	return errors.New(text)
}
