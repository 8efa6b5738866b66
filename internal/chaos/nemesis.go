package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// nemesis is one kind of misfortune. Strike brings it about and has undone it when it returns; an error means that Millrace
// hangs or the run cannot go on, never that the misfortune hurt.
type nemesis interface {
	name() string
	strike(ctx context.Context, w *world) error
}

// lanes are the nemeses that take turns with each other; those of different lanes strike at the same time.
func lanes() [][]nemesis {
	return [][]nemesis{
		{killConsumer{}, pauseConsumer{}, rollingRestart{}, deleteDead{}},
		{blackhole{}, reset{}, halfOpen{}, delay{}, dropReplies{}},
		{killRedis{}, killClients{}, pauseClients{}, flushScripts{}, noMemory{}, replica{}},
	}
}

// alone are the names of what strikes only while nothing else does.
func alone() []string { return []string{"replica", "disk"} }

// destroyMode is the word for all destroyers.
const destroyMode = "destroy"

// chosen returns the lanes of the nemeses that are named; without names all of them.
func chosen(names []string) ([][]nemesis, error) {
	if len(names) == 0 {
		return lanes(), nil
	}
	if slices.Equal(names, []string{destroyMode}) {
		return [][]nemesis{destroyers()}, nil
	}
	var picked [][]nemesis
	found := len(demanded(names))
	for _, each := range demanded(names) {
		picked = append(picked, []nemesis{each})
	}
	for _, lane := range lanes() {
		lane = slices.DeleteFunc(lane, func(each nemesis) bool { return !slices.Contains(names, each.name()) })
		if found += len(lane); len(lane) > 0 {
			picked = append(picked, lane)
		}
	}
	if found < len(names) {
		return nil, fmt.Errorf("nemeses %s: expected %s alone, or some of %s", strings.Join(names, ","), destroyMode,
			strings.Join(append(nemesisNames(), demandedNames()...), ", "))
	}
	return picked, nil
}

func nemesisNames() []string {
	var names []string
	for _, lane := range lanes() {
		for _, each := range lane {
			names = append(names, each.name())
		}
	}
	return names
}

// demandedNames are the names of those that strike only where they are named.
func demandedNames() []string {
	var names []string
	for _, each := range onDemand() {
		names = append(names, each.name())
	}
	return names
}

// haunt has the nemeses of a lane strike until the time is over, one after the other, in the order that the seed gives.
func (w *world) haunt(ctx context.Context, lane []nemesis, random *rand.Rand) error {
	ctx, cancel := context.WithTimeout(ctx, w.settings.during)
	defer cancel()
	for {
		pause := w.settings.pause/5 + time.Duration(random.Int64N(int64(w.settings.pause)))
		each := lane[random.IntN(len(lane))]
		if rest(ctx, pause) != nil {
			return nil //nolint:nilerr // the time is over
		}
		if err := w.struckBy(ctx, each); err != nil {
			return fmt.Errorf("%s: %w", each.name(), err)
		}
	}
}

// struckBy lets a nemesis strike to the end, also when the time is over meanwhile: what it broke must be whole again.
func (w *world) struckBy(ctx context.Context, each nemesis) error {
	if slices.Contains(alone(), each.name()) {
		w.striking.Lock()
		defer w.striking.Unlock()
	} else {
		w.striking.RLock()
		defer w.striking.RUnlock()
	}
	if ctx.Err() != nil {
		return nil
	}
	w.count(each.name())
	began := time.Now()
	err := each.strike(context.WithoutCancel(ctx), w)
	return errors.Join(err, w.logStrike(each.name(), began))
}

// logStrike writes down, in the run's directory, when a nemesis struck and when it let go.
func (w *world) logStrike(name string, began time.Time) error {
	_, err := fmt.Fprintf(w.strikeLog, "%s %s %s\n", began.Format(clockLayout), time.Now().Format(clockLayout), name)
	return err
}

// logVictim writes down whom the strike that begins now is meant for.
func (w *world) logVictim(name string) {
	_ = w.logStrike("the next one at "+name, time.Now()) // it is for a reader; the strike's own line tells of a full disk
}
