package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// faultsTrial has an administrator do one thing wrong after the other, whole again at once or a moment later, and looks
// each time how long it takes until every group has handled a fresh event. What is lost thereby is lost by nature.
type faultsTrial struct{ resumed map[string][]time.Duration }

func (*faultsTrial) plan() trialPlan {
	return trialPlan{
		name: "faults", size: 500, consumers: 3, every: 20 * time.Millisecond, errand: faultsErrand, destroys: true,
	}
}

// faultsErrand draws work that leaves something pending and something to retry.
func faultsErrand(random *rand.Rand) errand {
	drawn := errand{WorkMicroseconds: random.IntN(200_000)}
	if random.IntN(10) == 0 {
		drawn.Failures, drawn.Permanent = 1+random.IntN(3), random.IntN(3) == 0
	}
	return drawn
}

func (t *faultsTrial) unfold(ctx context.Context, w *world, size int) error {
	t.resumed = map[string][]time.Duration{}
	watched := &watch{fleet: w.fleet, read: map[string]int64{}}
	if _, err := w.probe(ctx, watched, "probe"); err != nil { // everything works before anything breaks
		return err
	}
	all := administrativeFaults()
	for number := range size {
		fault := all[w.draw(len(all))]
		if number < len(all) {
			fault = all[number] // each at least once
		}
		if err := fault.strike(ctx, w); err != nil {
			return fmt.Errorf("%s, fault %d: %w", fault.word, number, err)
		}
		took, err := w.probe(ctx, watched, fmt.Sprintf("probe%d", number))
		if err != nil {
			return fmt.Errorf("after %s, fault %d: %w", fault.word, number, err)
		}
		t.resumed[fault.word] = append(t.resumed[fault.word], took)
		if err := rest(ctx, time.Duration(w.draw(200))*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// probe publishes an event and waits until every group has handled it. It returns how long that took.
func (w *world) probe(ctx context.Context, watched *watch, eventID string) (time.Duration, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, resumeWithin)
	defer cancel()
	if err := w.publishErrand(ctx, eventID, errand{}); err != nil {
		return 0, err
	}
	missing := groupNames()
	for {
		handled, err := watched.handled(eventID)
		if err != nil {
			return 0, err
		}
		missing = slices.DeleteFunc(missing, func(group string) bool { return slices.Contains(handled, group) })
		if len(missing) == 0 {
			return time.Since(began), nil
		}
		if rest(ctx, 5*time.Millisecond) != nil {
			return 0, fmt.Errorf("a fresh event was not handled within %v by %v", resumeWithin, missing)
		}
	}
}

// watch reads what the processes see while they run.
type watch struct {
	fleet *fleet
	read  map[string]int64 // how far, by process
}

// handled returns the groups that have handled an event since the last call.
func (w *watch) handled(eventID string) ([]string, error) {
	var groups []string
	for _, process := range w.fleet.processes() {
		seen, next, err := readWitness(process.journal, process.name, w.read[process.name])
		if err != nil {
			return nil, err
		}
		w.read[process.name] = next
		for _, each := range seen {
			if each.word == wordOK && each.eventID == eventID {
				groups = append(groups, each.group)
			}
		}
	}
	return groups, nil
}

// processes are all that were ever started.
func (f *fleet) processes() []*process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.all)
}

func (t *faultsTrial) judge(_ context.Context, w *world, _ []sighting, out io.Writer) error {
	count, slowest := 0, ""
	var mosts []time.Duration
	for _, word := range slices.Sorted(maps.Keys(t.resumed)) {
		most, middle := longest(t.resumed[word])
		fmt.Fprintf(out, "%s: %d times, a fresh event was handled by every group within %v, %v in the middle\n", word,
			len(t.resumed[word]), most.Round(time.Millisecond), middle.Round(time.Millisecond))
		if count += len(t.resumed[word]); len(mosts) == 0 || most > slices.Max(mosts) {
			slowest = word
		}
		mosts = append(mosts, most)
	}
	most, _ := longest(mosts)
	fmt.Fprintf(out, "%d faults, the longest until all went on: %v, after %s; %v allowed\n", count, most.Round(time.Millisecond),
		cmp.Or(slowest, "none"), resumeWithin)
	if started := len(w.fleet.all); started != w.fleet.size() {
		return errors.New("a process has ended by itself")
	}
	return nil
}
