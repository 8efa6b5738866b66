package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const token = "correct-horse-battery"

// status is what a path is answered with where the client sends this in `Authorization`.
func status(server *Server, path, authorization string) int {
	request := httptest.NewRequest(http.MethodGet, path, nil)
	request.Header.Set("Authorization", authorization)
	answer := httptest.NewRecorder()
	server.routes().ServeHTTP(answer, request)
	return answer.Code
}

func TestToken(t *testing.T) {
	t.Parallel()
	guarded, open := New(Options{Token: token}), New(Options{})
	for _, authorization := range []string{
		"", "Bearer", "Bearer ", token, "Basic " + token, "Bearer " + token[1:], "Bearer " + token + "x", "Bearer  " + token,
	} {
		for path, want := range map[string]int{"/metrics": 401, "/": 401, "/livez": 200, "/readyz": 200, "/other": 404} {
			if got := status(guarded, path, authorization); got != want {
				t.Errorf("GET %s with Authorization %q = %d, want %d", path, authorization, got, want)
			}
		}
		if got := status(open, "/metrics", authorization); got != http.StatusOK {
			t.Errorf("GET /metrics where there is no token, with Authorization %q = %d, want 200", authorization, got)
		}
	}
	for _, authorization := range []string{"Bearer " + token, "bearer " + token} {
		if got := status(guarded, "/metrics", authorization); got != http.StatusOK {
			t.Errorf("GET /metrics with Authorization %q = %d, want 200", authorization, got)
		}
	}
}

// TestOpenAddressIsSaid checks for which addresses the log says that there is no token.
func TestOpenAddressIsSaid(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		address, token string
		want           int
	}{{"127.0.0.1:0", "", 0}, {"[::1]:0", "", 0}, {":0", "", 1}, {"0.0.0.0:0", "", 1}, {":0", token, 0}} {
		core, logs := observer.New(zap.DebugLevel)
		server := New(Options{Addr: test.address, Token: test.token, Logger: zap.New(core)})
		if err := server.Listen(); err != nil {
			if strings.HasPrefix(test.address, "[") {
				continue // no IPv6 here
			}
			t.Fatal(err)
		}
		server.listener.Close()
		if got := logs.FilterMessageSnippet("without a token").Len(); got != test.want {
			t.Errorf("Listen on %s with token %q says %d times that there is none, want %d", test.address, test.token, got, test.want)
		}
	}
}
