package fastcgi_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/fastcgi"
	"github.com/millrace/millrace/consumers/remote/remotetest"
	"github.com/millrace/millrace/stream"
)

func delivery(data string) *consumers.Delivery {
	return &consumers.Delivery{
		Event: stream.Event{
			Name: "NEW_ORDER_RECEIVED", ID: "order-12345", Data: []byte(data), AggregateID: "12345",
			Time: time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC), Headers: map[string]string{"region": "Köln"},
			TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		},
		Group: "points", Deliveries: 3,
	}
}

func runs(t testing.TB, address, script string) *fastcgi.Handler {
	t.Helper()
	handler, err := fastcgi.New(fastcgi.Options{Address: address, Script: script, Source: "/shops/3"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { handler.Close() })
	return handler
}

func TestPHPSeesTheEvent(t *testing.T) {
	t.Parallel()
	server := startFPM(t)
	handler := runs(t, server.address(), server.script("handler.php"))
	event := delivery(`{"do":"show","names":["REQUEST_METHOD","CONTENT_TYPE","HTTP_IDEMPOTENCY_KEY","HTTP_MILLRACE_DELIVERIES",` +
		`"HTTP_CE_SPECVERSION","HTTP_CE_ID","HTTP_CE_TYPE","HTTP_CE_SOURCE","HTTP_CE_TIME","HTTP_CE_SUBJECT","HTTP_CE_REGION",` +
		`"HTTP_TRACEPARENT","QUERY_STRING","SCRIPT_FILENAME","HTTP_PROXY"]}`)
	if err := handler.Handle(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"REQUEST_METHOD=POST", "CONTENT_TYPE=application/json", "HTTP_IDEMPOTENCY_KEY=points:order-12345",
		"HTTP_MILLRACE_DELIVERIES=3", "HTTP_CE_SPECVERSION=1.0", "HTTP_CE_ID=order-12345", "HTTP_CE_TYPE=NEW_ORDER_RECEIVED",
		"HTTP_CE_SOURCE=/shops/3", "HTTP_CE_TIME=2026-01-31T08:00:00Z", "HTTP_CE_SUBJECT=12345", "HTTP_CE_REGION=K%C3%B6ln",
		"HTTP_TRACEPARENT=" + event.TraceParent, "QUERY_STRING=", "SCRIPT_FILENAME=" + server.script("handler.php"), "HTTP_PROXY=(none)",
	}, "\n")
	if string(event.Result) != want {
		t.Errorf("the script saw\n%s\nwant\n%s", event.Result, want)
	}
}

func TestPHPVerdicts(t *testing.T) {
	t.Parallel()
	server := startFPM(t, "php_flag[display_errors] = off")
	shown := startFPM(t, "php_flag[display_errors] = on")
	large := strings.Repeat("y", 900_000)
	tests := []struct {
		server         *fpm
		data           string
		verdict, text  string
		result, script string
	}{
		{server, `{"do":"note"}`, "success", "", "booked", ""},
		{server, `no JSON`, "success", "", "", ""},
		{server, `{"do":"status","status":204,"text":""}`, "success", "", "", ""},
		{server, `{"do":"status","status":202,"text":"later"}`, "success", "", "later", ""},
		{server, `{"do":"status","status":503,"text":"busy"}`, "retry after 2m0s", "answered 503 Service Unavailable: busy", "", ""},
		{server, `{"do":"status","status":409,"text":""}`, "retry after 2m0s", "answered 409 Conflict", "", ""},
		{server, `{"do":"status","status":422,"text":"not ours"}`, "permanent", "answered 422 Unprocessable Entity: not ours", "", ""},
		{server, `{"do":"redirect"}`, "permanent", "answered 302 Found, which points to /elsewhere: redirects are not followed", "", ""},
		{server, `{"do":"throw"}`, "retry", "answered 500 Internal Server Error: PHP message: PHP Fatal error: Uncaught RuntimeException: no such shop", "", ""},
		{shown, `{"do":"throw"}`, "retry", "answered 200, but the script has failed: PHP message: PHP Fatal error: Uncaught RuntimeException: no such shop", "", ""},
		{server, `{"do":"die"}`, "retry", "the connection was closed before the end of the answer", "", ""},
		{server, `{"do":"size","text":"` + large + `"}`, "success", "", "900000", ""},
		{server, `{"do":"print first","text":"` + large + `"}`, "success", "", strings.Repeat("x", 4000), ""},
		{server, `{"do":"print","bytes":20000000}`, "retry", "the answer is longer than 16777216 bytes", "", ""},
		{server, `{}`, "permanent", "answered 404 Not Found: Primary script unknown", "", "missing.php"},
		{server, `{}`, "permanent", "answered 403 Forbidden", "", "handler.txt"},
	}
	for _, test := range tests {
		script := "handler.php"
		if test.script != "" {
			script = test.script
		}
		event := delivery(test.data)
		err := runs(t, test.server.address(), server.script(script)).Handle(t.Context(), event)
		if got := remotetest.Verdict(err); got != test.verdict || err != nil && !strings.Contains(err.Error(), test.text) {
			t.Errorf("%.40s %s: got %s: %v\nwant %s: %s", test.data, script, got, err, test.verdict, test.text)
		}
		if string(event.Result) != test.result {
			t.Errorf("%.40s: got the result %.40q, want %.40q", test.data, event.Result, test.result)
		}
	}
}

// TestPoolIsReplaced reloads and kills PHP-FPM while events are handled. Its processes leave after 40 requests as well, each
// with a connection of ours.
func TestPoolIsReplaced(t *testing.T) {
	t.Parallel()
	server := startFPM(t)
	handler := runs(t, server.address(), server.script("handler.php"))
	handle := func(want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if got := remotetest.Verdict(handler.Handle(ctx, delivery(`{"do":"who"}`))); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	for range 200 {
		handle("success")
	}
	server.reload()
	for range 20 {
		handle("success")
	}
	server.kill()
	handle("retry")
	server.start()
	for range 20 {
		handle("success")
	}
}

// accepting counts connections on their way to PHP-FPM's socket.
func accepting(t *testing.T, server *fpm) (address string, count *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	count = &atomic.Int64{}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			go pipe(conn, server.path("socket"))
		}
	}()
	return listener.Addr().String(), count
}

// TestConnectionsAreReused handles 400 events, four at once, over TCP.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	const concurrency, events = 4, 400
	server := startFPM(t, "pm.max_requests = 0")
	address, count := accepting(t, server)
	handler := runs(t, address, server.script("handler.php"))
	work := make(chan int)
	var group sync.WaitGroup
	for range concurrency {
		group.Go(func() {
			for number := range work {
				event := delivery(fmt.Sprintf(`{"do":"status","status":200,"text":"event %d"}`, number))
				if err := handler.Handle(t.Context(), event); err != nil || string(event.Result) != fmt.Sprintf("event %d", number) {
					t.Errorf("event %d: got %v and %q", number, err, event.Result)
				}
			}
		})
	}
	for number := range events {
		work <- number
	}
	close(work)
	group.Wait()
	if got := count.Load(); got > events/10 { // there is one anew where a slow machine has left one idle for a second
		t.Errorf("%d events took %d connections, want about %d", events, got, concurrency)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	server := startFPM(t)
	ctx, cancel := context.WithDeadlineCause(t.Context(), time.Now().Add(200*time.Millisecond), consumers.ErrTimeout)
	defer cancel()
	err := runs(t, server.address(), server.script("handler.php")).Handle(ctx, delivery(`{"do":"sleep"}`))
	if remotetest.Verdict(err) != "retry" || !errors.Is(err, consumers.ErrTimeout) {
		t.Errorf("a script that sleeps: got %v, want a retry because of the timeout", err)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for _, address := range []string{"unix:" + directory + "/missing.sock", "unix:" + directory, "127.0.0.1:1", "nobody.invalid:9000"} {
		err := runs(t, address, "/srv/a.php").Handle(t.Context(), delivery("{}"))
		if remotetest.Verdict(err) != "retry" || !strings.HasPrefix(err.Error(), "run /srv/a.php at "+address+": dial ") {
			t.Errorf("%s: got %v, want a retry", address, err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"unix:/run/php/php8.2-fpm.sock", "127.0.0.1:9000", "fpm:9000", "[::1]:9000"} {
		if err := fastcgi.CheckAddress(address); err != nil {
			t.Errorf("CheckAddress(%q) = %v, want nil", address, err)
		}
	}
	for _, address := range []string{"", "unix:", "unix:a.sock", "unix:/" + strings.Repeat("a", 108), "/run/a.sock", "127.0.0.1", ":9000", "a:", "http://a:1"} {
		if err := fastcgi.CheckAddress(address); err == nil || !strings.Contains(err.Error(), "expected unix: and a path") {
			t.Errorf("CheckAddress(%q) = %v, want an error", address, err)
		}
	}
	for _, script := range []string{"", "a.php", "/", "/srv/../a.php", "/srv/", "/a\x00"} {
		if err := fastcgi.CheckScript(script); err == nil {
			t.Errorf("CheckScript(%q): got nil, want an error", script)
		}
	}
	_, err := fastcgi.New(fastcgi.Options{Source: "a b"})
	for _, want := range []string{"fastcgi: address: ", "\nscript: ", "\nsource: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New without options: got %v, want it to tell of %q", err, want)
		}
	}
}

// TestNothingIsLeft is not parallel: it counts goroutines and descriptors of a handler that was used and closed.
func TestNothingIsLeft(t *testing.T) {
	server := startFPM(t)
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc here")
		}
		return len(entries)
	}
	_, goroutines := descriptors(), goroutineCount()
	before := descriptors()
	handler := runs(t, server.address(), server.script("handler.php"))
	var group sync.WaitGroup
	for _, data := range []string{`{"do":"who"}`, `{"do":"sleep"}`, `{"do":"die"}`, `{"do":"print","bytes":100000}`} {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_ = handler.Handle(ctx, delivery(data))
		})
	}
	group.Wait()
	_ = handler.Handle(t.Context(), delivery(`{"do":"who"}`))
	handler.Close()
	if err := handler.Handle(t.Context(), delivery(`{"do":"who"}`)); remotetest.Verdict(err) != "retry" {
		t.Errorf("a handling by a closed handler: got %v, want a retry", err)
	}
	remotetest.Goroutines(t, goroutines)
	remotetest.Until(t, "every descriptor is closed", func() bool { return descriptors() <= before })
}

// TestIdleConnectionsEnd shows that a process of the pool is kept for a second at most.
func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	handler := runs(t, listener.Addr().String(), "/srv/a.php")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		readRequest(conn)
		_, _ = conn.Write(answering("\r\nbooked"))
		readRequest(conn) // until the other end closes
	}()
	if err := handler.Handle(t.Context(), delivery("{}")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("an idle connection has not been closed within 20s")
	}
}

func BenchmarkHandle(b *testing.B) {
	server := startFPM(b, "pm.max_requests = 0")
	handler := runs(b, server.address(), server.script("handler.php"))
	b.ReportAllocs()
	b.SetParallelism(2)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := handler.Handle(b.Context(), delivery(`{"do":"size","text":""}`)); err != nil {
				b.Error(err)
			}
		}
	})
}
