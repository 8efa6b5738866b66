package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// serve runs a server on a free port; stop ends it and returns what Serve returned.
func serve(t *testing.T, options Options) (address string, stop func() error) {
	t.Helper()
	options.Addr = "127.0.0.1:0"
	server := New(options)
	if err := server.Listen(); err != nil {
		t.Fatalf("Listen: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	t.Cleanup(cancel)
	return server.Addr(), func() error {
		cancel()
		return <-served
	}
}

// get asks for a path and returns the body.
func get(t *testing.T, address, path string) string {
	t.Helper()
	response, err := http.Get("http://" + address + path)
	if err != nil {
		t.Errorf("GET %s: %v", path, err)
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("GET %s: read the body: %v", path, err)
	}
	return string(body)
}

func TestServe(t *testing.T) {
	t.Parallel()
	address, stop := serve(t, Options{})
	if got, want := get(t, address, "/livez"), "ok\n"; got != want {
		t.Errorf("GET /livez = %q, want %q", got, want)
	}
	if err := stop(); err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	if connection, err := net.Dial("tcp", address); err == nil {
		connection.Close()
		t.Errorf("%s still listens after Serve returned", address)
	}
}

func TestServeLetsAnAnswerFinish(t *testing.T) {
	t.Parallel()
	asked, goOn := make(chan struct{}), make(chan struct{})
	address, stop := serve(t, Options{Ready: func(context.Context) error {
		close(asked)
		<-goOn
		return nil
	}})
	answered := make(chan string, 1)
	go func() { answered <- get(t, address, "/readyz") }()
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	waitClosed(t, address)
	close(goOn)
	if got, want := <-answered, "ok\n"; got != want {
		t.Errorf("GET /readyz while the server stops = %q, want %q", got, want)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
}

// waitClosed returns when nobody listens on the address any more.
func waitClosed(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		connection.Close()
	}
	t.Errorf("%s still listens 10 s after the server was told to stop", address)
}

func TestPanicReachesTheLog(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	address, stop := serve(t, Options{Logger: zap.New(core), Live: func() error { panic("no slots") }})
	if response, err := http.Get("http://" + address + "/livez"); err == nil {
		response.Body.Close()
		t.Errorf("GET /livez = %d, want a broken connection", response.StatusCode)
	}
	if err := stop(); err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	if logs.FilterMessageSnippet("no slots").Len() == 0 {
		t.Errorf("the log holds %v, want the panic", logs.All())
	}
}

func TestListenOnTakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	server := New(Options{Addr: taken.Addr().String()})
	err = server.Listen()
	if err == nil {
		t.Fatalf("Listen on the taken port %s = nil, want an error", taken.Addr())
	}
	for _, want := range []string{taken.Addr().String(), "another program has the port", "MILLRACE_HTTP_ADDR"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Listen on a taken port = %q, want it to say %q", err, want)
		}
	}
	if err := server.Serve(context.Background()); err == nil {
		t.Error("Serve without Listen = nil, want an error")
	}
}

func TestListenOnNoAddress(t *testing.T) {
	t.Parallel()
	err := New(Options{Addr: "127.0.0.1:http:x"}).Listen()
	if err == nil || !strings.Contains(err.Error(), "MILLRACE_HTTP_ADDR") {
		t.Errorf("Listen on no address = %v, want an error that names MILLRACE_HTTP_ADDR", err)
	}
	if got, want := New(Options{}).Addr(), DefaultAddr; got != want {
		t.Errorf("Addr of no options = %q, want %q", got, want)
	}
}
