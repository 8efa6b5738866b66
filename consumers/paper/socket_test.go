package paper_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/paper"
	"github.com/millrace/millrace/consumers/paper/papertest"
)

// printTo prints content on a printer that does with its one connection what a test says. The printer's context ends when
// Print has returned.
func printTo(ctx context.Context, t *testing.T, content []byte, printer func(context.Context, *net.TCPConn)) error {
	t.Helper()
	printing, printed := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer printed()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		defer connection.Close()
		printer(printing, connection.(*net.TCPConn))
	}()
	output := open(t, paper.Destination{Printer: "socket://" + listener.Addr().String()})
	place, err := output.Print(ctx, paper.Job{Name: "label.zpl", Content: content})
	if want := "printer " + listener.Addr().String(); err == nil && place != want || err != nil && !strings.HasPrefix(err.Error(), want+" ") {
		t.Errorf("Print: %q, %v, want %q", place, err, want)
	}
	printed()
	listener.Close()
	<-ended
	return err
}

func TestSocket(t *testing.T) {
	t.Parallel()
	sink := papertest.StartSink(t)
	output := open(t, paper.Destination{Printer: "socket://" + sink.Address()})
	content := bytes.Repeat([]byte("^XA^FDa label^FS^XZ"), 100_000)
	for range 3 {
		if _, err := output.Print(t.Context(), paper.Job{Content: content}); err != nil {
			t.Fatalf("Print: %v", err)
		}
		if got := sink.Next(t.Context(), t); !bytes.Equal(got, content) {
			t.Errorf("the printer got %d bytes, want the %d of the label", len(got), len(content))
		}
	}
}

// Printers that have everything, whatever they do then.
func TestSocketThatTakesEverything(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(context.Context, *net.TCPConn){
		"ends":          func(context.Context, *net.TCPConn) {},
		"says and ends": func(_ context.Context, connection *net.TCPConn) { _, _ = connection.Write([]byte("@PJL USTATUS\r\n")) },
		"stays":         stay,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithTimeoutCause(t.Context(), 30*time.Second, consumers.ErrTimeout)
			defer stop()
			if err := printTo(ctx, t, []byte("^XA^XZ"), func(ctx context.Context, connection *net.TCPConn) {
				_, _ = io.ReadAll(connection)
				then(ctx, connection)
			}); err != nil {
				t.Errorf("Print: %v", err)
			}
		})
	}
}

// Printers that do not print; each is tried again.
func TestSocketThatFails(t *testing.T) {
	t.Parallel()
	large := make([]byte, 64<<20)
	for name, test := range map[string]struct {
		content []byte
		printer func(context.Context, *net.TCPConn)
		words   string
		waits   bool
		timeout time.Duration
	}{
		"out of paper": {large, stay, "is it out of paper, or stopped?", true, time.Second},
		// Longer than a printer that has everything is waited for.
		"out of paper at the end":    {large[:256<<10], stopReading, "is it out of paper, or stopped?", true, 7 * time.Second},
		"breaks off":                 {large, func(_ context.Context, connection *net.TCPConn) { _ = connection.SetLinger(0) }, "", false, time.Minute},
		"breaks off at the end":      {[]byte("^XA^XZ"), breakOff, "broke off, and may have printed a part: ", false, time.Minute},
		"sends and sends, unceasing": {[]byte("^XA^XZ"), sendForEver, "sends without end: is it a printer?", false, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithTimeoutCause(t.Context(), test.timeout, consumers.ErrTimeout)
			defer stop()
			start := time.Now()
			err := printTo(ctx, t, test.content, test.printer)
			if err == nil || !strings.Contains(err.Error(), test.words) || isPermanent(err) || (ctx.Err() != nil) != test.waits {
				t.Errorf("Print: %v, want %q, to be tried again, at the timeout: %v", err, test.words, test.waits)
			}
			if late := time.Since(start) - test.timeout; late > 4*time.Second {
				t.Errorf("Print returned %v after its context ended", late)
			}
		})
	}
}

// stay keeps the connection and does no more with it.
func stay(ctx context.Context, _ *net.TCPConn) { <-ctx.Done() }

// stopReading leaves the document in the printer's buffers, which are small.
func stopReading(ctx context.Context, connection *net.TCPConn) {
	_ = connection.SetReadBuffer(4096)
	<-ctx.Done()
}

func breakOff(_ context.Context, connection *net.TCPConn) {
	_, _ = io.ReadAll(connection)
	_ = connection.SetLinger(0)
}

func sendForEver(_ context.Context, connection *net.TCPConn) {
	for {
		if _, err := connection.Write(make([]byte, 64<<10)); err != nil {
			return
		}
	}
}

func TestSocketThatIsNotThere(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	_, err = open(t, paper.Destination{Printer: "socket://" + address}).Print(t.Context(), paper.Job{})
	if want := "printer " + address + " cannot be reached: dial tcp"; err == nil || !strings.HasPrefix(err.Error(), want) || isPermanent(err) {
		t.Errorf("Print: %v, want %q, to be tried again", err, want)
	}
}

func TestDestinationNamesTheOption(t *testing.T) {
	t.Parallel()
	for want, destination := range map[string]paper.Destination{
		"dir: expected none, because there is a printer":              {Dir: "printed", Printer: "socket://a"},
		"ca_file: expected none":                                      {Dir: "printed", CAFile: "ca.pem"},
		"ca_file: expected none, because the printer's":               {Printer: "ipp://a/b", CAFile: "ca.pem"},
		"ca_file: open ca.pem":                                        {Printer: "ipps://a/b", CAFile: "ca.pem"},
		"printer: expected a host and a port, as in socket://10.":     {Printer: "socket://a:9100/label"},
		"printer: expected a host and a port":                         {Printer: "socket://"},
		"printer: expected a port from 1 to 65535, got \"0\"":         {Printer: "socket://a:0"},
		"printer: expected a port from 1 to 65535, got \"99999\"":     {Printer: "socket://[::1]:99999"},
		"printer: expected an address that begins ipp:// or ipps://,": {Printer: "http://a/b"},
		"printer: expected the printer's path":                        {Printer: "ipp://a"},
	} {
		if _, err := destination.Open(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Open of %+v: %v, want an error that begins %q", destination, err, want)
		}
	}
	for address, good := range map[string]bool{
		"ipp://a/b": true, "ipps://a/b": true, "socket://a": true, "socket://[::1]:9100": true,
		"": false, "a": false, "ipp:a": false, "lpd://a/b": false, "ipp://a": false, "socket://me@a": false, "IPP://a/b": false,
	} {
		if err := paper.CheckPrinter(address); (err == nil) != good {
			t.Errorf("CheckPrinter(%q): %v, want it good: %v", address, err, good)
		}
	}
}
