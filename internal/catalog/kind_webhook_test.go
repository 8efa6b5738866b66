package catalog

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// TestWebhookWithEveryOption builds a handler of a file that names each option, and lets it post an event.
func TestWebhookWithEveryOption(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 1)
	answer := "booked"
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	directory := t.TempDir()
	certificate, token := filepath.Join(directory, "ca.pem"), filepath.Join(directory, "token")
	if err := os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(token, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	content := `
handlers:
  points:
    events: [A]
    run: webhook
    concurrency: 3
    with:
      url_env: POINTS_URL
      source: /shops/3
      secret_env: POINTS_SECRETS
      token_file: ` + token + `
      ca_file: ` + certificate + `
      headers: {X-Shop: kettle}
      content_type: text/plain
      body: "{{.Event}}"
      expect: booked
`
	dependencies := dependencies(t)
	dependencies.Environment = map[string]string{
		"POINTS_URL": server.URL, "POINTS_SECRETS": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw plJ3nmyCDGBKInavdOK15jsl+rWDpzs7gSSAqBsIBNE=",
	}
	groups := build(t, content, dependencies)
	delivery := &consumers.Delivery{Event: stream.Event{Name: "A", ID: "1"}}
	if err := groups[0].Handler.Handle(t.Context(), delivery); err != nil {
		t.Fatal(err)
	}
	header := <-got
	for name, want := range map[string]string{
		"Ce-Source": "/shops/3", "Authorization": "Bearer s3cret", "X-Shop": "kettle", "Content-Type": "text/plain",
	} {
		if header.Get(name) != want {
			t.Errorf("header %s: got %q, want %q", name, header.Get(name), want)
		}
	}
	answer = "refused"
	if err := groups[0].Handler.Handle(t.Context(), delivery); err == nil || !strings.HasSuffix(err.Error(), `answered 200 without "booked": refused`) {
		t.Errorf("an answer without what is expected: got %v, want an error", err)
	}
	<-got
	if signatures := strings.Fields(header.Get("Webhook-Signature")); len(signatures) != 2 {
		t.Errorf("the signatures are %q, want one with each of two secrets", signatures)
	}
}

// build makes the handlers of a file, and closes them when the test ends.
func build(t *testing.T, content string, dependencies Dependencies) []consumers.GroupOptions {
	t.Helper()
	file, err := Parse("f", []byte(content), Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	groups, err := file.Build(dependencies)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Close(groups); err != nil {
			t.Error(err)
		}
	})
	return groups
}

// TestWebhookSecretsThatAreMissing shows that Build tells of all of them, and repeats none.
func TestWebhookSecretsThatAreMissing(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	content := "handlers: {points: {events: [A], run: webhook, with: {url_env: POINTS_URL, secret_file: " + missing +
		", token_env: TOKEN, ca_file: " + missing + "}}}"
	file, err := Parse("f", []byte(content), Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.Build(dependencies(t))
	for _, want := range []string{
		"handler points: url_env: the variable POINTS_URL is not set", "secret_file: open " + missing, "ca_file: open " + missing,
		"token_env: the variable TOKEN is not set",
	} {
		if !strings.Contains(message(err), want) {
			t.Errorf("Build says %q, want it to tell of %q", message(err), want)
		}
	}
	known := dependencies(t)
	known.Environment = map[string]string{"POINTS_URL": "ftp://hidden/hidden", "TOKEN": "hidden hidden"}
	content = "handlers: {points: {events: [A], run: webhook, with: {url_env: POINTS_URL, token_env: TOKEN, secret_env: TOKEN}}}"
	if file, err = Parse("f", []byte(content), Defaults{}); err != nil {
		t.Fatal(err)
	}
	_, err = file.Build(known)
	if text := message(err); !strings.Contains(text, "url: ") || !strings.Contains(text, "token: ") || strings.Contains(text, "hidden") {
		t.Errorf("Build of odd secrets says %q, want it to tell of each and to repeat none", text)
	}
}

// TestConcurrencyReachesTheHandler follows the number from the file to the options, where one that cannot be is refused.
func TestConcurrencyReachesTheHandler(t *testing.T) {
	t.Parallel()
	content := "handlers: {points: {events: [A], run: webhook, concurrency: 3, with: {url: \"http://127.0.0.1:1\"}}}"
	file, err := Parse("f", []byte(content), Defaults{Concurrency: 7})
	if err != nil {
		t.Fatal(err)
	}
	construct, got := file.Handlers[0].construct, 0
	file.Handlers[0].construct = func(dependencies Dependencies) (consumers.Handler, error) {
		got = dependencies.Concurrency
		return construct(Dependencies{Concurrency: -got})
	}
	_, err = file.Build(dependencies(t))
	if want := "concurrency: expected at least 1, got -3"; got != 3 || !strings.Contains(message(err), want) {
		t.Errorf("Build handed on the concurrency %d and says %q, want 3 and %q", got, message(err), want)
	}
}
