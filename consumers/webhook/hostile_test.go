package webhook_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers/remote/remotetest"
	"github.com/millrace/millrace/consumers/webhook"
)

// serve answers every request that it reads with what answer writes, and closes the connection when that returns. stop waits for
// all of it.
func serve(t testing.TB, answer func(io.Writer)) (url string, stop func()) {
	t.Helper()
	address, stop := remotetest.Serve(t, func(conn net.Conn) {
		if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.Copy(io.Discard, request.Body)
			answer(conn)
		}
	})
	return "http://" + address, stop
}

// TestHostileAnswers is not parallel: it counts goroutines.
func TestHostileAnswers(t *testing.T) {
	before := runtime.NumGoroutine()
	kilobyte := strings.Repeat("x", 1<<10)
	tests := []struct {
		name   string
		answer func(io.Writer)
		want   string
	}{
		{"nothing", remotetest.Says(""), "retry"},
		{"garbage", remotetest.Says("\x00\x01\x02 no HTTP\r\n\r\n"), "retry"},
		{"half a status line", remotetest.Says("HTTP/1.1 20"), "retry"},
		{"a status of four digits", remotetest.Says("HTTP/1.1 2000 OK\r\n\r\n"), "retry"},
		{"a negative length", remotetest.Says("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "retry"},
		{"two lengths", remotetest.Says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "retry"},
		{"half the headers", remotetest.Says("HTTP/1.1 200 OK\r\nContent-Le"), "retry"},
		{"half a body", remotetest.Says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbooked"), "retry"},
		{"half a body of a refusal", remotetest.Says("HTTP/1.1 410 Gone\r\nContent-Length: 100\r\n\r\nclosed"), "permanent"},
		{"broken chunks", remotetest.Says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbooked\r\n"), "retry"},
		{"a chunk without an end", remotetest.Says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx"), "retry"},
		{"a body that ends with the connection", remotetest.Says("HTTP/1.0 200 OK\r\n\r\nbooked"), "success"},
		{"another protocol", func(w io.Writer) {
			_, _ = io.WriteString(w, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			_, _ = io.Copy(io.Discard, w.(net.Conn)) // and waits for words in that protocol
		}, "permanent"},
		{"compressed by its own choice", remotetest.Says("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"), "success"},
		{"two answers", remotetest.Says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 No\r\n\r\n"), "success"},
		{"endless headers", remotetest.Endless("HTTP/1.1 200 OK\r\n", "X-A: "+kilobyte+"\r\n"), "retry"},
		{"an endless header", remotetest.Endless("HTTP/1.1 200 OK\r\nX-A: ", kilobyte), "retry"},
		{"an endless status line", remotetest.Endless("HTTP/1.1 200 ", kilobyte), "retry"},
		{"endless hints", remotetest.Endless("", "HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n"), "retry"},
		{"an endless body", remotetest.Endless("HTTP/1.1 200 OK\r\n\r\n", kilobyte), "success"},
		{"endless chunks", remotetest.Endless("HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\nx\r\n", 1000)), "retry"},
		{"an endless trailer", remotetest.Endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-A: "+kilobyte+"\r\n"), "retry"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url, stop := serve(t, test.answer)
			handler, err := webhook.New(webhook.Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			event := delivery()
			err = handler.Handle(ctx, event)
			if got := remotetest.Verdict(err); got != test.want || ctx.Err() != nil {
				t.Errorf("got %s: %v, want %s, and not by the timeout", got, err, test.want)
			}
			cancel()
			handler.Close()
			stop()
			if test.name == "nothing" && !strings.Contains(err.Error(), "closed without an answer") {
				t.Errorf("got %v, which tells nobody what happened", err)
			}
		})
	}
	remotetest.Goroutines(t, before)
}

// TestSlowBody has an endpoint that sends a byte now and then, without end: the handling's time bounds it.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	url, stop := serve(t, func(w io.Writer) {
		_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\n\r\n")
		for err == nil {
			time.Sleep(10 * time.Millisecond)
			_, err = io.WriteString(w, "x")
		}
	})
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	event := delivery()
	err := posts(t, webhook.Options{URL: url}).Handle(ctx, event)
	if remotetest.Verdict(err) != "retry" || event.Result != nil {
		t.Errorf("a body without end, byte by byte: got %v, want a retry", err)
	}
}
