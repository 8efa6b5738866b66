package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers"
)

// TestTrials makes every trial in small.
func TestTrials(t *testing.T) {
	t.Parallel()
	skipWhereShort(t)
	sizes := map[string]int{"pauses": 12, "restarts": 3, "faults": 2 * len(administrativeFaults()), "blackhole": 5, "followups": 20}
	for _, tried := range trials() {
		t.Run(tried.plan().name, func(t *testing.T) {
			t.Parallel()
			var printed bytes.Buffer
			err := runTrial(t.Context(), tried, settings{
				seed: 9, size: sizes[tried.plan().name], slack: 2 * time.Second, dir: t.TempDir(),
			}, &printed)
			if err != nil {
				t.Errorf("trial error = %v\n%s", err, printed.String())
			}
			t.Log(printed.String())
		})
	}
}

func TestWitnessTellsWhatItSaw(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "seen")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	told := witness{file}
	for _, word := range []string{wordStart, wordCut, wordFailed} {
		if err := told.write(word, "g", "an odd\nID", 2); err != nil {
			t.Fatal(err)
		}
	}
	told.observe(consumers.Result{Group: "g", Outcome: consumers.Lost})
	if _, err := io.WriteString(file, "start g half"); err != nil {
		t.Fatal(err)
	}
	got, next, err := readWitness(path, "c0", 0)
	if err != nil || len(got) != 4 || got[0].eventID != "an odd\nID" || got[0].deliveries != 2 || got[3].word != "lost" {
		t.Errorf("readWitness() = %+v, %v, want four whole lines", got, err)
	}
	if again, _, err := readWitness(path, "c0", next); len(again) != 0 || err != nil {
		t.Errorf("readWitness() of the rest = %+v, %v, want nothing", again, err)
	}
	done := handlingsOf(got[:3])
	if len(done) != 1 || done[0].ok || done[0].cut.IsZero() || done[0].over() != done[0].cut {
		t.Errorf("handlingsOf() = %+v, want one that was cut and failed", done)
	}
}

// story is a pause of c0 from 10 s to 14 s, and what c0 and c1 did with one event.
func story(ended time.Duration, takenOver time.Duration, more ...sighting) (takeovers, []sighting, []disturbance) {
	zero := time.Unix(1000, 0)
	all := []sighting{
		{word: wordStart, group: "g", eventID: "e", consumer: "c0", deliveries: 1, at: zero.Add(9 * time.Second)},
		{word: wordStart, group: "g", eventID: "e", consumer: "c1", deliveries: 2, at: zero.Add(takenOver)},
		{word: wordFailed, group: "g", eventID: "e", consumer: "c0", deliveries: 1, at: zero.Add(ended)},
	}
	all = append(all, more...)
	pause := disturbance{consumer: "c0", from: zero.Add(10 * time.Second), to: zero.Add(14 * time.Second)}
	return newTakeovers(handlingsOf(all)), all, []disturbance{pause}
}

func TestHowLateAConsumerWasTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what             string
		ended, takenOver time.Duration
		want             time.Duration
		wantTaken        bool
	}{
		{"taken over in the pause", 15 * time.Second, 12 * time.Second, time.Second, true},
		{"taken over at its end", 15 * time.Second, 14500 * time.Millisecond, 500 * time.Millisecond, true},
		{"over soon after it woke", 14100 * time.Millisecond, 12 * time.Second, 100 * time.Millisecond, true},
		{"over before it woke", 13 * time.Second, 12 * time.Second, 0, false},
		{"taken over when it was over", 15 * time.Second, 16 * time.Second, 0, false},
	} {
		seen, all, pauses := story(c.ended, c.takenOver)
		got, gotTaken := seen.toldAfter(seen[all[0].work()][0], pauses[0])
		if got != c.want || gotTaken != c.wantTaken {
			t.Errorf("%s: toldAfter() = %v, %v, want %v, %v", c.what, got, gotTaken, c.want, c.wantTaken)
		}
	}
}

func TestMeddling(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what    string
		outcome sighting
		want    string
	}{
		{"lost by the one that was paused", sighting{word: "lost", consumer: "c0", deliveries: 1}, ""},
		{"acked by it", sighting{word: "acked", consumer: "c0", deliveries: 1}, ""},
		{"retried by it", sighting{word: "retried", consumer: "c0", deliveries: 1}, "has retried"},
		{"buried by it", sighting{word: "dead_lettered", consumer: "c0", deliveries: 1}, "has dead_lettered"},
		{"buried by its owner", sighting{word: "dead_lettered", consumer: "c1", deliveries: 2}, ""},
		{"lost by its owner", sighting{word: "lost", consumer: "c1", deliveries: 2}, "although it was awake"},
	} {
		c.outcome.group, c.outcome.eventID, c.outcome.at = "g", "e", time.Unix(1015, 0)
		seen, all, pauses := story(15*time.Second, 12*time.Second, c.outcome)
		switch err := seen.meddling(all, pauses, io.Discard); {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: meddling() = %v, want %q", c.what, err, c.want)
		}
	}
}
