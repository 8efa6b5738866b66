package render_test

import (
	"fmt"
	"text/template"

	"github.com/millrace/millrace/consumers/render"
)

// A text is made of an event, and what the event lacks is named.
func ExampleText() {
	parsed := template.Must(template.New("text").Option("missingkey=error").Parse("Order {{.order_id}} for {{.name}}"))
	text, err := render.Text(parsed, map[string]any{"order_id": 12345, "name": "Ada"}, 1)
	fmt.Println(string(text), err)
	_, err = render.Text(parsed, map[string]any{"order_id": 12345}, 1)
	fmt.Println(err)
	// Output:
	// Order 12345 for Ada <nil>
	// line 1: {{.name}}: the event has no "name"
}
