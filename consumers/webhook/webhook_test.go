package webhook_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote/remotetest"
	"github.com/millrace/millrace/consumers/webhook"
	"github.com/millrace/millrace/stream"
)

// endpoint answers requests, and posts is a handler that sends them there.
func endpoint(t testing.TB, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server
}

func posts(t testing.TB, options webhook.Options) *webhook.Handler {
	t.Helper()
	handler, err := webhook.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { handler.Close() })
	return handler
}

func delivery() *consumers.Delivery {
	return &consumers.Delivery{
		Event: stream.Event{
			Name: "NEW_ORDER_RECEIVED", ID: "order-12345",
			Data: []byte(`{"order_id":12345,"total":90071992547409931234.50,"customer":{"name":"王\"小明"}}`),
			Time: time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC), AggregateID: "12345",
			TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Headers: map[string]string{"region": "Köln"},
		},
		Group: "points", Deliveries: 3,
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	body := make(chan string, 1)
	server := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got <- r
		body <- string(text)
		_, _ = io.WriteString(w, " 7 points \n")
	})
	handler := posts(t, webhook.Options{
		URL: server.URL + "/points?shop=3", Source: "/shops/3", Token: "s3cret", Headers: map[string]string{"X-Shop": "Kettle Shop"},
	})
	event := delivery()
	if err := handler.Handle(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	if string(event.Result) != "7 points" {
		t.Errorf("the delivery's result is %q, want the answer's body", event.Result)
	}
	request := <-got
	if line := request.Method + " " + request.RequestURI; line != "POST /points?shop=3" || "http://"+request.Host != server.URL {
		t.Errorf("the request is %s for %s, want POST /points?shop=3 for %s", line, request.Host, server.URL)
	}
	if text := <-body; text != string(event.Data) || request.ContentLength != int64(len(event.Data)) {
		t.Errorf("the body is %q of length %d, want the data", text, request.ContentLength)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Idempotency-Key": "points:order-12345", "Millrace-Deliveries": "3",
		"Ce-Specversion": "1.0", "Ce-Id": "order-12345", "Ce-Type": "NEW_ORDER_RECEIVED", "Ce-Source": "/shops/3",
		"Ce-Time": "2026-01-31T08:00:00Z", "Ce-Subject": "12345", "Ce-Region": "K%C3%B6ln",
		"Traceparent": event.TraceParent, "Authorization": "Bearer s3cret", "X-Shop": "Kettle Shop", "User-Agent": "millrace",
		"Accept-Encoding": "", "Webhook-Id": "", "Webhook-Signature": "",
	} {
		if value := strings.Join(request.Header.Values(name), "|"); value != want {
			t.Errorf("header %s: got %q, want %q", name, value, want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	server := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(http.StatusNoContent)
		case "/301":
			http.Redirect(w, r, "/204?token=hidden", http.StatusMovedPermanently)
		case "/307":
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusTemporaryRedirect)
		case "/410":
			http.Error(w, "this shop\nis closed \x1b[31m", http.StatusGone)
		case "/429":
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusTooManyRequests)
		case "/503":
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case "/hints":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusAccepted)
		}
	})
	place := "post to " + server.URL + ": answered "
	tests := []struct{ path, verdict, text string }{
		{"/200", "success", ""},
		{"/204", "success", ""},
		{"/hints", "success", ""},
		{"/301", "permanent", place + "301 Moved Permanently, which points to /204: redirects are not followed"},
		{"/307", "permanent", place + "307 Temporary Redirect, which points to http://169.254.169.254/latest: redirects are not followed"},
		{"/410", "permanent", place + "410 Gone: this shop is closed \uFFFD[31m"},
		{"/429", "retry after 2m0s", place + "429 Too Many Requests"},
		{"/503", "retry", place + "503 Service Unavailable: busy"},
	}
	for _, test := range tests {
		event := delivery()
		err := posts(t, webhook.Options{URL: server.URL + test.path + "?key=hidden"}).Handle(t.Context(), event)
		if got := remotetest.Verdict(err); got != test.verdict || err != nil && err.Error() != test.text {
			t.Errorf("%s: got %s: %v\nwant %s: %s", test.path, got, err, test.verdict, test.text)
		}
		if event.Result != nil {
			t.Errorf("%s: the result is %q, want none", test.path, event.Result)
		}
	}
}

// TestExpect has a chat that answers 200 whatever it does.
func TestExpect(t *testing.T) {
	t.Parallel()
	server := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/410" {
			w.WriteHeader(http.StatusGone)
		}
		_, _ = io.WriteString(w, r.Header.Get("X-Say"))
	})
	tests := []struct{ path, say, expect, verdict, text string }{
		{"/", `{"errcode":0,"errmsg":"ok"}`, `"errcode":0`, "success", ""},
		{"/", `{"errcode":130101,"errmsg":"send too fast"}`, `"errcode":0,`, "retry", `answered 200 without "\"errcode\":0,": {"errcode":130101,"errmsg":"send too fast"}`},
		{"/", "", "ok", "retry", `answered 200 without "ok": `},
		{"/", "", "", "success", ""},
		{"/410", "ok", "ok", "permanent", "answered 410 Gone: ok"},
	}
	for _, test := range tests {
		options := webhook.Options{URL: server.URL + test.path, Headers: map[string]string{"X-Say": test.say}, Expect: test.expect}
		err := posts(t, options).Handle(t.Context(), delivery())
		if got := remotetest.Verdict(err); got != test.verdict || err != nil && !strings.HasSuffix(err.Error(), test.text) {
			t.Errorf("%s saying %s, expecting %q: got %s: %v, want %s: %s", test.path, test.say, test.expect, got, err, test.verdict, test.text)
		}
	}
}

// TestNobodyThere dials where nobody listens, a name that does not exist, and one that never answers.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	closed := endpoint(t, func(http.ResponseWriter, *http.Request) {})
	closed.Close()
	for _, url := range []string{closed.URL + "/a/secret?key=secret", "http://nobody.invalid/secret"} {
		err := posts(t, webhook.Options{URL: url}).Handle(t.Context(), delivery())
		if got := remotetest.Verdict(err); got != "retry" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %s: %v, want a retry and nothing secret", url, got, err)
		}
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	server := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
		}
		<-release
	})
	for _, path := range []string{"/header", "/body"} {
		ctx, cancel := context.WithDeadlineCause(t.Context(), time.Now().Add(100*time.Millisecond), consumers.ErrTimeout)
		event := delivery()
		err := posts(t, webhook.Options{URL: server.URL + path}).Handle(ctx, event)
		cancel()
		if remotetest.Verdict(err) != "retry" || !errors.Is(err, consumers.ErrTimeout) || event.Result != nil {
			t.Errorf("%s that never comes: got %v, want a retry because of the timeout", path, err)
		}
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = nil
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})

	if err := posts(t, webhook.Options{URL: server.URL, CA: authority}).Handle(t.Context(), delivery()); err != nil {
		t.Errorf("a certificate of the private authority: got %v, want success", err)
	}
	err := posts(t, webhook.Options{URL: server.URL}).Handle(t.Context(), delivery())
	if remotetest.Verdict(err) != "retry" || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("a certificate of nobody: got %v, want a retry that tells of the certificate", err)
	}
	err = posts(t, webhook.Options{URL: server.URL, CA: someAuthority(t)}).Handle(t.Context(), delivery())
	if remotetest.Verdict(err) != "retry" || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("a certificate of another authority: got %v, want a retry that tells of the certificate", err)
	}
	plain := strings.Replace(server.URL, "https:", "http:", 1)
	if err := posts(t, webhook.Options{URL: plain}).Handle(t.Context(), delivery()); remotetest.Verdict(err) != "permanent" {
		t.Errorf("plain text to a TLS port: got %v, want the answer 400", err)
	}
	open := endpoint(t, func(http.ResponseWriter, *http.Request) {})
	wrong := strings.Replace(open.URL, "http:", "https:", 1)
	if err := posts(t, webhook.Options{URL: wrong}).Handle(t.Context(), delivery()); remotetest.Verdict(err) != "retry" {
		t.Errorf("TLS to a plain port: got %v, want a retry", err)
	}
}

// someAuthority is one that has signed nothing but itself.
func someAuthority(t *testing.T) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, NotAfter: time.Now().Add(time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})
}

func BenchmarkHandle(b *testing.B) {
	server := endpoint(b, func(http.ResponseWriter, *http.Request) {})
	handler := posts(b, webhook.Options{URL: server.URL, Secrets: oldSecret, Concurrency: 64})
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := handler.Handle(b.Context(), delivery()); err != nil {
				b.Error(err)
			}
		}
	})
}
