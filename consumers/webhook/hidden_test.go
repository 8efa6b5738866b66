package webhook_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/consumers/webhook"
)

// TestSecretsThatTheReceiverRepeats has receivers that repeat what they were sent, as many servers do with the path of a page that
// they do not have.
func TestSecretsThatTheReceiverRepeats(t *testing.T) {
	t.Parallel()
	const path, query, token = "/services/T0/hidden%2Bpath", "key=hidden+query", "hidden-token"
	answers := map[string]http.HandlerFunc{
		"the path": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "Cannot POST "+r.URL.EscapedPath(), http.StatusNotFound)
		},
		"the path, read": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, r.URL.Path+" was not found", http.StatusNotFound)
		},
		"the end of the path": func(w http.ResponseWriter, r *http.Request) {
			_, last, _ := strings.Cut(r.URL.Path, "T0/")
			http.Error(w, "no hook "+last, http.StatusNotFound)
		},
		"the query": func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.URL.RawQuery, http.StatusBadGateway) },
		"the query, read": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, r.URL.Query().Get("key"), http.StatusBadGateway)
		},
		"the token": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "unknown "+r.Header.Get("Authorization"), http.StatusUnauthorized)
		},
		"the way to the same with a slash": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.EscapedPath()+"/?"+r.URL.RawQuery, http.StatusPermanentRedirect)
		},
		"all of it, with success": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "ok "+r.RequestURI+" "+r.Header.Get("Authorization"))
		},
	}
	for name, answer := range answers {
		event := delivery()
		err := posts(t, webhook.Options{URL: endpoint(t, answer).URL + path + "?" + query, Token: token}).Handle(t.Context(), event)
		got := fmt.Sprint(err, " ", string(event.Result))
		if strings.Contains(got, "hidden") || !strings.Contains(got, "…") {
			t.Errorf("%s: got %s, want it without the secret", name, got)
		}
	}
}

// TestShortPathsAreRepeated has a URL of which no part is long enough to be a secret.
func TestShortPathsAreRepeated(t *testing.T) {
	t.Parallel()
	server := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "Cannot POST "+r.URL.Path+" of a shop", http.StatusNotFound)
	})
	err := posts(t, webhook.Options{URL: server.URL + "/a/shop"}).Handle(t.Context(), delivery())
	if err == nil || !strings.HasSuffix(err.Error(), "Cannot POST /a/shop of a shop") {
		t.Errorf("got %v, want what the receiver said", err)
	}
}
