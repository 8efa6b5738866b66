package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/millrace/millrace/bench/internal/order"
)

// Reader parses replies where they lie in its buffer, without a copy.
type Reader struct {
	from     io.Reader
	buffer   []byte
	at, ends int // what is read and not parsed
}

// NewReader returns a reader with a buffer of size bytes, which grows where a reply is larger.
func NewReader(from io.Reader, size int) *Reader {
	return &Reader{from: from, buffer: make([]byte, size)}
}

// Reuse begins the buffer anew: what was parsed before is overwritten by what comes.
func (r *Reader) Reuse() {
	r.ends = copy(r.buffer, r.buffer[r.at:r.ends])
	r.at = 0
}

// Renew goes on in a new buffer of size bytes: what was parsed before stays as it is.
func (r *Reader) Renew(size int) {
	rest := r.buffer[r.at:r.ends]
	r.buffer = make([]byte, max(size, len(rest)))
	r.ends = copy(r.buffer, rest)
	r.at = 0
}

// Array reads the head of an array and returns how many replies follow; -1 is the empty answer of a read that blocked.
func (r *Reader) Array() (int, error) { return r.number('*') }

// Integer reads a number.
func (r *Reader) Integer() (int, error) { return r.number(':') }

// Bulk reads a text. It is part of the buffer.
func (r *Reader) Bulk() ([]byte, error) {
	length, err := r.number('$')
	if err != nil || length < 0 {
		return nil, err
	}
	for r.ends-r.at < length+2 {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	text := r.buffer[r.at : r.at+length]
	r.at += length + 2
	return text, nil
}

func (r *Reader) number(kind byte) (int, error) {
	line, err := r.line()
	if err != nil {
		return 0, err
	}
	if len(line) == 0 || line[0] != kind {
		return 0, fmt.Errorf("redis-server answered %q where %q was expected", line, kind)
	}
	return strconv.Atoi(order.Alias(line[1:]))
}

// line returns the next line without its end.
func (r *Reader) line() ([]byte, error) {
	for searched := 0; ; {
		unread := r.buffer[r.at:r.ends]
		if end := bytes.IndexByte(unread[searched:], '\n'); end >= 0 {
			r.at += searched + end + 1
			return bytes.TrimSuffix(unread[:searched+end], []byte{'\r'}), nil
		}
		searched = len(unread)
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads more behind what is there.
func (r *Reader) fill() error {
	if r.ends == len(r.buffer) {
		larger := make([]byte, 2*len(r.buffer)+1024)
		copy(larger, r.buffer)
		r.buffer = larger // what was parsed before keeps the old one
	}
	n, err := r.from.Read(r.buffer[r.ends:])
	r.ends += n
	if n > 0 && errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
