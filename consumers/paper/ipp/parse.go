package ipp

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// maxResponse is how large a response may be, in bytes: the jobs of a busy print server, with what is asked about each.
	maxResponse = 4 << 20
	// maxValues is how many values a response may have.
	maxValues = 100_000
	headSize  = 8
)

var errCutOff = errors.New("it is cut off")

// parse reads a message (RFC 8010, section 3.1). Collections are kept as the values that they are made of. What follows
// the end tag is no part of it. The error says what is wrong, never what stood there.
func parse(encoded []byte) (message, error) {
	if len(encoded) < headSize {
		return message{}, errCutOff
	}
	if len(encoded) > maxResponse {
		return message{}, fmt.Errorf("it has more than %d bytes", maxResponse)
	}
	parsed := message{
		major: encoded[0], code: binary.BigEndian.Uint16(encoded[2:]), id: binary.BigEndian.Uint32(encoded[4:]),
	}
	if parsed.major != 1 && parsed.major != 2 {
		return message{}, fmt.Errorf("it is of version %d.%d, want 1 or 2", encoded[0], encoded[1])
	}
	reader := reader{rest: encoded[headSize:]}
	for {
		tag, err := reader.octet()
		switch {
		case err != nil:
			return message{}, err
		case tag == tagEnd:
			return parsed, nil
		case tag <= lastDelimiter:
			parsed.groups = append(parsed.groups, group{tag: tag})
		case len(parsed.groups) == 0:
			return message{}, errors.New("an attribute stands before the first group")
		default:
			if err := reader.attribute(tag, &parsed.groups[len(parsed.groups)-1]); err != nil {
				return message{}, err
			}
		}
	}
}

// reader takes a message apart from its front.
type reader struct {
	rest   []byte
	values int
}

// attribute reads a name and a value into a group; no name means another value of the attribute before.
func (r *reader) attribute(tag byte, into *group) error {
	name, err := r.text()
	if err != nil {
		return err
	}
	data, err := r.text()
	if err != nil {
		return err
	}
	if r.values++; r.values > maxValues {
		return fmt.Errorf("it has more than %d values", maxValues)
	}
	if name != "" {
		into.attributes = append(into.attributes, attribute{name: name})
	}
	if len(into.attributes) == 0 {
		return errors.New("a value stands before the first attribute of its group")
	}
	last := &into.attributes[len(into.attributes)-1]
	last.values = append(last.values, value{tag, data})
	return nil
}

func (r *reader) octet() (byte, error) {
	if len(r.rest) == 0 {
		return 0, errCutOff
	}
	octet := r.rest[0]
	r.rest = r.rest[1:]
	return octet, nil
}

func (r *reader) text() (string, error) {
	if len(r.rest) < 2 {
		return "", errCutOff
	}
	end := 2 + int(binary.BigEndian.Uint16(r.rest))
	if len(r.rest) < end {
		return "", errCutOff
	}
	text := string(r.rest[2:end])
	r.rest = r.rest[end:]
	return text, nil
}
