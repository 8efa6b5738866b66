package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	var errorOut bytes.Buffer
	got, err := parse([]string{"-seed", "7", "-for", "30s", "-nemeses", "kill,redis"}, &errorOut)
	if err != nil || got.seed != 7 || got.events != 6000 || !slices.Equal(got.nemeses, []string{"kill", "redis"}) {
		t.Errorf("parse() = %+v, %v, want seed 7, 6000 events and two nemeses", got, err)
	}
	got, err = parse([]string{"-nemeses", "kill=200,redis=20", "-events", "1000000", "-for=9m"}, &errorOut)
	if err != nil || got.events != 1_000_000 || !slices.Equal(got.nemeses, []string{"kill", "redis"}) ||
		!maps.Equal(got.strikes, map[string]int{"kill": 200, "redis": 20}) {
		t.Errorf("parse() = %+v, %v, want two nemeses that strike 200 and 20 times", got, err)
	}
	for _, wrong := range []string{
		"-nemeses=kil", "-consumers=0", "-events=-1", "more", "-nemeses=kill,destroy", "-for=0s",
		"-nemeses=kill=2,redis", "-nemeses=kill=0", "-nemeses=kill=many", "-nemeses=kil=2", "-nemeses=kill=2,kill=3",
		"-trial=kil", "-size=-1",
	} {
		if got, err := parse([]string{wrong}, &errorOut); err == nil {
			t.Errorf("parse(%q) = %+v, want an error", wrong, got)
		}
	}
}

func TestNemesesOnDemand(t *testing.T) {
	t.Parallel()
	lanes, err := chosen([]string{"clock", "disk", "kill"})
	if err != nil || len(lanes) != 3 {
		t.Errorf("chosen() = %v, %v, want three lanes", lanes, err)
	}
	for _, name := range demandedNames() {
		if slices.Contains(nemesisNames(), name) {
			t.Errorf("%s strikes unasked", name)
		}
	}
	noPlace := filepath.Join(t.TempDir(), "missing") // nothing can be set up there
	if err := os.WriteFile(noPlace, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	left, err := possible([]string{"clock", "kill", "disk"}, noPlace, &printed)
	if err != nil || !slices.Equal(left, []string{"kill"}) || strings.Count(printed.String(), ": skipped: ") != 2 {
		t.Errorf("possible() = %v, %v, want kill alone; printed:\n%s", left, err, printed.String())
	}
	if left, err := possible([]string{"disk"}, noPlace, &printed); err == nil {
		t.Errorf("possible() = %v, want an error, since nothing is left", left)
	}
}

func TestJournalKeepsWhatWasBegun(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{wordStart, wordFailed, wordStart, wordStart} {
		if err := j.write(word, "g", "e1"); err != nil {
			t.Fatal(err)
		}
	}
	var got []handling
	tell := func(done handling) { got = append(got, done) }
	err = readJournal(path, "c0", tell)
	if err != nil || len(got) != 3 || got[0].succeeded || got[0].ended.IsZero() || !got[1].ended.IsZero() ||
		!got[2].ended.IsZero() || !got[2].started.After(got[1].started) {
		t.Errorf("readJournal() = %+v, %v, want one that failed and two that did not end", got, err)
	}
	got = nil
	if err := readJournal(path+"-missing", "c1", tell); len(got) != 0 || err != nil {
		t.Errorf("readJournal() of a missing file = %+v, %v, want nothing", got, err)
	}
}

// TestToldToEndBeforeItBegan has a process die of SIGTERM: only one that has not opened its journal may.
func TestToldToEndBeforeItBegan(t *testing.T) {
	t.Parallel()
	terminated, killed := syscall.WaitStatus(syscall.SIGTERM), syscall.WaitStatus(syscall.SIGKILL)
	p := &process{journal: filepath.Join(t.TempDir(), "journal")}
	if !p.neverBegan(terminated) || p.neverBegan(killed) || p.neverBegan(0) {
		t.Error("without a journal: want that it never began where it was terminated, and nowhere else")
	}
	if _, err := openJournal(p.journal); err != nil {
		t.Fatal(err)
	}
	if p.neverBegan(terminated) {
		t.Error("with a journal: want that it began")
	}
}
