package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	var errorOut bytes.Buffer
	got, err := parse([]string{"-seed", "7", "-for", "30s", "-nemeses", "kill,redis"}, &errorOut)
	if err != nil || got.seed != 7 || got.events != 6000 || !slices.Equal(got.nemeses, []string{"kill", "redis"}) {
		t.Errorf("parse() = %+v, %v, want seed 7, 6000 events and two nemeses", got, err)
	}
	for _, wrong := range []string{"-nemeses=kil", "-consumers=0", "-events=-1", "more", "-nemeses=kill,destroy"} {
		if got, err := parse([]string{wrong}, &errorOut); err == nil {
			t.Errorf("parse(%q) = %+v, want an error", wrong, got)
		}
	}
}

func TestJournalKeepsWhatWasBegun(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{wordStart, wordFailed, wordStart} {
		if err := j.write(word, "g", "e1"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readJournal(path, "c0")
	if err != nil || len(got) != 2 || got[0].succeeded || got[0].ended.IsZero() || !got[1].ended.IsZero() {
		t.Errorf("readJournal() = %+v, %v, want one that failed and one that did not end", got, err)
	}
	if got, err := readJournal(path+"-missing", "c1"); len(got) != 0 || err != nil {
		t.Errorf("readJournal() of a missing file = %+v, %v, want nothing", got, err)
	}
}

func TestWhatACutOffConsumerCouldNotKnow(t *testing.T) {
	t.Parallel()
	zero := time.Unix(1000, 0)
	cuts := []disturbance{{consumer: "c0", from: zero, to: zero.Add(2 * lease)}}
	second := time.Second
	for _, c := range []struct {
		what           string
		consumer       string
		started, ended time.Duration
		want           bool
	}{
		{"running when it was cut off", "c0", -second, 2*lease + second, true},
		{"another consumer", "c1", -second, 2*lease + second, false},
		{"over before", "c0", -2 * second, -second, false},
		{"over long before", "c0", -10 * second, -9 * second, false},
		{"begun when its lease had run out", "c0", lease + second, 2 * lease, false},
		{"going on when it must have known", "c0", -second, 2*lease + catchUp + second, false},
	} {
		done := handling{consumer: c.consumer, started: zero.Add(c.started), ended: zero.Add(c.ended)}
		if _, got := foreseen(done, done.ended, cuts); got != c.want {
			t.Errorf("%s: foreseen = %v, want %v", c.what, got, c.want)
		}
	}
}
