package remotetest

import (
	"io"
	"net"
	"testing"
)

// Serve hands over one connection after the other on a free loopback address, and closes each when handle returns. stop ends
// that and waits for it.
func Serve(t testing.TB, handle func(net.Conn)) (address string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			handle(conn)
			conn.Close()
		}
	}()
	return listener.Addr().String(), func() { listener.Close(); <-done }
}

// Says is an answer that is text and nothing more.
func Says(text string) func(io.Writer) {
	return func(w io.Writer) { _, _ = io.WriteString(w, text) }
}

// Endless is an answer that begins with head and goes on with piece until nobody reads any more.
func Endless(head, piece string) func(io.Writer) {
	return func(w io.Writer) {
		_, err := io.WriteString(w, head)
		for err == nil {
			_, err = io.WriteString(w, piece)
		}
	}
}
