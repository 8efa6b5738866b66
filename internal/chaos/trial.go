package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"
)

// trial shows one thing that is promised, under a load of its own, and judges by itself whether it was so.
type trial interface {
	plan() trialPlan
	// unfold brings about what is tried, of that size. An error ends the trial.
	unfold(ctx context.Context, w *world, size int) error
	// judge looks at everything that was seen, when all is drained and every process has ended. It writes the figures to
	// out, and returns what is not as promised.
	judge(ctx context.Context, w *world, all []sighting, out io.Writer) error
}

// trialPlan is what a trial takes.
type trialPlan struct {
	name string
	size int // how many pauses, restarts and so on are to be shown
	// consumers is how many processes there are.
	consumers int
	// every is the pace of the load, and errand what each of its events asks for.
	every  time.Duration
	errand func(*rand.Rand) errand
	// role is what the processes are; empty is roleWitness.
	role string
	// destroys tells that events are lost by nature, so that nothing can be drained.
	destroys bool
}

func trials() []trial {
	return []trial{&pausesTrial{}, &restartsTrial{}, &faultsTrial{}, &blackholeTrial{}, &followUpsTrial{}}
}

func trialNames() []string {
	var names []string
	for _, each := range trials() {
		names = append(names, each.plan().name)
	}
	return names
}

// trialNamed is the trial of that name, nil where there is none.
func trialNamed(name string) trial {
	all := trials()
	at := slices.IndexFunc(all, func(each trial) bool { return each.plan().name == name })
	if at < 0 {
		return nil
	}
	return all[at]
}

// runTrial is a whole trial: it returns nil where all was as promised, and writes to out what was seen. A size of 0 is
// what is to be shown.
func runTrial(ctx context.Context, tried trial, settings settings, out io.Writer) error {
	plan := tried.plan()
	if settings.size == 0 {
		settings.size = plan.size
	}
	settings.fleet, settings.role = plan.consumers, cmp.Or(plan.role, roleWitness)
	fmt.Fprintf(out, "trial %s of %d, seed %d, files in %s\n", plan.name, settings.size, settings.seed, settings.dir)
	w, err := newWorld(settings)
	if err != nil {
		return errors.Join(err, w.close())
	}
	began := time.Now()
	load := w.startLoad(ctx, plan.every, plan.errand)
	faults := []error{tried.unfold(ctx, w, settings.size)}
	published, err := load.end()
	w.settings.events, faults = published, append(faults, err)
	if ctx.Err() != nil {
		return errors.Join(errors.New("interrupted: nothing was judged"), w.fleet.close(), w.close())
	}
	if !plan.destroys {
		faults = append(faults, w.drained(ctx, drainWithin))
	}
	faults = append(faults, w.fleet.close())
	all, err := w.sightings()
	faults = append(faults, err, tried.judge(ctx, w, all, out), w.close())
	fmt.Fprintf(out, "took %v\n", time.Since(began).Round(time.Second))
	return errors.Join(faults...)
}

// sightings are what all processes saw, in the order of time.
func (w *world) sightings() ([]sighting, error) {
	var all []sighting
	for _, process := range w.fleet.all {
		seen, _, err := readWitness(process.journal, process.name, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, seen...)
	}
	slices.SortStableFunc(all, func(a, b sighting) int { return a.at.Compare(b.at) })
	return all, nil
}
