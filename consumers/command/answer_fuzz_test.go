package command

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// FuzzAnswer reads what a program may answer with, and looks whether what comes of it is safe to keep and to show.
func FuzzAnswer(f *testing.F) {
	for _, line := range []string{
		`{"ok":true}`, `{"ok":true,"result":{"a":[1]}}`, `{"error":"x","permanent":true}`, `{"retry_after":"30s","error":"x"}`,
		`{"retry_after":-1}`, "working\n{\"result\":\"x\"}\nbye", `{"ok":false}`, "null", "[]", "\xff",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if said, err := parseAnswer([]byte(line)); err == nil {
			checkSettled(t, line, said)
		} else if err.Error() != errNoAnswer.Error() {
			t.Errorf("parseAnswer(%q): got %v, want %v and nothing of the line", line, err, errNoAnswer)
		}
		if said, spoke := lastAnswer(line); spoke {
			checkText(t, line, string(said.result()), maxResultBytes)
		}
		checkText(t, line, string(shorten(line)), maxResultBytes)
	})
}

func checkSettled(t *testing.T, line string, said answer) {
	t.Helper()
	delivery := &consumers.Delivery{}
	err := said.settle("program", delivery)
	if (err == nil) == said.failed() || err == nil && !said.OK {
		t.Errorf("%q says failed %t, ok %t: got %v", line, said.failed(), said.OK, err)
	}
	if err != nil {
		checkText(t, line, err.Error(), stream.MaxErrorBytes+100)
	}
	checkText(t, line, string(delivery.Result), maxResultBytes)
	if delay, err := parseDelay(said.RetryAfter); err == nil && delay < 0 {
		t.Errorf("%q asks for a delay of %v", line, delay)
	}
}

// checkText looks whether a text can be shown on a terminal, and is short.
func checkText(t *testing.T, line, text string, most int) {
	t.Helper()
	isControl := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	// A character that is replaced may grow by two bytes.
	if !utf8.ValidString(text) || strings.ContainsFunc(text, isControl) || len(text) > 3*most {
		t.Errorf("%q became %d bytes, %q, want a short printable text", line, len(text), text)
	}
}

func TestBackwards(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "|", "a": "a|", "a\nb": "b|a|", "\n a \r\n\nb\n": "|b||a||"} {
		got := ""
		for line := range backwards(text) {
			got += line + "|"
		}
		if got != want {
			t.Errorf("backwards(%q): got %q, want %q", text, got, want)
		}
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	tests := []struct {
		writes []string
		want   string
	}{
		{nil, ""},
		{[]string{" a\n"}, "a"},
		{[]string{"1234", "5678"}, "12345678"},
		{[]string{"1234", "5678", "9"}, "...23456789"},
		{[]string{"123456789012345678901234567890"}, "...34567890"},
		{[]string{"1234567890", "1234567890", "1234567890"}, "...34567890"},
		{[]string{"王王王"}, "...王王"},
		{[]string{"a\xffb"}, "a\ufffdb"},
	}
	for _, test := range tests {
		kept := &tail{most: 8}
		for _, written := range test.writes {
			if count, err := kept.Write([]byte(written)); count != len(written) || err != nil {
				t.Errorf("Write(%q): got %d, %v", written, count, err)
			}
		}
		if got := kept.text(); got != test.want {
			t.Errorf("the end of %q: got %q, want %q", test.writes, got, test.want)
		}
		if kept.reset(); kept.text() != "" {
			t.Errorf("after reset: got %q, want nothing", kept.text())
		}
	}
}
