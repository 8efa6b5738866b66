package webhook_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote/remotetest"
	"github.com/millrace/millrace/consumers/webhook"
)

func TestTemplate(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	server := endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got <- r.Header.Get("Content-Type") + " " + string(text)
	})
	tests := []struct{ name, body, contentType, want string }{
		{
			"a chat", `{"msgtype":"text","text":{"content":{{json (printf "Order %v of %v" .Data.order_id .Data.customer.name)}}}}`, "",
			`application/json {"msgtype":"text","text":{"content":"Order 12345 of 王\"小明"}}`,
		},
		{"every field", `{{json .}}`, "application/vnd.shop+json", `application/vnd.shop+json {"AggregateID":"12345",` +
			`"Data":{"customer":{"name":"王\"小明"},"order_id":12345,"total":90071992547409931234.50},"Deliveries":3,"Event":"NEW_ORDER_RECEIVED",` +
			`"EventID":"order-12345","Group":"points","Headers":{"region":"Köln"},"Time":"2026-01-31T08:00:00Z"}`},
		{
			"a form", `order={{urlquery .Data.order_id}}&r={{.Headers.region | urlquery}}`, "application/x-www-form-urlencoded",
			`application/x-www-form-urlencoded order=12345&r=K%C3%B6ln`,
		},
		{"a number that no float holds", `{{json .Data.total}}`, "", `application/json 90071992547409931234.50`},
		{"what may be missing", `[{{json (index .Data "gift")}}]`, "", `application/json [null]`},
	}
	for _, test := range tests {
		handler := posts(t, webhook.Options{URL: server.URL, Body: test.body, ContentType: test.contentType})
		if err := handler.Handle(t.Context(), delivery()); err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if text := <-got; text != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, text, test.want)
		}
	}
}

func TestTemplateThatDoesNotFit(t *testing.T) {
	t.Parallel()
	server := endpoint(t, func(http.ResponseWriter, *http.Request) { t.Error("an event was sent that has no body") })
	tests := []struct{ body, data, want string }{
		{`{{json .Data.total}}`, `{"order_id":1}`, `{{.Data.total}}: the event has no "total"`},
		{`{{json .Headers.gift}}`, `{}`, `{{.Headers.gift}}: the event has no "gift"`},
		{`{{json .Data.total}}`, `no JSON`, `can't evaluate field total`},
		{`{{json .Data.total}}`, `[1]`, `can't evaluate field total`},
		{`{"text": "{{.Data.name}}"}`, `{"name":"a\"b"}`, `makes no JSON of this event`},
	}
	for _, test := range tests {
		event := delivery()
		event.Data = []byte(test.data)
		err := posts(t, webhook.Options{URL: server.URL, Body: test.body}).Handle(t.Context(), event)
		if remotetest.Verdict(err) != "permanent" || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s of %s: got %v, want a permanent error with %q", test.body, test.data, err, test.want)
		}
	}
}

func TestTemplateAtStart(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"{{", "{{.Data.}}", "{{upper .Event}}", "{{if .Event}}", "{{template \"other\"}}{{"} {
		if err := webhook.CheckBody(bad); err == nil || !strings.Contains(err.Error(), "expected a template such as") {
			t.Errorf("CheckBody(%q): got %v, want an error", bad, err)
		}
	}
	for _, bad := range []string{
		"{{.Evnt}}", "{{json .Evnt.a}}", "{{if .Evnt}}{{end}}", "{{with .Evnt}}{{end}}", "{{range .Data}}{{$.Evnt}}{{end}}",
		"{{with .Data}}{{else}}{{.Evnt}}{{end}}", "{{if .Data}}{{.Evnt}}{{end}}", "{{define `a`}}{{end}}{{template `a` .Evnt}}",
		"{{(index .Evnt 1).b}}", "{{$x := .Evnt}}", "{{.Event | printf `%s %s` .Evnt}}",
	} {
		if err := webhook.CheckBody(bad); err == nil || err.Error() != "there is no .Evnt: did you mean .Event?" {
			t.Errorf("CheckBody(%q): got %v, want it to tell of .Evnt", bad, err)
		}
	}
	if err := webhook.CheckBody("{{.order}}"); err == nil || !strings.HasPrefix(err.Error(), "there is no .order: expected one of .AggregateID, .Data,") {
		t.Errorf("CheckBody of .order: got %v", err)
	}
	for _, good := range []string{
		"", "text", "{{.}}", "{{range .Data.items}}{{.title}}{{end}}", "{{with .Data}}{{.Evnt}}{{$.Event}}{{end}}", "{{$x := .Data}}{{$x.Evnt}}",
		"{{define `a`}}{{.Evnt}}{{end}}{{template `a` .Data}}{{block `b` .Data}}{{.Evnt}}{{end}}", "{{/* .Evnt */}}", "{{json .Headers.Evnt}}",
	} {
		if err := webhook.CheckBody(good); err != nil {
			t.Errorf("CheckBody(%q): got %v, want nil", good, err)
		}
	}
}

func TestViewOfOddData(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "{", "{} {}", "\xff", strings.Repeat("[", 20_000)} {
		event := &consumers.Delivery{}
		event.Data = []byte(data)
		if got := webhook.View(event)["Data"]; got != data {
			t.Errorf("View of the data %.20q holds %.20q, want it as it is", data, got)
		}
	}
}

// TestTemplateErrorsRepeatNoPayload has templates that fail at a value which they were not made for.
func TestTemplateErrorsRepeatNoPayload(t *testing.T) {
	t.Parallel()
	server := endpoint(t, func(http.ResponseWriter, *http.Request) { t.Error("an event was sent that has no body") })
	for _, body := range []string{
		"{{range .Data.name}}{{.}}{{end}}", "{{if eq .Data.list .Data.list}}{{end}}", "{{if eq .Data.name .Data.list}}{{end}}",
		"{{.Data.name.first}}", "{{index .Data.name .Data.name}}", "{{slice .Data.list 5}}", "{{lt .Data.list .Data.name}}", "{{.Data.name}}",
		"{{range $i, $x := .Data.name}}{{end}}", "{{call .Data.name}}",
	} {
		event := delivery()
		event.Data = []byte(`{"name":"hidden>: hidden","list":["hidden"]}`)
		err := posts(t, webhook.Options{URL: server.URL, Body: body}).Handle(t.Context(), event)
		if remotetest.Verdict(err) != "permanent" || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: got %v, want a permanent error without what the event holds", body, err)
		}
	}
}

// TestTemplateWithoutEnd has a template that makes terabytes of an event of some kilobytes.
func TestTemplateWithoutEnd(t *testing.T) {
	t.Parallel()
	server := endpoint(t, func(http.ResponseWriter, *http.Request) { t.Error("an event was sent that has no body") })
	event := delivery()
	event.Data = []byte("[" + strings.Repeat("1,", 4_000) + "1]")
	options := webhook.Options{URL: server.URL, Body: "{{range .Data}}{{range $.Data}}{{json $.Data}}{{end}}{{end}}", ContentType: "text/plain"}
	err := posts(t, options).Handle(t.Context(), event)
	if remotetest.Verdict(err) != "permanent" || !strings.HasSuffix(err.Error(), "larger than 16 MiB") {
		t.Errorf("got %v, want a permanent error about the size", err)
	}
}
