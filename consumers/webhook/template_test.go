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
			"a chat", `{"msgtype":"text","text":{"content":{{json (printf "Order %v of %v" .data.order_id .data.customer.name)}}}}`, "",
			`application/json {"msgtype":"text","text":{"content":"Order 12345 of 王\"小明"}}`,
		},
		{"every field", `{{json .}}`, "application/vnd.shop+json", `application/vnd.shop+json {"aggregate_id":"12345",` +
			`"data":{"customer":{"name":"王\"小明"},"order_id":12345,"total":90071992547409931234.50},"deliveries":3,"event":"NEW_ORDER_RECEIVED",` +
			`"event_id":"order-12345","group":"points","headers":{"region":"Köln"},"timestamp":"2026-01-31T08:00:00Z"}`},
		{
			"a form", `order={{urlquery .data.order_id}}&r={{.headers.region | urlquery}}`, "application/x-www-form-urlencoded",
			`application/x-www-form-urlencoded order=12345&r=K%C3%B6ln`,
		},
		{"a number that no float holds", `{{json .data.total}}`, "", `application/json 90071992547409931234.50`},
		{"what may be missing", `[{{json (index .data "gift")}}]`, "", `application/json [null]`},
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
		{`{{json .data.total}}`, `{"order_id":1}`, `map has no entry for key "total"`},
		{`{{json .headers.gift}}`, `{}`, `map has no entry for key "gift"`},
		{`{{json .data.total}}`, `no JSON`, `can't evaluate field total`},
		{`{{json .data.total}}`, `[1]`, `can't evaluate field total`},
		{`{"text": "{{.data.name}}"}`, `{"name":"a\"b"}`, `makes no JSON of this event`},
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
	for _, bad := range []string{"{{", "{{.data.}}", "{{upper .event}}", "{{if .event}}", "{{template \"other\"}}{{"} {
		if err := webhook.CheckBody(bad); err == nil || !strings.Contains(err.Error(), "expected a template such as") {
			t.Errorf("CheckBody(%q): got %v, want an error", bad, err)
		}
	}
	for _, bad := range []string{
		"{{.evnt}}", "{{json .evnt.a}}", "{{if .evnt}}{{end}}", "{{with .evnt}}{{end}}", "{{range .data}}{{$.evnt}}{{end}}",
		"{{with .data}}{{else}}{{.evnt}}{{end}}", "{{if .data}}{{.evnt}}{{end}}", "{{define `a`}}{{end}}{{template `a` .evnt}}",
		"{{(index .evnt 1).b}}", "{{$x := .evnt}}", "{{.event | printf `%s %s` .evnt}}",
	} {
		if err := webhook.CheckBody(bad); err == nil || err.Error() != "there is no .evnt: did you mean .event?" {
			t.Errorf("CheckBody(%q): got %v, want it to tell of .evnt", bad, err)
		}
	}
	if err := webhook.CheckBody("{{.order}}"); err == nil || !strings.HasPrefix(err.Error(), "there is no .order: expected one of .aggregate_id, .data,") {
		t.Errorf("CheckBody of .order: got %v", err)
	}
	for _, good := range []string{
		"", "text", "{{.}}", "{{range .data.items}}{{.title}}{{end}}", "{{with .data}}{{.evnt}}{{$.event}}{{end}}", "{{$x := .data}}{{$x.evnt}}",
		"{{define `a`}}{{.evnt}}{{end}}{{template `a` .data}}{{block `b` .data}}{{.evnt}}{{end}}", "{{/* .evnt */}}", "{{json .headers.evnt}}",
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
		if got := webhook.View(event)["data"]; got != data {
			t.Errorf("View of the data %.20q holds %.20q, want it as it is", data, got)
		}
	}
}
