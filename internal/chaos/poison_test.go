package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/breakable"
	"github.com/millrace/millrace/stream"
)

// The flags of TestPoison, whose long run is
//
//	go test ./internal/chaos -run TestPoison -v -poison 100 -events 100000 -timeout 60m
const (
	flagPoison = "poison"
	flagEvents = "events"
	flagWards  = "processes"
)

// addPoisonFlags is called before the flags are read.
func addPoisonFlags() {
	flag.Int(flagPoison, 8, "how many of the events of TestPoison are poison")
	flag.Int(flagEvents, 2000, "how many events TestPoison publishes")
	flag.Int(flagWards, 3, "how many consumer processes TestPoison keeps alive")
}

func flagNumber(name string) int {
	number, _ := flag.Lookup(name).Value.(flag.Getter).Get().(int)
	return number
}

// TestPoison has some of many events panic, end their process, never return, or take 1 GB. All the others must be handled,
// and each poison must become a dead letter after the last of its deliveries, and nothing else with it.
func TestPoison(t *testing.T) {
	t.Parallel()
	skipWhereShort(t)
	if resident(os.Getpid()) == 0 {
		t.Skip("no /proc here that tells how much memory a process has")
	}
	events, count := flagNumber(flagEvents), flagNumber(flagPoison)
	dir := t.ArtifactDir() // kept by -artifacts
	server, err := breakable.StartServer(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Kill() })
	client, err := stream.Open(stream.Options{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })

	doses := drawDoses(events, count)
	publishDoses(t, client, doses)
	ward := &ward{dir: dir, url: server.URL(), journal: filepath.Join(dir, "journal"), ends: map[string]int{}}
	began := time.Now()
	runUntilDrained(t, client, ward, time.Minute+time.Duration(count)*6*time.Second)
	took := time.Since(began)
	if err := ward.fault(); err != nil {
		t.Error(err)
	}
	judgePoison(t, doses, readNotes(t, ward.journal), deadOf(t, client))
	t.Logf("%d events, %d of them poison: drained after %v by %d processes at a time, which ended %v",
		events, count, took.Round(100*time.Millisecond), flagNumber(flagWards), ward.ends)
}

// drawDoses returns the doses by their events' IDs: so many of them poison, of all sorts in turn, anywhere among the rest.
func drawDoses(events, count int) map[string]dose {
	random := rand.New(rand.NewPCG(20260411, 0))
	poisonous := random.Perm(events)[:count]
	doses := make(map[string]dose, events)
	for n := range events {
		doses[doseID(n)] = dose{WorkMicroseconds: random.IntN(1000)}
	}
	for n, at := range poisonous {
		doses[doseID(at)] = dose{Poison: poisons()[n%len(poisons())]}
	}
	return doses
}

func doseID(n int) string { return fmt.Sprintf("e%06d", n) }

func publishDoses(t *testing.T, client *stream.Client, doses map[string]dose) {
	t.Helper()
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(doses)), 1000) {
		events := make([]stream.Event, len(ids))
		for n, id := range ids {
			data, err := json.Marshal(doses[id])
			if err != nil {
				t.Fatal(err)
			}
			events[n] = stream.Event{Name: eventName, ID: id, Data: data}
		}
		if _, err := client.PublishBatch(t.Context(), events, stream.PublishOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// runUntilDrained runs the processes until nothing is pending, and waits for their end.
func runUntilDrained(t *testing.T, client *stream.Client, ward *ward, within time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), within)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { ward.run(ctx, flagNumber(flagWards)) })
	drained := false
	for told := time.Now(); !drained && ward.fault() == nil && rest(ctx, 50*time.Millisecond) == nil; {
		groups, err := client.Groups(ctx)
		drained = err == nil && len(groups) == 1 && isIdle(groups)
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			t.Log(told.Format(time.TimeOnly), describe(groups, err))
		}
	}
	if !drained {
		groups, err := client.Groups(t.Context())
		t.Errorf("not drained within %v: %s", within, describe(groups, err))
	}
	stop()
	running.Wait()
}

// notes are what the handlers noted of one event.
type notes struct{ started, succeeded, deliveries int }

func readNotes(t *testing.T, path string) map[string]notes {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]notes{}
	for line := range strings.Lines(string(text)) {
		var word, id string
		var deliveries int
		if _, err := fmt.Sscan(line, &word, &id, &deliveries); err != nil {
			t.Fatalf("line %q of the journal: %v", line, err)
		}
		noted := all[id]
		if word == wordOK {
			noted.succeeded++
		} else {
			noted.started++
		}
		noted.deliveries = max(noted.deliveries, deliveries)
		all[id] = noted
	}
	return all
}

func deadOf(t *testing.T, client *stream.Client) map[string][]stream.DeadLetter {
	t.Helper()
	all := map[string][]stream.DeadLetter{}
	for from := (stream.ID{}); ; {
		letters, err := client.DeadLetters(t.Context(), poisonedGroup, from, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, letter := range letters {
			all[letter.EventID] = append(all[letter.EventID], letter)
		}
		if len(letters) < page {
			return all
		}
		from = letters[len(letters)-1].ID.Next()
	}
}

// judgePoison says what is wrong, and how often the good events were delivered because of their neighbours.
func judgePoison(t *testing.T, doses map[string]dose, noted map[string]notes, dead map[string][]stream.DeadLetter) {
	t.Helper()
	deliveries, hung := map[int]int{}, 0
	for id, dose := range doses {
		noted, letters := noted[id], dead[id]
		if dose.Poison == "" {
			deliveries[noted.deliveries]++
			if noted.succeeded == 0 || len(letters) > 0 {
				t.Errorf("good event %s: %+v, dead letters %+v, want that it was handled and is none", id, noted, letters)
			}
			continue
		}
		if noted.succeeded > 0 || noted.started > poisonedMaxDeliveries || len(letters) != 1 ||
			letters[0].Deliveries != poisonedMaxDeliveries || letters[0].Reason != stream.DeadMaxDeliveries {
			t.Errorf("%s event %s: %+v, dead letters %+v, want one, after %d deliveries",
				dose.Poison, id, noted, letters, poisonedMaxDeliveries)
			continue
		}
		if strings.Contains(letters[0].Error, "abandoned") {
			hung++
		}
	}
	if loops := countOf(doses, poisonLoop); hung == 0 || hung > loops {
		t.Errorf("%d of %d endless loops were given up as such, want some", hung, loops)
	}
	t.Logf("good events by their deliveries: %v; endless loops given up as such: %d", deliveries, hung)
	if most := slices.Max(slices.Collect(maps.Keys(deliveries))); most > 2 {
		t.Errorf("a good event was delivered %d times, want at most 2: it is started alone after its neighbour", most)
	}
}

func countOf(doses map[string]dose, sort poison) int {
	count := 0
	for _, dose := range doses {
		if dose.Poison == sort {
			count++
		}
	}
	return count
}
