package embedded

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

const (
	maxCommandBytes = 8 << 20 // one command with all its arguments, as sent
	maxArguments    = 1 << 17
	writePatience   = time.Second
)

// refusedFrame is the command that stands in the place of a malformed one, so that its error is answered in the
// order of the commands. Sent by a client, it gets that client's own words back.
const refusedFrame = "MILLRACE.REFUSED"

// connection is a client's connection as miniredis may see it: whole commands of a bounded size, because miniredis
// panics on an empty one and allocates whatever length it is told; and writes that end, because miniredis holds its one
// lock while it writes a long reply. A client that reads nothing for writePatience while a reply waits is disconnected.
type connection struct {
	net.Conn
	input *bufio.Reader
	rest  []byte // what miniredis has not read yet of a checked command
	ended bool   // after a malformed command nothing can be understood any more
}

func newConnection(client net.Conn) *connection {
	return &connection{Conn: client, input: bufio.NewReader(client)}
}

// Read passes on checked commands alone.
func (c *connection) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if c.ended {
			return 0, io.EOF
		}
		frame, err := readFrame(c.input)
		if fault, isMalformed := errors.AsType[*malformedError](err); isMalformed {
			c.ended = true
			frame = encodeFrame(refusedFrame, fault.Error())
		} else if err != nil {
			return 0, err
		}
		c.rest = frame
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Write waits at most writePatience for the client to read, and then ends the connection.
func (c *connection) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}

// malformedError says what is wrong with bytes that are no command.
type malformedError struct{ fault string }

func (e *malformedError) Error() string { return "ERR Protocol error: " + e.fault }

func malformed(format string, args ...any) error {
	return &malformedError{fault: fmt.Sprintf(format, args...)}
}

// readFrame reads one command, an array of bulk strings (Redis serialization protocol specification), and returns its
// bytes as they came. Empty arrays are passed over, as Redis does. The error is a *malformedError or that of input.
func readFrame(input *bufio.Reader) ([]byte, error) {
	frame := &bytes.Buffer{}
	arguments := 0
	for arguments == 0 {
		frame.Reset()
		var err error
		if arguments, err = readCount(input, frame, '*', maxArguments); err != nil {
			return nil, err
		}
	}
	for range arguments {
		length, err := readCount(input, frame, '$', maxCommandBytes)
		if err != nil {
			return nil, err
		}
		if frame.Len()+length > maxCommandBytes {
			return nil, malformed("a command of more than %d MiB is too large for the embedded server", maxCommandBytes>>20)
		}
		if _, err := io.CopyN(frame, input, int64(length)+2); err != nil {
			return nil, err
		}
		if !bytes.HasSuffix(frame.Bytes(), []byte("\r\n")) {
			return nil, malformed("expected a line break after %d bytes", length)
		}
	}
	return frame.Bytes(), nil
}

// readCount reads a line of kind and a number from 0 to most, and appends it to frame.
func readCount(input *bufio.Reader, frame *bytes.Buffer, kind byte, most int) (int, error) {
	line, err := input.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return 0, malformed("a line is too long")
	}
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, malformed("expected '%c', got '%c'; commands typed as plain text are not available on the embedded "+
			"server: use redis-cli", kind, printable(line[0]))
	}
	digits, isTerminated := bytes.CutSuffix(line[1:], []byte("\r\n"))
	count, err := strconv.ParseUint(string(digits), 10, 31)
	if !isTerminated || err != nil {
		return 0, malformed("expected a number after '%c'", kind)
	}
	if count > uint64(most) {
		return 0, malformed("%d is more than the embedded server takes, %d", count, most)
	}
	frame.Write(line)
	return int(count), nil
}

func printable(c byte) byte {
	if c < ' ' || c > '~' {
		return '?'
	}
	return c
}

func encodeFrame(words ...string) []byte {
	frame := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, word := range words {
		frame = fmt.Appendf(frame, "$%d\r\n%s\r\n", len(word), word)
	}
	return frame
}
