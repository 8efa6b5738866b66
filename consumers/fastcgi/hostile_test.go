package fastcgi_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers/fastcgi"
	"github.com/millrace/millrace/consumers/remote/remotetest"
)

func goroutineCount() int { return runtime.NumGoroutine() }

// pipe connects conn with a Unix socket until both ends are done.
func pipe(conn net.Conn, socket string) {
	defer conn.Close()
	other, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer other.Close()
	go func() {
		_, _ = io.Copy(other, conn)
		_ = other.(*net.UnixConn).CloseWrite()
	}()
	_, _ = io.Copy(conn, other)
}

// record is one record of FastCGI, written apart from the client's own.
func record(kind byte, content string, padding int) string {
	header := []byte{1, kind, 0, 1, 0, 0, byte(padding), 0}
	binary.BigEndian.PutUint16(header[4:], uint16(len(content)))
	return string(header) + content + strings.Repeat("\xaa", padding)
}

// end ends an answer with a protocol status.
func end(status byte) string {
	return record(3, "\x00\x00\x00\x00"+string([]byte{status})+"\x00\x00\x00", 0)
}

// answering is a whole answer with that output.
func answering(output string) []byte { return []byte(record(6, output, 3) + record(6, "", 0) + end(0)) }

// readRequest reads records up to the empty one that ends standard input, and tells whether that has come.
func readRequest(conn io.Reader) bool {
	header := make([]byte, 8)
	for {
		if _, err := io.ReadFull(conn, header); err != nil {
			return false
		}
		length := int64(binary.BigEndian.Uint16(header[4:])) + int64(header[6])
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			return false
		}
		if header[1] == 5 && length == 0 {
			return true
		}
	}
}

// serve answers one request per connection, and closes it then. stop waits for all of it.
func serve(t testing.TB, answer func(io.Writer)) (address string, stop func()) {
	t.Helper()
	return remotetest.Serve(t, func(conn net.Conn) {
		readRequest(conn)
		answer(conn)
	})
}

// TestHostileAnswers is not parallel: it counts goroutines.
func TestHostileAnswers(t *testing.T) {
	before := goroutineCount()
	kilobyte := strings.Repeat("x", 1<<10)
	tests := []struct {
		name       string
		answer     func(io.Writer)
		want, text string
	}{
		{"a good one", remotetest.Says(string(answering("Status: 204\r\n\r\n"))), "success", ""},
		{"without a status", remotetest.Says(string(answering("Content-Type: a/b\n\nbooked"))), "success", ""},
		{"in pieces", remotetest.Says(record(6, "Sta", 1) + record(6, "tus: 4", 0) + record(7, "odd", 7) + record(6, "10\r\n\r\ngo", 0) + end(0)), "permanent", "answered 410 Gone: odd go"},
		{"nothing", remotetest.Says(""), "retry", "closed before the end"},
		{"HTTP", remotetest.Says("HTTP/1.1 200 OK\r\n\r\n"), "retry", "no FastCGI server"},
		{"another version", remotetest.Says("\x02" + string(answering("\r\n"))[1:]), "retry", "no FastCGI server"},
		{"another request", remotetest.Says("\x01\x06\x00\x02\x00\x00\x00\x00"), "retry", "no FastCGI server"},
		{"an unknown record", remotetest.Says(record(11, "12345678", 0)), "retry", "no FastCGI server"},
		{"half a header", remotetest.Says("\x01\x06\x00"), "retry", "closed before the end"},
		{"half a record", remotetest.Says("\x01\x06\x00\x01\xff\xff\x00\x00abc"), "retry", "closed before the end"},
		{"no end", remotetest.Says(record(6, "\r\nbooked", 0)), "retry", "closed before the end"},
		{"no end of a refusal", remotetest.Says(record(6, "Status: 422 No\r\n\r\nno", 0)), "permanent", "422"},
		{"a short end", remotetest.Says(record(6, "\r\n", 0) + record(3, "\x00", 0)), "retry", "an end of 1 bytes"},
		{"half an end", remotetest.Says(record(6, "\r\n", 0) + "\x01\x03\x00\x01\x00\x08\x00\x00\x00"), "retry", "closed before the end"},
		{"overloaded", remotetest.Says(end(2)), "retry", "overloaded"},
		{"another refusal", remotetest.Says(end(3)), "retry", "protocol status 3"},
		{"an end alone", remotetest.Says(end(0)), "retry", "without a header"},
		{"no header", remotetest.Says(string(answering("booked"))), "retry", ""},
		{"a status of words", remotetest.Says(string(answering("Status: fine\r\n\r\n"))), "retry", "in the header Status"},
		{"a status too large", remotetest.Says(string(answering("Status: 99999999999999999999\r\n\r\n"))), "retry", "in the header Status"},
		{"errors alone", remotetest.Says(record(7, "the worker has gone", 0)), "retry", "the worker has gone: the connection was closed"},
		{"a second answer behind", remotetest.Says(string(answering("\r\n")) + string(answering("Status: 500\r\n\r\n"))), "success", ""},
		{"an endless header", remotetest.Endless("", record(6, "X-A: "+kilobyte+"\r\n", 0)), "retry", "header is longer than 65536 bytes"},
		{"an endless line", remotetest.Endless("", record(6, kilobyte, 0)), "retry", "header is longer than 65536 bytes"},
		{"an endless body", remotetest.Endless(record(6, "\r\n", 0), record(6, kilobyte, 0)), "retry", "longer than 16777216 bytes"},
		{"endless errors", remotetest.Endless("", record(7, kilobyte, 0)), "retry", "longer than 16777216 bytes"},
		{"endless empty records", remotetest.Endless("", strings.Repeat(record(6, "", 255), 100)), "retry", "longer than 16777216 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address, stop := serve(t, test.answer)
			handler, err := fastcgi.New(fastcgi.Options{Address: address, Script: "/srv/a.php"})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			for range 2 { // the second comes to a connection that is dead, where the first has left one
				err = handler.Handle(ctx, delivery("{}"))
				if got := remotetest.Verdict(err); got != test.want || ctx.Err() != nil || err != nil && !strings.Contains(err.Error(), test.text) {
					t.Errorf("got %s: %v, want %s: %s", got, err, test.want, test.text)
				}
			}
			handler.Close()
			stop()
		})
	}
	remotetest.Goroutines(t, before)
}

// TestAnswerBeforeTheRequestIsRead has a server that answers, and reads nothing of a request that fills every buffer.
func TestAnswerBeforeTheRequestIsRead(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	release := make(chan struct{})
	defer close(release)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Write(answering("\r\nbooked"))
		<-release
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	event := delivery(strings.Repeat("x", 32<<20))
	err = runs(t, listener.Addr().String(), "/srv/a.php").Handle(ctx, event)
	if err != nil || ctx.Err() != nil || string(event.Result) != "booked" {
		t.Errorf("an answer before the request was read: got %v and %q, want success in time", err, event.Result)
	}
}

// TestNoSecondRunOfWhatHasAnswered has a server that breaks off its second answer on a connection: the script has begun, and
// whether it runs again is for the next delivery.
func TestNoSecondRunOfWhatHasAnswered(t *testing.T) {
	t.Parallel()
	for _, answer := range []struct {
		broken   string
		requests int
	}{{"\x01\x06\x00", 2}, {"", 3}} {
		requests, expired := 0, false
		address, stop := remotetest.Serve(t, func(conn net.Conn) {
			readRequest(conn)
			if requests++; requests == 1 {
				_, _ = conn.Write(answering("\r\nfirst"))
				expired = !readRequest(conn)
				requests++
			}
			_, _ = io.WriteString(conn, answer.broken)
		})
		handler := runs(t, address, "/srv/a.php")
		if err := handler.Handle(t.Context(), delivery("{}")); err != nil {
			t.Errorf("the first answer: got %v, want success", err)
		}
		if got := remotetest.Verdict(handler.Handle(t.Context(), delivery("{}"))); got != "retry" {
			t.Errorf("the second answer: got %s, want retry", got)
		}
		stop()
		if expired {
			t.Skip("this machine is so slow that the connection was closed before the second request")
		}
		if requests != answer.requests {
			t.Errorf("after an answer that broke off at %q there were %d requests, want %d", answer.broken, requests, answer.requests)
		}
	}
}
