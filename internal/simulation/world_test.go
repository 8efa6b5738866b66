package simulation

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/stream"
)

// eventName is the name of every event.
const eventName = "ORDER"

// plan is what a run consists of.
type plan struct {
	seed          seed
	lease         time.Duration
	grace         time.Duration
	timeout       time.Duration // of a handling
	during        time.Duration // until the adversary heals everything
	groups        []plannedGroup
	places        int // of processes
	concurrency   int
	maxDeliveries int
	events        int
	emits         bool    // events follow what the groups settle
	trouble       float64 // how often handlers misbehave: 0 is hardly ever
}

type plannedGroup struct {
	name   string
	dedupe time.Duration
}

func newPlan(seed seed) plan {
	random := seed.random("plan")
	lease := between(random, time.Second, 4*time.Second).Round(100 * time.Millisecond)
	p := plan{
		seed: seed, lease: lease, grace: between(random, 0, 2*lease), timeout: 4 * lease, during: 4 * lease,
		places: 1 + random.IntN(3), concurrency: 1 + random.IntN(3), maxDeliveries: 2 + random.IntN(5),
		events: 4 + random.IntN(12), trouble: 0.01 + random.Float64()*random.Float64(),
	}
	p.emits = seed%2 == 0
	p.groups = []plannedGroup{{name: "one"}}
	if chance(random, 0.3) {
		p.groups[0].dedupe = time.Hour
	}
	if chance(random, 0.15) {
		p.groups = append(p.groups, plannedGroup{name: "two"})
	}
	return p
}

// world is one run.
type world struct {
	*testing.T
	plan      plan
	log       *zap.Logger
	adversary *adversary
	network   *network
	judge     *stream.Client
	begun     time.Time
	processes []*process // all that ever were
	places    []*process // those that should run now
	published []string
	entries   map[string]stream.ID
	running   sync.WaitGroup
	handlers  sync.WaitGroup

	mu        sync.Mutex
	handlings []*handling
}

func newWorld(t *testing.T, seed seed, log *zap.Logger) *world {
	w := &world{T: t, plan: newPlan(seed), log: log, begun: time.Now(), entries: map[string]stream.ID{}}
	w.adversary = newAdversary(seed, w.plan.lease, w.begun.Add(w.plan.during))
	var err error
	if w.network, err = newNetwork(w.adversary); err != nil {
		t.Fatal(err)
	}
	if w.judge, err = newProcess(0).open(w.network); err != nil {
		t.Fatal(err)
	}
	return w
}

// run lets everything happen, heals, drains, judges and cleans up.
func (w *world) run() {
	w.places = make([]*process, w.plan.places)
	for place := range w.places {
		w.places[place] = w.start()
	}
	for _, step := range w.timeline() {
		w.sleepUntil(step.at)
		step.do()
	}
	w.sleepUntil(w.plan.during)
	w.drain()
	w.awaitSweep()
	w.stopAll()
	w.judgeRun()
	_ = w.judge.Close()
	w.handlers.Wait()
	w.network.close()
}

// step is something that happens at a time, counted from the beginning.
type step struct {
	at time.Duration
	do func()
}

func (w *world) timeline() []step {
	var steps []step
	random := w.plan.seed.random("publish")
	for number := range w.plan.events {
		at := between(random, 0, w.plan.during*3/4)
		if chance(random, 0.5) {
			at = at.Truncate(w.plan.lease) // together with others
		}
		steps = append(steps, step{at, func() { w.publish(fmt.Sprintf("e%d", number)) }})
	}
	for _, stroke := range w.adversary.schedule(w.plan.places, w.plan.during) {
		steps = append(steps, step{stroke.at, func() { w.suffer(stroke) }})
		steps = append(steps, step{stroke.at + stroke.lasts, func() { w.recover(stroke) }})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return int(a.at - b.at) })
	return steps
}

func (w *world) sleepUntil(at time.Duration) { time.Sleep(time.Until(w.begun.Add(at))) }

func (w *world) publish(eventID string) {
	text, err := w.network.memory.XAdd(stream.DefaultName, "*", []string{"event", eventName, "event_id", eventID})
	if err != nil {
		w.Fatal(err)
	}
	id, err := stream.ParseID(text)
	if err != nil {
		w.Fatal(err)
	}
	w.published, w.entries[eventID] = append(w.published, eventID), id
}

func (w *world) suffer(stroke stroke) {
	process := w.places[stroke.place]
	if process.isOver() {
		return
	}
	now := time.Now()
	struck := strike{process: process.number, from: now, to: now.Add(stroke.lasts)}
	struck.what = fmt.Sprintf("%s of process %d, for %v", stroke.what, process.number, stroke.lasts)
	w.adversary.add(struck)
	switch stroke.what {
	case kill:
		process.kill()
	case stop:
		process.stop()
	case cut:
		process.cut(struck.to)
	}
}

// recover starts a new process where one was killed or told to stop.
func (w *world) recover(stroke stroke) {
	if process := w.places[stroke.place]; process.isOver() || !process.told().IsZero() {
		w.places[stroke.place] = w.start()
	}
}

// drain waits until every group has been handed everything and nothing is pending.
func (w *world) drain() {
	w.until("everything is drained", 3*time.Minute+20*w.plan.lease, func() bool {
		groups := w.groups()
		return len(groups) == len(w.plan.groups) && !slices.ContainsFunc(groups, func(group stream.GroupStatus) bool {
			return !group.Exists || group.Pending > 0 || group.Lag > 0
		})
	})
}

// awaitSweep waits until the names of all processes are gone that are over, or have been told to stop, and the notes that
// an XACK left which was late on its way.
func (w *world) awaitSweep() {
	w.until("the notes are gone with what was pending", 10*time.Second, func() bool {
		return !slices.ContainsFunc(w.groups(), func(group stream.GroupStatus) bool {
			return w.judge.Redis().Exists(context.Background(), w.judge.Keys().Attempts(group.Name)).Val() > 0
		})
	})
	w.until("the names of the dead are removed", 6*w.plan.lease+10*time.Second, func() bool {
		return !slices.ContainsFunc(append(w.consumers(), w.signsOfLife()...), func(name string) bool { return !w.isAlive(name) })
	})
}

// stopAll tells every process to stop, and waits until all have.
func (w *world) stopAll() {
	for _, process := range w.processes {
		process.stop()
	}
	w.running.Wait()
}

func (w *world) until(what string, within time.Duration, holds func() bool) {
	for deadline := time.Now().Add(within); !holds(); time.Sleep(500 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Errorf("waited %v until %s", within, what)
			return
		}
	}
}

func (w *world) groups() []stream.GroupStatus {
	groups, err := w.judge.Groups(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	return groups
}
