package admin

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestEveryWaitIsBounded looks at the server's own settings: each of them is for ever where it is zero.
func TestEveryWaitIsBounded(t *testing.T) {
	t.Parallel()
	server := New(Options{}).http
	for what, bound := range map[string]time.Duration{
		"a header": server.ReadHeaderTimeout, "a request": server.ReadTimeout, "an answer": server.WriteTimeout,
		"the next request": server.IdleTimeout,
	} {
		if bound <= 0 || bound > 5*time.Minute {
			t.Errorf("the server waits %v for %s, want a bound", bound, what)
		}
	}
}

// dial opens a connection to a new server, on which everything is over within 20 s.
func dial(t *testing.T) net.Conn {
	t.Helper()
	address, _ := serve(t, Options{})
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return connection
}

func TestLongHeaderIsRefused(t *testing.T) {
	t.Parallel()
	connection := dial(t)
	go func() {
		_, _ = io.WriteString(connection, "GET /livez HTTP/1.1\r\nHost: h\r\nX: "+strings.Repeat("x", 1<<20))
	}()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, want := response.StatusCode, http.StatusRequestHeaderFieldsTooLarge; got != want {
		t.Errorf("a header of 1 MiB is answered with %d, want %d", got, want)
	}
}

func TestEndlessBodyIsCutOff(t *testing.T) {
	t.Parallel()
	connection := dial(t)
	go func() { _, _ = io.Copy(io.Discard, connection) }()
	if _, err := io.WriteString(connection, "GET /livez HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	const most = 16 << 20 // what the buffers on the way hold is far less
	chunk := "10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
	for sent := 0; sent < most; sent += len(chunk) {
		if _, err := io.WriteString(connection, chunk); err != nil {
			return
		}
	}
	t.Errorf("a body of %d bytes was taken, want the connection to be closed long before", most)
}

func TestStalledHeaderIsCutOff(t *testing.T) {
	t.Parallel()
	connection := dial(t)
	if _, err := io.WriteString(connection, "GET /livez HTTP/1.1\r\nHost:"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err := io.Copy(io.Discard, connection)
	if took := time.Since(began); err != nil || took < headerTimeout/2 || took > 3*headerTimeout {
		t.Errorf("a header that never ends: the connection was closed after %v, %v, want about %v", took, err, headerTimeout)
	}
}
