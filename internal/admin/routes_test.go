package admin

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// ask sends one request to a server with the options, without a socket.
func ask(options Options, method, path string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	New(options).routes().ServeHTTP(answer, request)
	return answer
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	faulty := Options{
		Live: func() error { return errors.New("8 of 16 slots are stuck") },
		Ready: func(context.Context) error {
			return errors.Join(errors.New("Redis does not answer"), errors.New("print_label is not reading"))
		},
	}
	tests := []struct {
		name         string
		options      Options
		method, path string
		status       int
		body         string
	}{
		{"index", Options{}, "GET", "/", 200, "Millrace is running.\nSee /livez, /readyz and /metrics.\n"},
		{"alive", Options{}, "GET", "/livez", 200, "ok\n"},
		{"ready", Options{}, "GET", "/readyz", 200, "ok\n"},
		{"not alive", faulty, "GET", "/livez", 503, "8 of 16 slots are stuck\n"},
		{"not ready", faulty, "GET", "/readyz", 503, "Redis does not answer\nprint_label is not reading\n"},
		{"a query changes nothing", Options{}, "GET", "/livez?format=json", 200, "ok\n"},
		{
			"a hostile fault",
			Options{Live: func() error { return errors.New("a\x1b[2J\u009b\u202e\xff") }},
			"GET", "/livez", 503, "a\ufffd[2J\ufffd\ufffd\ufffd\n",
		},
		{"head", Options{}, "HEAD", "/livez", 200, "ok\n"}, // http.Server leaves the body out
		{"another path", Options{}, "GET", "/livez/x", 404, "404 page not found\n"},
		{"post", Options{}, "POST", "/livez", 405, "Method Not Allowed\n"},
		{"delete", Options{}, "DELETE", "/metrics", 405, "Method Not Allowed\n"},
		{"post to the index", Options{}, "POST", "/", 405, "Method Not Allowed\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer := ask(test.options, test.method, test.path)
			if answer.Code != test.status || answer.Body.String() != test.body {
				t.Errorf("%s %s = %d %q, want %d %q",
					test.method, test.path, answer.Code, answer.Body, test.status, test.body)
			}
			if got, want := answer.Header().Get("Content-Type"), "text/plain; charset=utf-8"; got != want {
				t.Errorf("%s %s has Content-Type %q, want %q", test.method, test.path, got, want)
			}
			if got, want := answer.Header().Get("Cache-Control"), "no-store"; got != want {
				t.Errorf("%s %s has Cache-Control %q, want %q", test.method, test.path, got, want)
			}
			if got := answer.Header().Get("Allow"); test.status == http.StatusMethodNotAllowed && got != "GET, HEAD" {
				t.Errorf("%s %s allows %q, want %q", test.method, test.path, got, "GET, HEAD")
			}
		})
	}
}

func TestReadyIsBounded(t *testing.T) {
	t.Parallel()
	var bounded bool
	ask(Options{Ready: func(ctx context.Context) error {
		_, bounded = ctx.Deadline()
		return nil
	}}, "GET", "/readyz")
	if !bounded {
		t.Error("the context of Ready has no deadline, want one")
	}
}

// broken is a collector that cannot give its figure.
type broken struct{ description *prometheus.Desc }

func (b broken) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- b.description }

func (b broken) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.NewInvalidMetric(b.description, errors.New("Redis does not answer"))
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	handled := prometheus.NewCounter(prometheus.CounterOpts{Name: "millrace_handled_total", Help: "Handled."})
	handled.Add(3)
	registry.MustRegister(handled, broken{prometheus.NewDesc("millrace_lag", "Lag.", nil, nil)})

	const openMetrics = "application/openmetrics-text; version=1.0.0"
	for accept, contentType := range map[string]string{"": "text/plain", openMetrics: openMetrics} {
		answer := ask(Options{Metrics: registry}, "GET", "/metrics", "Accept", accept)
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), "millrace_handled_total 3") {
			t.Errorf("GET /metrics accepting %q = %d %q, want 200 with millrace_handled_total 3",
				accept, answer.Code, answer.Body)
		}
		if got := answer.Header().Get("Content-Type"); !strings.HasPrefix(got, contentType) {
			t.Errorf("GET /metrics accepting %q has Content-Type %q, want %q", accept, got, contentType)
		}
	}
	if answer := ask(Options{}, "GET", "/metrics"); answer.Code != http.StatusOK || answer.Body.Len() != 0 {
		t.Errorf("GET /metrics without a gatherer = %d %q, want 200 and nothing", answer.Code, answer.Body)
	}
}
