package fastcgi

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// The types of records that a web server sends and gets (FastCGI 1.0, section 8).
const (
	beginRequest = 1
	endRequest   = 3
	params       = 4
	standardIn   = 5
	standardOut  = 6
	standardErr  = 7
)

const (
	version        = 1
	responder      = 1
	keepConnection = 1
	requestID      = 1 // the only one: a connection carries one request at a time
	headerBytes    = 8
	maxContent     = 65_528 // of a record: the most that needs no padding to a multiple of eight
)

// appendRecord appends one record; content has at most maxContent bytes.
func appendRecord(to []byte, kind byte, content []byte) []byte {
	to = append(to, version, kind, 0, requestID)
	to = binary.BigEndian.AppendUint16(to, uint16(len(content)))
	to = append(to, 0, 0)
	return append(to, content...)
}

// appendStream appends content as records of one kind, and the empty one that ends it.
func appendStream(to []byte, kind byte, content []byte) []byte {
	for len(content) > 0 {
		piece := content[:min(len(content), maxContent)]
		to = appendRecord(to, kind, piece)
		content = content[len(piece):]
	}
	return appendRecord(to, kind, nil)
}

// appendPair appends a name and its value, as params carry them.
func appendPair(to []byte, name, value string) []byte {
	to = appendLength(to, len(name))
	to = appendLength(to, len(value))
	return append(append(to, name...), value...)
}

func appendLength(to []byte, length int) []byte {
	if length < 1<<7 {
		return append(to, byte(length))
	}
	return binary.BigEndian.AppendUint32(to, uint32(length)|1<<31)
}

var errBrokenOff = errors.New("the connection was closed before the end of the answer")

// output is what a script prints, read out of the records of one answer. What comes beside it is kept apart.
type output struct {
	from    *bufio.Reader
	content int // of the record at hand, still to be read
	padding int // behind that
	ended   bool
	errors  []byte // how standard error begins
	fault   error  // what ended the answer before its time; it stays
}

// Read reads what the script prints. io.EOF means that the answer has ended as it should; everything else that ends it early is
// another error.
func (o *output) Read(p []byte) (int, error) {
	for o.content == 0 && !o.ended && o.fault == nil {
		o.fault = brokenOff(o.next())
	}
	switch {
	case o.fault != nil:
		return 0, o.fault
	case o.ended:
		return 0, io.EOF
	}
	read, err := o.from.Read(p[:min(len(p), o.content)])
	o.content -= read
	o.fault = brokenOff(err)
	return read, o.fault
}

// brokenOff says what the end of the connection is, before the end of the answer.
func brokenOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return errBrokenOff
	}
	return err
}

// next goes on to the next record, and takes in those that carry nothing of the script's output.
func (o *output) next() error {
	if _, err := o.from.Discard(o.padding); err != nil {
		return err
	}
	o.padding = 0
	header := make([]byte, headerBytes)
	if _, err := io.ReadFull(o.from, header); err != nil {
		return err
	}
	id, length := binary.BigEndian.Uint16(header[2:]), int(binary.BigEndian.Uint16(header[4:]))
	if header[0] != version || id != requestID {
		return fmt.Errorf("got a record of version %d for request %d: this is no FastCGI server", header[0], id)
	}
	o.padding = int(header[6])
	switch header[1] {
	case standardOut:
		o.content = length
		return nil
	case standardErr:
		return o.keepErrors(length)
	case endRequest:
		return o.end(length)
	default:
		return fmt.Errorf("got a record of type %d: this is no FastCGI server", header[1])
	}
}

// keepErrors keeps the beginning of what comes on standard error.
func (o *output) keepErrors(length int) error {
	kept := make([]byte, min(length, maxErrorBytes-len(o.errors)))
	if _, err := io.ReadFull(o.from, kept); err != nil {
		return err
	}
	o.errors = append(o.errors, kept...)
	_, err := o.from.Discard(length - len(kept))
	return err
}

// end reads how the server says the request has ended.
func (o *output) end(length int) error {
	body := make([]byte, 8)
	if length != len(body) {
		return fmt.Errorf("got an end of %d bytes, where FastCGI has %d", length, len(body))
	}
	if _, err := io.ReadFull(o.from, body); err != nil {
		return err
	}
	if _, err := o.from.Discard(o.padding); err != nil {
		return err
	}
	o.ended, o.padding = true, 0
	switch protocolStatus := body[4]; protocolStatus {
	case 0:
		return nil
	case 2:
		return errors.New("the server is overloaded")
	default:
		return fmt.Errorf("the server has refused the request with the protocol status %d", protocolStatus)
	}
}
