package ipp

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/millrace/millrace/consumers/remote/remotetest"
)

// TestRetryAfter has a server in front of a printer that has too much to do, and says for how long, or that it does not know.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":                              "retry after 30s",
		"0":                             "retry after 30s", // at once, it would use up every delivery in a moment
		"soon":                          "retry after 30s",
		"120":                           "retry after 2m0s",
		"99999999999999999999":          "retry after 24h0m0s",
		"Fri, 01 Jan 2100 00:00:00 GMT": "retry after 24h0m0s",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) {
			writer.Header().Set("Retry-After", header)
			writer.WriteHeader(http.StatusServiceUnavailable)
		}))
		printer, err := New(Options{Address: strings.Replace(server.URL, "http", "ipp", 1) + "/ipp/print"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = printer.Print(t.Context(), document)
		if got := remotetest.Verdict(err); got != want {
			t.Errorf("Retry-After %q: got %s: %v, want %s", header, got, err, want)
		}
		server.Close()
	}
}
