package ipp

import (
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const head = "\x01\x01\x00\x00\x00\x00\x00\x01"
	tests := map[string]struct{ encoded, fault string }{
		"nothing":                      {"", "it is cut off"},
		"half a head":                  {head[:7], "it is cut off"},
		"no end":                       {head + "\x01", "it is cut off"},
		"another version":              {"\x03" + head[1:] + "\x03", "it is of version 3.1, want 1 or 2"},
		"no group":                     {head + "\x03", ""},
		"document after it":            {head + "\x03%PDF", ""},
		"an attribute without a group": {head + "\x21\x00\x01a\x00\x00\x03", "an attribute stands before the first group"},
		"a value without an attribute": {head + "\x01\x21\x00\x00\x00\x00\x03", "a value stands before the first attribute of its group"},
		"a value of another group":     {head + "\x01\x21\x00\x01a\x00\x00\x02\x21\x00\x00\x00\x00\x03", "a value stands before the first attribute of its group"},
		"a name that is cut off":       {head + "\x01\x21\x00\x05a", "it is cut off"},
		"a value that is cut off":      {head + "\x01\x21\x00\x01a\x00\x04\x00", "it is cut off"},
		"too many values":              {head + "\x01\x21\x00\x01a\x00\x00" + strings.Repeat("\x21\x00\x00\x00\x00", maxValues), "it has more than 100000 values"},
	}
	for name, test := range tests {
		_, err := parse([]byte(test.encoded))
		if (err == nil) != (test.fault == "") || err != nil && err.Error() != test.fault {
			t.Errorf("%s: parse: %v, want %q", name, err, test.fault)
		}
	}
}

// Whatever a printer answers is read or refused, and what was read is written as it was.
func FuzzParse(f *testing.F) {
	f.Add(message{major: 1, code: 0x0406, id: 1}.encode())
	f.Add(message{major: 2, id: 7, groups: []group{
		{tag: tagOperation, attributes: []attribute{text(tagCharset, "attributes-charset", "utf-8")}},
		{tag: tagJob, attributes: []attribute{
			integer("job-id", 12), integer("job-state", 9), text(tagKeyword, "job-state-reasons", "none", "queued-in-device"),
			text(tagNameLanguage, "job-name", "\x00\x02en\x00\x05label"), boolean("my-jobs", true),
		}},
		{tag: tagPrinter, attributes: []attribute{text(tagKeyword, "printer-state-reasons", "media-empty-error")}},
	}}.encode())
	f.Fuzz(func(t *testing.T, encoded []byte) {
		parsed, err := parse(encoded)
		if err != nil {
			return
		}
		again, err := parse(parsed.encode())
		if err != nil || !reflect.DeepEqual(again, parsed) {
			t.Errorf("parse(%q) = %+v, which is written and read as %+v, %v", encoded, parsed, again, err)
		}
		for _, found := range jobsOf(parsed) {
			if found.id <= 0 || found.state < firstState || found.state > completed {
				t.Errorf("parse(%q) has the job %+v", encoded, found)
			}
		}
		for _, group := range parsed.groups {
			explain(group.texts("printer-state-reasons"))
		}
	})
}
