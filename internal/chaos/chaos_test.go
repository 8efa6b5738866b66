package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain lets the test's binary be the consumer processes too.
func TestMain(m *testing.M) {
	if isRole(os.Args[1:]) {
		os.Exit(start(os.Args[1:], os.Stdout, os.Stderr))
	}
	silenceLibrary()
	if len(os.Args) == 3 && os.Args[1] == rolePoisoned {
		os.Exit(runPoisoned(os.Args[2]))
	}
	addPoisonFlags()
	os.Exit(m.Run())
}

// runShort runs with so few events that two cores suffice for several at once, and returns what it printed.
func runShort(t *testing.T, seed uint64, during time.Duration, nemeses ...string) string {
	t.Helper()
	var printed bytes.Buffer
	err := run(t.Context(), settings{
		seed: seed, during: during, events: int(50 * during.Seconds()), fleet: 2, pause: 500 * time.Millisecond,
		nemeses: nemeses, dir: t.TempDir(),
	}, &printed)
	if err != nil {
		t.Errorf("run with seed %d and nemeses %q error = %v\n%s", seed, nemeses, err, printed.String())
	}
	return printed.String()
}

func skipWhereShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts and kills processes for many seconds")
	}
}

// TestNothingIsLost is the seeded run that belongs to every test run: with what comes before and after, two minutes.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	skipWhereShort(t)
	t.Log(runShort(t, 20260401, 100*time.Second))
}

// TestCountedStrikes has more events and strikes than fit into its time, so that it goes on until all were published and made.
func TestCountedStrikes(t *testing.T) {
	t.Parallel()
	skipWhereShort(t)
	var printed bytes.Buffer
	err := run(t.Context(), settings{
		seed: 7, during: time.Second, events: 1000, fleet: 2, pause: time.Second,
		nemeses: []string{"kill", "redis"}, strikes: map[string]int{"kill": 4, "redis": 2}, dir: t.TempDir(),
	}, &printed)
	if err != nil || !strings.Contains(printed.String(), "\nkill: 4 times\nredis: 2 times\n") {
		t.Errorf("run with 4 kills of consumers and 2 of Redis error = %v\n%s", err, printed.String())
	}
}

// atOnce is how many runs go on beside each other: they wait for most of their time.
const atOnce = 4

func TestEachNemesisAlone(t *testing.T) {
	t.Parallel()
	skipWhereShort(t)
	slots := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	for _, name := range nemesisNames() {
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if printed := runShort(t, 7, 1500*time.Millisecond, name); !strings.Contains(printed, "\n"+name+": ") {
				t.Errorf("nemesis %q did not strike:\n%s", name, printed)
			}
		})
	}
	running.Wait()
}

func TestOnDemand(t *testing.T) {
	t.Parallel()
	skipWhereShort(t)
	for _, each := range onDemand() {
		t.Run(each.name(), func(t *testing.T) {
			t.Parallel()
			if missing := each.missing(t.TempDir()); missing != "" {
				t.Skip(missing)
			}
			if printed := runShort(t, 5, 10*time.Second, each.name()); !strings.Contains(printed, "\n"+each.name()+": ") {
				t.Errorf("nemesis %q did not strike:\n%s", each.name(), printed)
			}
		})
	}
}

func TestReadingResumesAfterDestruction(t *testing.T) {
	t.Parallel()
	skipWhereShort(t)
	t.Log(runShort(t, 3, 5*time.Second, destroyMode))
}

// TestInterruptedRun ends long before its time, and says nothing of what it has not seen.
func TestInterruptedRun(t *testing.T) {
	t.Parallel()
	skipWhereShort(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	err := run(ctx, settings{
		during: time.Hour, events: 36_000, fleet: 1, pause: time.Minute, nemeses: []string{"kill"}, dir: t.TempDir(),
	}, io.Discard)
	if took := time.Since(began); err == nil || !strings.HasPrefix(err.Error(), "interrupted") || took > time.Minute {
		t.Errorf("run that was interrupted after 1s error = %v after %v, want that it was interrupted, at once", err, took)
	}
}
