package render_test

import (
	htmltemplate "html/template"
	"strings"
	"testing"
	texttemplate "text/template"

	"github.com/millrace/millrace/consumers/render"
)

// view is what the templates of the tests see.
type view struct {
	Word    string
	Numbers []int
}

func TestTextIsBounded(t *testing.T) {
	t.Parallel()
	for length, wantErr := range map[int]bool{1 << 20: false, 1<<20 + 1: true} {
		text, err := render.Text(texttemplate.Must(texttemplate.New("").Parse("{{.Word}}")), view{Word: strings.Repeat("x", length)}, 1)
		if (err != nil) != wantErr || err == nil && len(text) != length {
			t.Errorf("a text of %d bytes: got %d and %v, want an error: %v", length, len(text), err, wantErr)
		}
	}
	endless := texttemplate.Must(texttemplate.New("").Parse("{{define `a`}}x{{template `a` .}}{{template `a` .}}{{end}}{{template `a` .}}"))
	if _, err := render.Text(endless, view{}, 1); err == nil {
		t.Error("a template that calls itself: got a text, want an error")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"{{.Word}}{{range .Numbers}}{{.}}{{end}}", ""},
		{"{{index .Numbers 5}}", ""}, // an event may have a sixth one
		{"{{.Wort}}", "line 1: {{.Wort}}: can't evaluate field Wort in type render_test.view"},
		{"\n<a href={{if .Word}}\"{{end}}>", "line 2: {{if}} branches end in different contexts"},
	}
	for _, test := range tests {
		err := render.Check(htmltemplate.Must(htmltemplate.New("html").Parse(test.text)), view{Word: "a"})
		if got := errorText(err); got != test.want {
			t.Errorf("Check(%q): got %q, want %q", test.text, got, test.want)
		}
	}
}

// TestExplainRepeatsNoValue has every error of the two packages that prints a value.
func TestExplainRepeatsNoValue(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"{{range .Word}}{{end}}", "line 1: {{.Word}}: what it ranges over is no list"},
		{"{{if eq .Numbers .Numbers}}{{end}}", "line 1: {{eq .Numbers .Numbers}}: error calling eq: lists and objects cannot be compared"},
		{"\n{{range $i, $x := len .Word}}{{end}}", "line 2: {{.Word}}: a number is ranged over with one variable"},
	}
	for _, test := range tests {
		parsed := texttemplate.Must(texttemplate.New("text").Parse(test.text))
		_, err := render.Text(parsed, view{Word: "hidden>: hidden", Numbers: []int{4711}}, 1)
		if got := errorText(err); got != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
