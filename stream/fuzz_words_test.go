package stream

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// FuzzNote checks that a note is read whole or not at all, and that what was read can be written and read again.
func FuzzNote(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", "[]", "0", `{"tries":1,"reason":"error","error":"x","consumer":"c","next":1763691200123}`,
		`{"tries":-1,"consumer":"c","next":0}`, `{"tries":1e99,"consumer":"c","next":5}`, `{"consumer":"","next":5}`,
		`{"consumer":"c","next":9223372036854775807}`, `{"Consumer":"\ud800","NEXT":1}`, strings.Repeat("[", 500),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		note := parseNote(text)
		if note == nil {
			return
		}
		if note.Consumer == "" || note.Next <= 0 {
			t.Errorf("parseNote(%q) = %+v: want no note without a consumer and a time", text, *note)
		}
		written, err := json.Marshal(note)
		if again := parseNote(string(written)); err != nil || again == nil || *again != *note {
			t.Errorf("parseNote(%q) = %+v, which is written as %s, %v and read as %+v", text, *note, written, err, again)
		}
	})
}

// FuzzIDOrder compares IDs as Redis does: as numbers of 128 bits, of which the milliseconds are the upper half.
func FuzzIDOrder(f *testing.F) {
	const most = 1<<64 - 1
	f.Add(uint64(5), uint64(7), uint64(5), uint64(8))
	f.Add(uint64(5), uint64(most), uint64(6), uint64(0))
	f.Add(uint64(most), uint64(most), uint64(0), uint64(0))
	f.Add(uint64(10), uint64(0), uint64(9), uint64(99))
	f.Fuzz(func(t *testing.T, ms, seq, otherMs, otherSeq uint64) {
		id, other := ID{ms, seq}, ID{otherMs, otherSeq}
		if got, want := id.Compare(other), wide(id).Cmp(wide(other)); got != want {
			t.Errorf("Compare(%v, %v) = %d, want %d", id, other, got, want)
		}
		if got := new(big.Int).Sub(wide(id.Next()), wide(id)); id != lastID && got.Cmp(big.NewInt(1)) != 0 {
			t.Errorf("Next of %v is %v, want one more", id, id.Next())
		}
		if next := id.Next(); id != lastID && next.Previous() != id {
			t.Errorf("Previous of %v is %v, want %v", next, next.Previous(), id)
		}
		if again, err := ParseID(id.String()); again != id || err != nil {
			t.Errorf("ParseID(%q) = %v, %v, want the same", id.String(), again, err)
		}
		if _, err := json.Marshal(id.Time()); err != nil {
			t.Errorf("the time of %v is no JSON: %v", id, err)
		}
	})
}

func wide(id ID) *big.Int {
	number := new(big.Int).SetUint64(id.Ms)
	return number.Add(number.Lsh(number, 64), new(big.Int).SetUint64(id.Seq))
}

// FuzzNames checks that what is accepted as a name makes keys of one slot that no other name shares, and no line or
// terminal sequence.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{
		"event_stream", "{shop}:events", "a{b}c", "{}", "}{", "{a}{b}", "{a", "a b", "a\n", "\x1b[31m", "李", "g:h", "",
		strings.Repeat("x", 64), strings.Repeat("x", 257),
	} {
		f.Add(seed, "g")
		f.Add("event_stream", seed)
	}
	f.Fuzz(func(t *testing.T, name, group string) {
		keys, err := NewKeys(name)
		if err != nil {
			checkOneLine(t, err.Error())
			return
		}
		if name == "" || strings.IndexFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
			t.Errorf("NewKeys(%q) has no error", name)
		}
		if err := CheckGroup(group); err != nil {
			checkOneLine(t, err.Error())
			return
		}
		if group == "" || strings.ContainsAny(group, "{}: ") || strings.IndexFunc(group, unicode.IsControl) >= 0 {
			t.Errorf("CheckGroup(%q) has no error", group)
		}
		for _, key := range []string{keys.Dead(group), keys.Attempts(group), keys.Groups(), keys.Sweep(group)} {
			if hashed(key) != hashed(keys.Stream()) || key == keys.Stream() {
				t.Errorf("stream %q, group %q: key %q has another slot or is the stream itself", name, group, key)
			}
		}
	})
}

// hashed is the part of a key that decides on its slot (Redis Cluster specification, "Hash tags").
func hashed(key string) string {
	if _, after, opened := strings.Cut(key, "{"); opened {
		if tag, _, closed := strings.Cut(after, "}"); closed && tag != "" {
			return tag
		}
	}
	return key
}

func checkOneLine(t *testing.T, text string) {
	t.Helper()
	if strings.IndexFunc(text, unicode.IsControl) >= 0 {
		t.Errorf("error %q is no line of text", text)
	}
}

// FuzzCommand reads the text of a command as redis-cli does and finds the words again.
func FuzzCommand(f *testing.F) {
	for _, seed := range []string{"plain", "", "a b", `"`, `\`, "'", `\x41`, "\x00\xff\n\x1b[31m", "李", "$(id)", "{s}:dead:g"} {
		f.Add(seed, "E")
		f.Add("XADD", seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		text := Command{first, second}.String()
		got, sound := wordsOf(text)
		if !sound || len(got) != 2 || got[0] != first || got[1] != second {
			t.Errorf("%q and %q are written as %s, which reads as %q, %v", first, second, text, got, sound)
		}
		if strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			t.Errorf("%q and %q are written as %q, which is no plain text", first, second, text)
		}
	})
}

// wordsOf splits text into words as the redis-cli page says ("String quoting and escaping"), single quotes aside, which
// Command never writes.
func wordsOf(text string) (words []string, sound bool) {
	for text != "" {
		text = strings.TrimPrefix(text, " ")
		if !strings.HasPrefix(text, `"`) {
			word, rest, _ := strings.Cut(text, " ")
			words, text = append(words, word), rest
			if strings.ContainsAny(word, `"'\`) {
				return words, false
			}
			continue
		}
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return words, false
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return words, false
		}
		words, text = append(words, word), text[len(quoted):]
	}
	return words, true
}
