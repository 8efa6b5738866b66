package notify

import (
	_ "embed"
	htmltemplate "html/template"
	texttemplate "text/template"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/render"
	"github.com/millrace/millrace/stream"
)

// maxRendered is how large one part of a mail may become, in MiB.
const maxRendered = 5

// What is sent where nothing else is configured: the confirmation of an order.
const defaultSubject = "Your order{{with .Order.Number}} {{.}}{{end}}"

var (
	//go:embed templates/order.txt
	defaultText string
	//go:embed templates/order.html
	defaultHTML string
)

// parseText reads a template of plain text; name is what its errors call it.
func parseText(name, source string) (render.Template, error) {
	return texttemplate.New(name).Option("missingkey=error").Funcs(texttemplate.FuncMap{"address": formatAddress}).Parse(source)
}

// parseHTML reads a template of HTML, where what the event says is escaped.
func parseHTML(name, source string) (render.Template, error) {
	return htmltemplate.New(name).Option("missingkey=error").Funcs(htmltemplate.FuncMap{"address": formatAddress}).Parse(source)
}

// checkTemplate says what is wrong with a template as far as it can be told without an event: its syntax, HTML that cannot be
// escaped safely, and names that nothing has. It is nil where nothing is.
func checkTemplate(parse func(name, source string) (render.Template, error), name, source string) error {
	template, err := parse(name, source)
	if err != nil {
		return render.Explain(err)
	}
	return render.Check(template, sample())
}

// sample is a delivery of an order that says everything but what `Data` may hold beyond it.
func sample() *View {
	const data = `{"order_id":1,"customer":{"name":"A","email":"a@example.com"},"items":[{"product_id":1,"quantity":1}]}`
	return newView(&consumers.Delivery{Group: "sample", Event: stream.Event{
		Name: "NEW_ORDER_RECEIVED", ID: "1", Time: time.Unix(0, 0), Data: []byte(data), Headers: map[string]string{},
	}})
}

// textOf makes the text of a template and an event.
func textOf(template render.Template, view *View) (string, error) {
	text, err := render.Text(template, view, maxRendered)
	return string(text), err
}
