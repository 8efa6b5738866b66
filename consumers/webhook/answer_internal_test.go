package webhook

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers/remote"
	"github.com/millrace/millrace/consumers/remote/remotetest"
	"github.com/millrace/millrace/stream"
)

// FuzzRead reads any bytes as an answer, as far as the standard library takes them for one.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nbooked",
		"HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: https://a:b@shop.example/?c\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\n\r\n\x00\x01",
		"HTTP/1.0 410 Gone\r\n\r\n\xff\xfe\x1b[31m",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(sent)), &http.Request{Method: http.MethodPost})
		if err != nil {
			return
		}
		answer, err := read(response)
		if len(answer.Body) > remote.MaxBodyBytes {
			t.Errorf("%q: %d bytes of the body were kept", sent, len(answer.Body))
		}
		if err == nil {
			err = answer.Err(time.Unix(0, 0))
		} else if verdict := remotetest.Verdict(err); verdict != "retry" {
			t.Errorf("%q broke off: got %s, want retry", sent, verdict)
		}
		if err != nil && len(stream.CleanError(err.Error())) > stream.MaxErrorBytes {
			t.Errorf("%q: the error is too long: %v", sent, err)
		}
	})
}
