package stream

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

var lastID = ID{Ms: math.MaxUint64, Seq: math.MaxUint64}

func TestParseID(t *testing.T) {
	t.Parallel()
	tests := map[string]ID{
		"1763700000000-0": {Ms: 1763700000000},
		"1763700000000-7": {Ms: 1763700000000, Seq: 7},
		"1763700000000":   {Ms: 1763700000000},
		"0-0":             {},
		"0-1":             {Seq: 1},
		"007-01":          {Ms: 7, Seq: 1},
		"18446744073709551615-18446744073709551615": lastID,
	}
	for text, want := range tests {
		if got, err := ParseID(text); got != want || err != nil {
			t.Errorf("ParseID(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestParseIDRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "-", "$", ">", "+", "*", "5-", "-5", "5-*", "+5-0", "5-+1", "5--1", "1_0-0", " 5-0", "5-0 ", "5-0-0", "0x5-0", "5.0",
		"18446744073709551616-0", "0-18446744073709551616", "event", "٣-0",
	} {
		if got, err := ParseID(text); err == nil || !got.IsZero() || !strings.Contains(err.Error(), "1763700000000-0") {
			t.Errorf("ParseID(%q) = %v, %v, want the zero ID and an error with an example", text, got, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, seed := range []string{"1763700000000-0", "5", "0-0", "18446744073709551615-1", "-", "5-*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseID(text)
		ms, seq, hasSeq := strings.Cut(text, "-")
		wantMs, msErr := strconv.ParseUint(ms, 10, 64)
		wantSeq, seqErr := strconv.ParseUint(cmp.Or(seq, "0"), 10, 64)
		sound := msErr == nil && seqErr == nil && (seq != "" || !hasSeq)
		if sound != (err == nil) || sound && id != (ID{Ms: wantMs, Seq: wantSeq}) {
			t.Errorf("ParseID(%q) = %v, %v, want %d-%d, %v, %v", text, id, err, wantMs, wantSeq, msErr, seqErr)
		}
		if err != nil {
			return
		}
		if again, err := ParseID(id.String()); again != id || err != nil {
			t.Errorf("ParseID(%q) prints as %q, which is read as %v, %v", text, id, again, err)
		}
	})
}

// TestIDNeighbours goes through IDs in the order of the stream: each is the next one's Previous, and smaller.
func TestIDNeighbours(t *testing.T) {
	t.Parallel()
	steps := [][2]ID{
		{{}, {Seq: 1}},
		{{Ms: 5, Seq: 9}, {Ms: 5, Seq: 10}},
		{{Ms: 5, Seq: math.MaxUint64}, {Ms: 6}},
		{{Ms: math.MaxUint64, Seq: math.MaxUint64 - 1}, lastID},
	}
	for _, step := range steps {
		below, above := step[0], step[1]
		if got := below.Next(); got != above {
			t.Errorf("%v.Next() = %v, want %v", below, got, above)
		}
		if got := above.Previous(); got != below {
			t.Errorf("%v.Previous() = %v, want %v", above, got, below)
		}
		if below.Compare(above) >= 0 || above.Compare(below) <= 0 || above.Compare(above) != 0 {
			t.Errorf("Compare of %v and %v: %d, %d, %d with itself, want -, +, 0", below, above,
				below.Compare(above), above.Compare(below), above.Compare(above))
		}
	}
	if got := lastID.Next(); got != lastID {
		t.Errorf("the largest ID's Next = %v, want itself", got)
	}
	if got := (ID{}).Previous(); !got.IsZero() {
		t.Errorf("the zero ID's Previous = %v, want itself", got)
	}
}

// TestIDsAsWords has IDs of all lengths, so that their common buffer is outgrown.
func TestIDsAsWords(t *testing.T) {
	t.Parallel()
	var ids []ID
	for shift := range 64 {
		ids = append(ids, ID{Ms: math.MaxUint64 >> (63 - shift), Seq: math.MaxUint64 >> shift}, lastID)
	}
	words := appendIDs([]any{"XACK"}, ids)
	if len(words) != 1+len(ids) || words[0] != "XACK" {
		t.Fatalf("appendIDs: got %d words, want one for each of %d IDs behind XACK", len(words), len(ids))
	}
	for index, id := range ids {
		if got := *words[1+index].(*string); got != id.String() {
			t.Errorf("word %d is %q, want %v", index, got, id)
		}
	}
}

func TestIDTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 11, 21, 2, 13, 20, 123456789, time.UTC)
	if got, want := IDAt(at), (ID{Ms: 1763691200123}); got != want {
		t.Errorf("IDAt(%v) = %v, want %v", at, got, want)
	}
	if got := IDAt(at).Time(); !got.Equal(at.Truncate(time.Millisecond)) {
		t.Errorf("IDAt(%v).Time() = %v, want it to the millisecond", at, got)
	}
	if got := IDAt(time.Time{}); !got.IsZero() {
		t.Errorf("IDAt of the year 1 = %v, want the zero ID", got)
	}
	if got := lastID.Time(); got.Before(at) {
		t.Errorf("the largest ID's Time = %v, want a far future", got)
	}
}

func TestIDInJSON(t *testing.T) {
	t.Parallel()
	type page struct{ After ID }
	text, err := json.Marshal(page{ID{Ms: 5, Seq: 7}})
	if want := `{"After":"5-7"}`; string(text) != want || err != nil {
		t.Errorf("Marshal of 5-7 = %s, %v, want %s", text, err, want)
	}
	var got page
	if err := json.Unmarshal(text, &got); err != nil || got.After != (ID{Ms: 5, Seq: 7}) {
		t.Errorf("Unmarshal of %s = %v, %v, want 5-7", text, got.After, err)
	}
	if err := json.Unmarshal([]byte(`{"After":"new"}`), &got); err == nil || got.After != (ID{Ms: 5, Seq: 7}) {
		t.Errorf("Unmarshal of a word = %v, %v, want an error and the ID as it was", got.After, err)
	}
}
