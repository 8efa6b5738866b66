package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	texttemplate "text/template"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/render"
)

// maxMade is how large a body may become that a template makes, in MiB.
const maxMade = 16

// template makes bodies of events.
type template struct {
	parsed      *texttemplate.Template
	contentType string
	isJSON      bool
}

// CheckBody says what is wrong with a template, or nil.
func CheckBody(text string) error {
	_, err := parseTemplate(text)
	return err
}

// parseTemplate reads a template. The functions are those of text/template, and json.
func parseTemplate(text string) (*texttemplate.Template, error) {
	functions := texttemplate.FuncMap{"json": encode}
	parsed, err := texttemplate.New("body").Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return nil, fmt.Errorf(`expected a template such as {"text": {{json .Data.order_id}}}: %w`, render.Explain(err))
	}
	if err := checkNames(parsed.Tree); err != nil {
		return nil, err
	}
	return parsed, nil
}

// newTemplate returns nil where text is empty.
func newTemplate(text, contentType string) (*template, error) {
	if text == "" {
		return nil, nil
	}
	parsed, err := parseTemplate(text)
	if err != nil {
		return nil, err
	}
	mediaType, _, _ := mime.ParseMediaType(contentType) // checked by CheckContentType
	isJSON := mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
	return &template{parsed: parsed, contentType: contentType, isJSON: isJSON}, nil
}

// render makes the body for a delivery. It fails where the template uses what the event has not, where the body becomes larger
// than maxMade, and where what should be JSON is none.
func (t *template) render(delivery *consumers.Delivery) ([]byte, error) {
	made, err := render.Text(t.parsed, View(delivery), maxMade)
	if err != nil {
		return nil, err
	}
	if t.isJSON && !json.Valid(made) {
		return nil, errors.New("the template makes no JSON of this event: write texts as {{json .Data.name}}, without quotation marks")
	}
	return made, nil
}

// View is what a template sees of a delivery: Event (its name), EventID, Time (UTC), AggregateID, Headers (the entry's other
// fields), Data (decoded where it is JSON, with its numbers as they are written, else the text), Group and Deliveries. A name
// that is not there makes the template fail.
func View(delivery *consumers.Delivery) map[string]any {
	return map[string]any{
		"Event":       delivery.Name,
		"EventID":     delivery.ID,
		"Time":        delivery.Time.UTC(),
		"AggregateID": delivery.AggregateID,
		"Headers":     delivery.Headers,
		"Data":        decode(delivery.Data),
		"Group":       delivery.Group,
		"Deliveries":  delivery.Deliveries,
	}
}

func decode(data []byte) any {
	if !json.Valid(data) {
		return string(data)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return string(data)
	}
	return value
}

// encode writes a value as JSON, as it stands in a body that no browser reads.
func encode(value any) (string, error) {
	var made strings.Builder
	encoder := json.NewEncoder(&made)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	return strings.TrimSuffix(made.String(), "\n"), nil
}
