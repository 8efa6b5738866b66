package notify

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"regexp"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// maxRendered is how large one part of a mail may become.
const maxRendered = 5 << 20

var errTooLarge = fmt.Errorf("it became larger than %d MiB", maxRendered>>20)

// What is sent where nothing else is configured: the confirmation of an order.
const defaultSubject = "Your order{{with .Order.Number}} {{.}}{{end}}"

var (
	//go:embed templates/order.txt
	defaultText string
	//go:embed templates/order.html
	defaultHTML string
)

// executor is a template of either package.
type executor interface {
	Execute(writer io.Writer, data any) error
}

// parseText reads a template of plain text; name is what its errors call it.
func parseText(name, source string) (executor, error) {
	return texttemplate.New(name).Option("missingkey=error").Funcs(texttemplate.FuncMap{"address": formatAddress}).Parse(source)
}

// parseHTML reads a template of HTML, where what the event says is escaped.
func parseHTML(name, source string) (executor, error) {
	return htmltemplate.New(name).Option("missingkey=error").Funcs(htmltemplate.FuncMap{"address": formatAddress}).Parse(source)
}

// checkTemplate says what is wrong with a template as far as it can be told without an event: its syntax, HTML that cannot be
// escaped safely, and names that nothing has. It is nil where nothing is.
func checkTemplate(parse func(name, source string) (executor, error), name, source string) error {
	template, err := parse(name, source)
	if err != nil {
		return explain(err)
	}
	err = template.Execute(limited(io.Discard), sample())
	escaping := (*htmltemplate.Error)(nil)
	if errors.As(err, &escaping) || err != nil && strings.Contains(err.Error(), "can't evaluate field") {
		return explain(err)
	}
	return nil
}

// sample is a delivery of an order that says everything but what `Data` may hold beyond it.
func sample() *View {
	const data = `{"order_id":1,"customer":{"name":"A","email":"a@example.com"},"items":[{"product_id":1,"quantity":1}]}`
	return newView(&consumers.Delivery{Group: "sample", Event: stream.Event{
		Name: "NEW_ORDER_RECEIVED", ID: "1", Time: time.Unix(0, 0), Data: []byte(data), Headers: map[string]string{},
	}})
}

// render makes the text of a template and an event.
func render(template executor, view *View) (string, error) {
	var text bytes.Buffer
	if err := template.Execute(limited(&text), view); err != nil {
		return "", explain(err)
	}
	return text.String(), nil
}

// limited is a writer that takes maxRendered bytes and then fails.
func limited(to io.Writer) io.Writer { return &limitedWriter{to: to, left: maxRendered} }

type limitedWriter struct {
	to   io.Writer
	left int
}

func (w *limitedWriter) Write(part []byte) (int, error) {
	if len(part) > w.left {
		return 0, errTooLarge
	}
	w.left -= len(part)
	return w.to.Write(part)
}

var (
	parseProblem   = regexp.MustCompile(`^(?:html/)?template: ?[^:]*:(\d+)(?::\d+)?: (.*)$`)
	executeProblem = regexp.MustCompile(`^(?:html/)?template: ?[^:]*:(\d+)(?::\d+)?: executing "[^"]*" at <(.*)>: (.*)$`)
	missingKey     = regexp.MustCompile(`^map has no entry for key (".*")$`)
)

// explain says a template's error in words: the line, the part of the template, and what is wrong with it.
func explain(err error) error {
	if errors.Is(err, errTooLarge) {
		return errTooLarge
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
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
