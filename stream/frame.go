package stream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"unsafe"

	"github.com/redis/go-redis/v9"
)

// frame is the reply to one command, byte by byte as it came (RESP2, "Redis serialization protocol specification"). The
// library's typed replies cost some 25 allocations an entry; a frame costs one or two altogether, because everything that
// is read out of it is a part of it. So nothing may write to a frame after it was read.
//
// It is the destination of a redis.RawWriteToCmd, and thereby an io.Writer and an io.ReaderFrom.
type frame struct {
	bytes    []byte
	likely   int // how many bytes the reply may have, as far as the one before it tells
	scanned  int // how many of the bytes belong to elements that are complete
	awaited  int // how many elements are still to come
	contents int // how many bulk strings have come
}

// errFrameRead ends the library's own reading of a reply that ReadFrom has read to its end. Being one of Redis' errors, it
// leaves the connection in the pool.
var errFrameRead = answeredError("the reply was read to its end")

// readFrame sends a command a single time and returns its reply. What Redis answers with an error is the error that the
// library's typed commands return, and has the same consequences for the connection.
func readFrame(ctx context.Context, client *redis.Client, likely int, words ...any) (*frame, error) {
	reply := &frame{likely: likely, awaited: 1}
	err := client.Process(ctx, redis.NewRawWriteToCmd(ctx, reply, words...))
	if err != nil && !errors.Is(err, errFrameRead) {
		return nil, err
	}
	if complete, err := reply.scan(); err != nil || !complete {
		return nil, errUnexpectedReply
	}
	return reply, nil
}

// Write takes what stands between bulk strings. An error frame becomes an error here, where the library still sees it and
// drops a connection to a server that is read-only or has moved.
func (f *frame) Write(piece []byte) (int, error) {
	if text, isError := bytes.CutPrefix(piece, []byte("-")); isError && len(f.bytes) == 0 {
		return 0, answeredError(string(text))
	}
	f.bytes = append(f.bytes, piece...)
	return len(piece), nil
}

// ReadFrom takes a bulk string. The library hands over each of them in turn, which costs an allocation and 70 ns for each
// name and value; therefore the first one brings everything: behind the limit on it stands the reader of the connection,
// from which ReadFrom reads on to the end of the reply. Where another reader stood there, it would take one string.
func (f *frame) ReadFrom(content io.Reader) (int64, error) {
	if connection, ok := behind(content); ok {
		if err := f.readRest(connection); err != nil {
			return 0, err
		}
		return 0, errFrameRead
	}
	buffer := bytes.NewBuffer(f.bytes)
	n, err := buffer.ReadFrom(content)
	f.bytes = buffer.Bytes()
	return n, err
}

// behind returns the reader that content limits (io.CopyN, io.LimitReader).
func behind(content io.Reader) (*bufio.Reader, bool) {
	limited, isLimited := content.(*io.LimitedReader)
	if !isLimited {
		return nil, false
	}
	connection, isBuffered := limited.R.(*bufio.Reader)
	return connection, isBuffered
}

// readRest reads to the end of the reply. Redis sends nothing behind it before it is asked again. An error other than the
// link's own makes the library drop the connection as well: nobody knows where the next reply begins.
func (f *frame) readRest(connection *bufio.Reader) error {
	const least = 512
	f.reserve(len(f.bytes) + max(connection.Buffered(), least))
	for {
		n, readErr := connection.Read(f.bytes[len(f.bytes):cap(f.bytes)])
		f.bytes = f.bytes[:len(f.bytes)+n]
		complete, err := f.scan()
		switch {
		case complete || err != nil:
			return err
		case errors.Is(readErr, io.EOF):
			return io.ErrUnexpectedEOF
		case readErr != nil:
			return readErr
		case len(f.bytes) == cap(f.bytes):
			f.reserve(max(2*cap(f.bytes), f.likely))
		}
	}
}

// reserve makes room for a reply of size bytes. It goes by what has come and never by what a reply says of itself.
func (f *frame) reserve(size int) {
	f.bytes = append(make([]byte, 0, size), f.bytes...)
}

// scan goes on to the end of what has come and tells whether that is the whole reply. Its error is errUnexpectedReply,
// where the reply is none of lists and bulk strings or something stands behind it.
func (f *frame) scan() (complete bool, err error) {
	for f.awaited > 0 {
		element, ok := headAt(f.bytes, f.scanned)
		if !ok {
			return false, errUnexpectedReply
		}
		if element.end == 0 || element.end > len(f.bytes) {
			return false, nil
		}
		f.scanned = element.end
		f.awaited--
		if element.isList {
			f.awaited += max(0, element.length)
		} else {
			f.contents++
		}
	}
	if f.scanned != len(f.bytes) {
		return false, errUnexpectedReply
	}
	return true, nil
}

// element is the head of a list or a whole bulk string.
type element struct {
	isList bool
	length int // elements of a list, bytes of a string, -1 for nil
	start  int // where a string begins
	end    int // where the next element begins; 0 where that cannot be told before more has come
}

// headAt reads the element that begins at the position at. It is not ok where neither a list nor a string begins there.
func headAt(frame []byte, at int) (head element, ok bool) {
	if at >= len(frame) {
		return element{}, true
	}
	if frame[at] != '*' && frame[at] != '$' {
		return element{}, false
	}
	head.isList = frame[at] == '*'
	head.length, head.start, ok = lengthAt(frame, at+1)
	head.end = head.start
	if !head.isList && head.start > 0 && head.length >= 0 {
		head.end += head.length + len("\r\n")
	}
	return head, ok
}

// lengthAt reads a number of at most nine digits, or -1 for nil, and the end of its line. next is where the line after it
// begins, and 0 where the end has not come yet.
func lengthAt(frame []byte, at int) (length, next int, ok bool) {
	index := at
	for index < len(frame) && index < at+9 && frame[index] >= '0' && frame[index] <= '9' {
		length = 10*length + int(frame[index]-'0')
		index++
	}
	if index == at && index < len(frame) && frame[index] == '-' {
		length, index = -1, at+2
	}
	switch {
	case index+1 >= len(frame):
		return 0, 0, true
	case index == at || frame[index] != '\r' || frame[index+1] != '\n' || length < 0 && frame[at+1] != '1':
		return 0, 0, false
	default:
		return length, index + 2, true
	}
}

// text returns bytes as a string without copying them. They must never be written to again.
func text(bytes []byte) string {
	return unsafe.String(unsafe.SliceData(bytes), len(bytes))
}

// answeredError is the error that the library makes of an error frame's text. redis.IsLoadingError and its like look for
// its type, which has no other name outside of the library than that of redis.Nil's.
func answeredError(text string) error { return like(redis.Nil, text) }

func like[E ~string](_ E, text string) E { return E(text) }
