package ipp

import "encoding/binary"

// The delimiter and value tags that are used here (RFC 8010, section 3.5).
const (
	tagOperation    = 0x01
	tagJob          = 0x02
	tagEnd          = 0x03
	tagPrinter      = 0x04
	tagUnsupported  = 0x05
	lastDelimiter   = 0x0f
	tagInteger      = 0x21
	tagBoolean      = 0x22
	tagEnum         = 0x23
	tagTextLanguage = 0x35
	tagNameLanguage = 0x36
	tagText         = 0x41
	tagName         = 0x42
	tagKeyword      = 0x44
	tagURI          = 0x45
	tagCharset      = 0x47
	tagLanguage     = 0x48
	tagMimeType     = 0x49
)

// message is a request or a response, without the document that may follow a request.
type message struct {
	major byte
	// code is the operation of a request and the status of a response.
	code   uint16
	id     uint32
	groups []group
}

// group is attributes that belong together, such as those of one job.
type group struct {
	tag        byte
	attributes []attribute
}

type attribute struct {
	name   string
	values []value
}

// value is one value as it stands in the message.
type value struct {
	tag  byte
	data string
}

// encode writes the message as RFC 8010, section 3.1 has it. Names and values are shorter than 64 KiB.
func (m message) encode() []byte {
	encoded := []byte{m.major, 1}
	encoded = binary.BigEndian.AppendUint16(encoded, m.code)
	encoded = binary.BigEndian.AppendUint32(encoded, m.id)
	for _, group := range m.groups {
		encoded = append(encoded, group.tag)
		for _, attribute := range group.attributes {
			name := attribute.name
			for _, value := range attribute.values {
				encoded = append(encoded, value.tag)
				encoded = appendText(encoded, name)
				encoded = appendText(encoded, value.data)
				// Further values of the same attribute have no name.
				name = ""
			}
		}
	}
	return append(encoded, tagEnd)
}

func appendText(encoded []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(encoded, uint16(len(text))), text...)
}

func text(tag byte, name string, texts ...string) attribute {
	values := make([]value, 0, len(texts))
	for _, text := range texts {
		values = append(values, value{tag, text})
	}
	return attribute{name, values}
}

func integer(name string, number int32) attribute {
	return attribute{name, []value{{tagInteger, string(binary.BigEndian.AppendUint32(nil, uint32(number)))}}}
}

func boolean(name string, is bool) attribute {
	data := "\x00"
	if is {
		data = "\x01"
	}
	return attribute{name, []value{{tagBoolean, data}}}
}

// find returns the values of an attribute; none where the group does not have it.
func (g group) find(name string) []value {
	for _, attribute := range g.attributes {
		if attribute.name == name {
			return attribute.values
		}
	}
	return nil
}

// number is the value of an attribute that is one integer or enum.
func (g group) number(name string) (int32, bool) {
	values := g.find(name)
	if len(values) != 1 || values[0].tag != tagInteger && values[0].tag != tagEnum || len(values[0].data) != 4 {
		return 0, false
	}
	return int32(binary.BigEndian.Uint32([]byte(values[0].data))), true
}

// texts are the values of an attribute that are keywords, names or texts.
func (g group) texts(name string) []string {
	texts := []string{}
	for _, value := range g.find(name) {
		switch value.tag {
		case tagKeyword, tagName, tagText:
			texts = append(texts, value.data)
		case tagNameLanguage, tagTextLanguage:
			if name, ok := withoutLanguage(value.data); ok {
				texts = append(texts, name)
			}
		}
	}
	return texts
}

// withoutLanguage takes the name or the text out of one with a language (RFC 8010, section 3.9): a language and a name,
// each with its length before it.
func withoutLanguage(data string) (string, bool) {
	rest := data
	for range 2 {
		if len(rest) < 2 {
			return "", false
		}
		length := int(rest[0])<<8 | int(rest[1])
		if len(rest) < 2+length {
			return "", false
		}
		data, rest = rest[2:2+length], rest[2+length:]
	}
	return data, rest == ""
}
