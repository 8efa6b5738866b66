package webhook_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers/remote/remotetest"
	"github.com/millrace/millrace/consumers/webhook"
)

// accepting counts the connections that a server accepts.
type accepting struct {
	net.Listener
	count atomic.Int64
}

func (a *accepting) Accept() (net.Conn, error) {
	conn, err := a.Listener.Accept()
	if err == nil {
		a.count.Add(1)
	}
	return conn, err
}

func counted(t testing.TB, answer http.HandlerFunc) (*httptest.Server, *accepting) {
	t.Helper()
	server := httptest.NewUnstartedServer(answer)
	listener := &accepting{Listener: server.Listener}
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return server, listener
}

// TestConnectionsAreReused handles events by as many goroutines as there are handlings at once, against answers of every length
// that is read to its end.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	const concurrency, events = 64, 2000
	answers := []string{"", "booked", strings.Repeat("x", 5000), strings.Repeat("x", 200_000)}
	var served atomic.Int64
	server, listener := counted(t, func(w http.ResponseWriter, _ *http.Request) {
		count := served.Add(1)
		if count%7 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte(answers[count%int64(len(answers))]))
	})
	handler := posts(t, webhook.Options{URL: server.URL, Concurrency: concurrency})
	work := make(chan struct{})
	var group sync.WaitGroup
	for range concurrency {
		group.Go(func() {
			for range work {
				if err := handler.Handle(t.Context(), delivery()); err != nil && !strings.HasPrefix(err.Error(), "post to "+server.URL+": answered 503") {
					t.Error(err)
				}
			}
		})
	}
	for range events {
		work <- struct{}{}
	}
	close(work)
	group.Wait()
	if got := served.Load(); got != events {
		t.Errorf("the endpoint was asked %d times, want %d", got, events)
	}
	// On a busy machine Go's library gives a connection up whose request was noted as sent more than 50 ms after its answer.
	const most = concurrency + events/500
	if got := listener.count.Load(); got > most {
		t.Errorf("%d events took %d connections, want at most %d", events, got, most)
	}
}

// TestALongAnswerCostsItsConnectionAlone shows that an answer is read up to a limit, and that the next event does not suffer.
func TestALongAnswerCostsItsConnectionAlone(t *testing.T) {
	t.Parallel()
	server, listener := counted(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 3 << 10 {
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				return
			}
		}
	})
	handler := posts(t, webhook.Options{URL: server.URL, Concurrency: 1})
	for range 3 {
		if err := handler.Handle(t.Context(), delivery()); err != nil {
			t.Errorf("an answer of 3 MiB: got %v, want success", err)
		}
	}
	if got := listener.count.Load(); got != 3 {
		t.Errorf("3 answers of 3 MiB took %d connections, want 3", got)
	}
}

// TestIdleConnectionThatDied shows that a server which closed an idle connection costs the event no delivery.
func TestIdleConnectionThatDied(t *testing.T) {
	t.Parallel()
	server, listener := counted(t, func(http.ResponseWriter, *http.Request) {})
	handler := posts(t, webhook.Options{URL: server.URL, Concurrency: 1})
	for range 20 {
		if err := handler.Handle(t.Context(), delivery()); err != nil {
			t.Errorf("after an idle connection was closed: got %v, want success", err)
		}
		server.CloseClientConnections()
	}
	if got := listener.count.Load(); got != 20 {
		t.Errorf("20 events took %d connections, want 20, since each was closed", got)
	}
}

// TestRefusedAtDialTime resolves names to addresses that are refused, as a name's owner may do at any time.
func TestRefusedAtDialTime(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"169.254.169.254:80", "[fe80::1]:80", "[::ffff:169.254.169.254]:80", "[64:ff9b::a9fe:a9fe]:80", "[fd00:ec2::254]:80",
		"100.100.100.200:443", "[::ffff:6464:64c8]:443",
	} {
		for _, network := range []string{"tcp", "tcp4", "tcp6"} {
			err := webhook.Refuse(t.Context(), network, address, nil)
			if err == nil || !strings.Contains(err.Error(), "is refused: nothing is sent to link-local addresses") {
				t.Errorf("%s: got %v, want it refused", address, err)
			}
		}
	}
	if _, err := webhook.Dial(t.Context(), "tcp", "169.254.169.254:80"); err == nil || !strings.Contains(err.Error(), "is refused") {
		t.Errorf("a dial of 169.254.169.254: got %v, want it refused", err)
	}
	for _, address := range []string{"127.0.0.1:80", "[::1]:80", "10.0.0.1:80", "192.168.1.1:80", "172.16.0.1:80", "[fd12::1]:80", "8.8.8.8:80", "100.64.0.1:80"} {
		if err := webhook.Refuse(t.Context(), "tcp", address, nil); err != nil {
			t.Errorf("%s: got %v, want it dialled", address, err)
		}
	}
}

// TestNoProxyOfTheEnvironment is not parallel: it sets variables.
func TestNoProxyOfTheEnvironment(t *testing.T) {
	proxy := endpoint(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") })
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	server, _ := counted(t, func(http.ResponseWriter, *http.Request) {})
	if err := posts(t, webhook.Options{URL: server.URL}).Handle(t.Context(), delivery()); err != nil {
		t.Error(err)
	}
	_ = posts(t, webhook.Options{URL: "http://nobody.invalid"}).Handle(t.Context(), delivery())
}

// TestNothingIsLeft is not parallel: it counts goroutines, after answers, failures, timeouts and a dial that nobody waits for.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	never, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer never.Close()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
	}))
	for _, url := range []string{server.URL, server.URL + "/slow", "http://" + never.Addr().String(), "https://" + never.Addr().String()} {
		handler, err := webhook.New(webhook.Options{URL: url, Concurrency: 8})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { _ = handler.Handle(ctx, delivery()) })
		}
		group.Wait()
		cancel()
		handler.Close()
		handler.Close() // a second time does nothing
	}
	close(release)
	server.Close()
	remotetest.Goroutines(t, before)
}

// TestCloseEndsWhatWaits closes the handler while the endpoint keeps an event waiting.
func TestCloseEndsWhatWaits(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	server, _ := counted(t, func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	})
	defer close(release)
	handler := posts(t, webhook.Options{URL: server.URL})
	failed := make(chan error)
	go func() { failed <- handler.Handle(t.Context(), delivery()) }()
	<-arrived
	handler.Close()
	if err := <-failed; remotetest.Verdict(err) != "retry" {
		t.Errorf("a handling of a closed handler: got %v, want a retry", err)
	}
}
