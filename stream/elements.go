package stream

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"unsafe"
)

const (
	firstChunk   = 4 << 10
	largestChunk = 64 << 10 // that is read into again
	mostChunks   = 8        // that are read into again
)

// elements reads a reply of lists and bulk strings, one after the other (RESP2, "Redis serialization protocol
// specification"). Strings are parts of the chunks into which the reply is read. After the first error, which stays in err,
// everything reads as empty.
type elements struct {
	source *bufio.Reader // what the rest of the reply comes from; nil where it has all come
	chunk  []byte
	at     int // where in chunk the next element begins
	err    error

	spare  [][]byte // chunks of an earlier reply, to be read into before new ones are made
	used   [][]byte // chunks of this reply that the next one may be read into
	reused bool     // chunk is one of them
	lasts  bool     // the reply has other chunks, which nobody writes to again
}

// list reads the head of a list and returns how many elements follow, or -1 for nil. That is what the reply says of
// itself: no memory may be set aside for more than has come.
func (e *elements) list() int {
	length, size := e.head('*')
	e.at += size
	return length
}

// text reads a bulk string; nil reads as "".
func (e *elements) text() string {
	return e.take(e.head('$'))
}

// take reads the bulk string whose head was read.
func (e *elements) take(length, size int) string {
	if length < 0 {
		e.at += size
		return ""
	}
	end := size + length + len("\r\n")
	for e.err == nil && e.at+end > len(e.chunk) {
		e.more(end)
	}
	if e.err != nil {
		return ""
	}
	element := e.chunk[e.at : e.at+end]
	if element[end-2] != '\r' || element[end-1] != '\n' {
		e.err = errUnexpectedReply
	}
	e.at += end
	return textOf(element[size : size+length])
}

// pass leaves out the bulk string whose head was read. What has not come yet of it is never in memory as a whole.
func (e *elements) pass(length, size int) {
	end := size
	if length >= 0 {
		end += length + len("\r\n")
	}
	here := min(end, len(e.chunk)-e.at)
	e.at += here
	switch {
	case end == here || e.err != nil:
	case e.source == nil:
		e.err = errUnexpectedReply
	default:
		_, err := e.source.Discard(end - here)
		e.failed(err)
	}
}

// head reads the first line of the next element, which must begin with kind, but leaves it where it is. It returns the
// length that the line tells and its own size.
func (e *elements) head(kind byte) (length, size int) {
	for e.err == nil {
		var ok bool
		if length, size, ok = readHead(e.chunk[e.at:], kind); !ok {
			e.err = errUnexpectedReply
		} else if size > 0 {
			return length, size
		} else {
			e.more(0)
		}
	}
	return 0, 0
}

// nowhere stands for the place behind an element that is cut off or is not what was to stand there.
const nowhere = -1

// lengthAt reads the first line of a list or bulk string at a place in reply: the length that it tells, and the place behind it.
func lengthAt(reply []byte, at int, kind byte) (length, behind int) {
	const digits = 9
	if at < 0 || at >= len(reply) || reply[at] != kind {
		return 0, nowhere
	}
	first := at + 1
	for at = first; at < len(reply) && reply[at]-'0' <= 9; at++ {
		length = 10*length + int(reply[at]-'0')
	}
	if at == first || at > first+digits || at+2 > len(reply) || reply[at] != '\r' || reply[at+1] != '\n' {
		return 0, nowhere
	}
	return length, at + 2
}

// textAt reads a whole bulk string in the same way.
func textAt(reply []byte, at int) (text string, behind int) {
	length, first := lengthAt(reply, at, '$')
	if first < 0 || length > len(reply)-first-2 || reply[first+length] != '\r' || reply[first+length+1] != '\n' {
		return "", nowhere
	}
	return textOf(reply[first : first+length]), first + length + 2
}

// readHead reads a line of kind and a number of at most nine digits, or -1 for nil. size is 0 where the line has not come
// to its end yet.
func readHead(text []byte, kind byte) (length, size int, ok bool) {
	const digits = 9
	end := 1
	for end < len(text) && end <= digits && text[end]-'0' <= 9 {
		length = 10*length + int(text[end]-'0')
		end++
	}
	switch {
	case len(text) > 0 && text[0] != kind:
		return 0, 0, false
	case len(text) > 1 && end == 1:
		return readNil(text)
	case end+1 >= len(text):
		return 0, 0, true
	default:
		return length, end + 2, text[end] == '\r' && text[end+1] == '\n'
	}
}

func readNil(text []byte) (length, size int, ok bool) {
	const line = "-1\r\n"
	if came := text[1:min(len(text), 1+len(line))]; len(came) < len(line) {
		return 0, 0, strings.HasPrefix(line, string(came))
	}
	return -1, 1 + len(line), string(text[1:1+len(line)]) == line
}

// more waits for more of the reply. Where the chunk is full, what stands in it of the next element moves to a new one, which
// has no more room than for twice of that or for the whole element, of end bytes, and a little behind it.
func (e *elements) more(end int) {
	if e.source == nil {
		e.err = errUnexpectedReply
		return
	}
	if len(e.chunk) == cap(e.chunk) {
		rest := e.chunk[e.at:]
		e.begin(rest, max(min(2*len(e.chunk), largestChunk), min(2*len(rest), end+firstChunk), firstChunk))
	}
	read, err := e.source.Read(e.chunk[len(e.chunk):cap(e.chunk)])
	e.chunk = e.chunk[:len(e.chunk)+read]
	if read == 0 {
		e.failed(err)
	}
}

func (e *elements) failed(err error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	e.err = err
}

// begin goes on in another chunk, which has room for at least size bytes, of which rest is the first.
func (e *elements) begin(rest []byte, size int) {
	var chunk []byte
	for len(e.spare) > 0 && cap(chunk) < size {
		chunk, e.spare = e.spare[0], e.spare[1:]
	}
	if cap(chunk) < size {
		chunk = make([]byte, 0, size)
	}
	e.chunk, e.at = append(chunk[:0], rest...), 0
	if e.reused = cap(chunk) <= largestChunk && len(e.used) < mostChunks; e.reused {
		e.used = append(e.used, e.chunk)
	} else {
		e.lasts = true
	}
}

// textOf returns bytes as a string without copying them. They must never be written to again.
func textOf(bytes []byte) string {
	return unsafe.String(unsafe.SliceData(bytes), len(bytes))
}
