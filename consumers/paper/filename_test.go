package paper_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/millrace/millrace/consumers/paper"
)

func TestFileName(t *testing.T) {
	t.Parallel()
	hash := regexp.MustCompile(`-[0-9a-f]{8}\.pdf$`)
	tests := map[string]string{
		"12345":                   "label-12345",
		"SO-2025_001.b":           "label-SO-2025_001.b",
		"订单1":                     "label-订单1",
		"../../etc/passwd":        "label-..%2F..%2Fetc%2Fpasswd",
		"a/b":                     "label-a%2Fb",
		`a\b`:                     "label-a%5Cb",
		"a%2Fb":                   "label-a%252Fb",
		"a b":                     "label-a%20b",
		"a\x00\n\x1bb":            "label-a%00%0A%1Bb",
		"not \xff UTF-8":          "label-not%20%FF%20UTF-8",
		"not \xef\xbf\xbd UTF-8":  "label-not%20%EF%BF%BD%20UTF-8",
		"$(rm -rf ~);'\"*?":       "label-%24%28rm%20-rf%20%7E%29%3B%27%22%2A%3F",
		"...":                     "label-...",
		"CON":                     "label-CON",
		"":                        "label-",
		strings.Repeat("9", 96):   "label-" + strings.Repeat("9", 96),
		strings.Repeat("9", 300):  "label-" + strings.Repeat("9", 96) + "~85ea26a9d9df4c42",
		strings.Repeat("订", 100):  "label-" + strings.Repeat("订", 32) + "~0",
		strings.Repeat("9/", 100): "label-" + strings.Repeat("9%2F", 24) + "~0",
	}
	for number, want := range tests {
		got := paper.FileName("label", number, paper.PDF, "group", "NEW_ORDER_RECEIVED", "1-0")
		trimmed := hash.ReplaceAllString(got, "")
		if trimmed == got || !sameUpToHash(trimmed, want) {
			t.Errorf("FileName(%q) = %q, want %q and a hash", number, got, want)
		}
		if len(got) > 140 || filepath.Base(got) != got || !utf8.ValidString(got) {
			t.Errorf("FileName(%q) = %q, want one valid name of at most 140 bytes", number, got)
		}
	}
}

// sameUpToHash compares names; where want has a ~, only its presence and what is before it count.
func sameUpToHash(got, want string) bool {
	got, _, gotCut := strings.Cut(got, "~")
	want, _, wantCut := strings.Cut(want, "~")
	return got == want && gotCut == wantCut
}

func TestFileNameTellsEventsApart(t *testing.T) {
	t.Parallel()
	names := map[string][]string{}
	for _, number := range []string{"1", "a/b", "a%2Fb", "a_b", strings.Repeat("9", 300), strings.Repeat("9", 301)} {
		for _, identity := range [][]string{{"g", "A", "1"}, {"g", "A", "2"}, {"g", "B", "1"}, {"h", "A", "1"}, {"g", "A1", ""}} {
			name := paper.FileName("label", number, paper.PDF, identity...)
			if again := paper.FileName("label", number, paper.PDF, identity...); again != name {
				t.Errorf("FileName(%q, %q) = %q, then %q", number, identity, name, again)
			}
			if other, taken := names[name]; taken {
				t.Errorf("FileName(%q, %q) = %q, which %q has", number, identity, name, other)
			}
			names[name] = append([]string{number}, identity...)
		}
	}
}

func FuzzFileName(f *testing.F) {
	f.Add("12345", "a/b")
	f.Add("a%2Fb", "\xff\x00..")
	f.Fuzz(func(t *testing.T, one, other string) {
		first, second := paper.FileName("label", one, "", "id"), paper.FileName("label", other, paper.PDF, "id")
		if (first == second) != (one == other) {
			t.Errorf("FileName(%q) = %q, FileName(%q) = %q: want them to differ just where the numbers do", one, first, other, second)
		}
		if filepath.Base(first) != first || len(first) > 140 || strings.ContainsAny(first, "/\\\x00\n ") {
			t.Errorf("FileName(%q) = %q, want one plain file name", one, first)
		}
	})
}
