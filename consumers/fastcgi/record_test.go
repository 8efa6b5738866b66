package fastcgi

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers/remote"
	"github.com/millrace/millrace/stream"
)

// TestPairs reads back what appendPair writes, as FastCGI 1.0 tells servers (section 3.4).
func TestPairs(t *testing.T) {
	t.Parallel()
	length := func(from []byte) (int, []byte) {
		if from[0] < 128 {
			return int(from[0]), from[1:]
		}
		return int(binary.BigEndian.Uint32(from) & (1<<31 - 1)), from[4:]
	}
	for _, size := range []int{0, 1, 127, 128, 255, 256, 70_000} {
		name, value := strings.Repeat("N", size), strings.Repeat("v", size+1)
		nameLength, rest := length(appendPair(nil, name, value))
		valueLength, rest := length(rest)
		if nameLength != size || valueLength != size+1 || string(rest) != name+value {
			t.Errorf("a pair of %d and %d bytes is read as %d and %d", size, size+1, nameLength, valueLength)
		}
	}
}

// TestStreams checks the records of contents about the size of a record.
func TestStreams(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, maxContent - 1, maxContent, maxContent + 1, 3*maxContent + 7} {
		content := bytes.Repeat([]byte("x"), size)
		left, got := appendStream(nil, standardIn, content), []byte{}
		for {
			length := int(binary.BigEndian.Uint16(left[4:]))
			got = append(got, left[8:8+length]...)
			left = left[8+length:]
			if length == 0 {
				break
			}
		}
		if len(left) != 0 || !bytes.Equal(got, content) {
			t.Errorf("a stream of %d bytes carries %d, and %d behind its end", size, len(got), len(left))
		}
	}
}

// FuzzRead reads any bytes as an answer.
func FuzzRead(f *testing.F) {
	ended := string(appendRecord(nil, endRequest, make([]byte, 8)))
	for _, output := range []string{
		"", "\r\n", "Status: 204\r\n\r\n", "Status: 503 Busy\nRetry-After: 9\n\nbusy", "Location: /x\r\nStatus: 302\r\n\r\n", "Status: x\r\n\r\n\x1b",
	} {
		f.Add([]byte(string(appendStream(nil, standardOut, []byte(output))) + ended))
	}
	f.Add([]byte(string(appendRecord(nil, standardErr, bytes.Repeat([]byte("PHP Fatal error: "), 200))) + ended))
	f.Fuzz(func(t *testing.T, sent []byte) {
		reader := bufio.NewReader(bytes.NewReader(sent))
		got, err := read(reader)
		if len(got.Body) > remote.MaxBodyBytes || len(got.errors) > maxErrorBytes {
			t.Errorf("%q: kept %d bytes of the body and %d of the errors", sent, len(got.Body), len(got.errors))
		}
		if got.whole && !bytes.Contains(sent, []byte{version, endRequest, 0, requestID, 0, 8}) {
			t.Errorf("%q: taken for whole, without an end", sent)
		}
		if errors.Is(err, errBrokenOff) && reader.Buffered() > 0 && len(sent) < 4096 {
			t.Errorf("%q: taken for broken off with %d bytes left", sent, reader.Buffered())
		}
		if err == nil {
			err = got.verdict(time.Unix(0, 0))
		}
		if err != nil && len(stream.CleanError(err.Error())) > stream.MaxErrorBytes {
			t.Errorf("%q: the error is too long: %v", sent, err)
		}
	})
}
