package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/breakable"
	"github.com/millrace/millrace/internal/history"
	"github.com/millrace/millrace/stream"
)

// settings is what a run is told.
type settings struct {
	seed    uint64
	during  time.Duration // over how long events are published and nemeses strike
	events  int
	fleet   int           // consumer processes at a time
	pause   time.Duration // about how long a nemesis lets everything be before it strikes; a fifth of it at least
	nemeses []string
	strikes map[string]int // how often each nemesis strikes; empty is as often as there is time
	dir     string         // where Redis and the processes write
	role    string         // of the consumer processes; empty is roleConsumer
	trial   string         // its name; empty is a run of nemeses
	size    int            // of a trial; zero is what is to be shown
	slack   time.Duration  // how much later than promised a trial lets a busy machine be
}

// destroys tells whether the nemeses are those that lose by nature.
func (s settings) destroys() bool { return slices.Equal(s.nemeses, []string{destroyMode}) }

// drainWithin is how long the rest of a run may take once everything is whole again, or half the time of the run where that
// is longer: what dead processes held is started one by one.
const drainWithin = time.Minute

// world is all that a run consists of.
type world struct {
	settings    settings
	server      *breakable.Server
	proxy       *breakable.Proxy // of one of the producer's clients
	client      *stream.Client   // straight to Redis
	proxied     *stream.Client
	fleet       *fleet
	history     *history.History
	strikeLog   *os.File
	disturbed   disturbances
	inFlight    handouts
	striking    sync.RWMutex     // locked for writing by a nemesis that strikes alone
	environment []string         // of Redis, beside this program's
	undo        []func() error   // what must be undone when Redis has ended
	clock       *breakable.Clock // of Redis, where it is to jump

	mu      sync.Mutex
	random  *rand.Rand
	strikes map[string]int
}

// newWorld starts Redis and the consumers. The caller ends it with close, also after an error.
func newWorld(settings settings) (*world, error) {
	w := &world{
		settings: settings, history: history.New(settings.seed, groupNames()...), strikes: map[string]int{},
		inFlight: handouts{times: map[handout]int{}},
		random:   rand.New(rand.NewPCG(settings.seed, 0)),
	}
	err := os.MkdirAll(w.redisDir(), 0o700)
	if err != nil {
		return w, fmt.Errorf("make a directory for Redis: %w", err)
	}
	if w.strikeLog, err = os.Create(filepath.Join(settings.dir, "strikes.log")); err != nil {
		return w, fmt.Errorf("create the log of what struck: %w", err)
	}
	for _, each := range demanded(settings.nemeses) {
		if err = each.prepare(w); err != nil {
			return w, err
		}
	}
	if w.server, err = breakable.StartServerIn(w.environment, w.redisDir(), "--appendonly", "yes", "--appendfsync", "always"); err != nil {
		return w, err
	}
	if w.proxy, err = breakable.StartProxy(w.server.Addr()); err != nil {
		return w, err
	}
	if w.client, err = stream.Open(stream.Options{URL: w.server.URL()}); err != nil {
		return w, err
	}
	if w.proxied, err = stream.Open(stream.Options{URL: "redis://" + w.proxy.Addr()}); err != nil {
		return w, err
	}
	role := cmp.Or(settings.role, roleConsumer)
	w.fleet, err = startFleet(settings.dir, role, w.server.Addr(), settings.fleet, w.countLeftBehind)
	return w, err
}

func (w *world) redisDir() string { return filepath.Join(w.settings.dir, "redis") }

// draw returns a number below n, in the order that the seed gives.
func (w *world) draw(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n)
}

func (w *world) count(strike string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.strikes[strike]++
}

// run is a whole run: it returns nil where the run was sound, and writes to out what was done and found.
func run(ctx context.Context, settings settings, out io.Writer) error {
	fmt.Fprintf(out, "seed %d, %d events over %v, files in %s\n", settings.seed, settings.events, settings.during, settings.dir)
	var err error
	if settings.nemeses, err = possible(settings.nemeses, settings.dir, out); err != nil {
		return err
	}
	lanes, err := chosen(settings.nemeses)
	if err != nil {
		return err
	}
	w, err := newWorld(settings)
	if err != nil {
		return errors.Join(err, w.close())
	}
	faults := []error{w.unfold(ctx, lanes)}
	if ctx.Err() != nil {
		return errors.Join(errors.New("interrupted: nothing was judged"), w.fleet.close(), w.close())
	}
	began := time.Now()
	faults = append(faults, w.drained(ctx, max(drainWithin, settings.during/2)))
	drained := time.Since(began)
	faults = append(faults, w.fleet.close())
	w.printDone(out, drained)
	if !settings.destroys() { // what is destroyed is lost, and comes twice: it had to go on, and that is all
		faults = append(faults, w.judge(ctx, out))
	}
	return errors.Join(append(faults, w.close())...)
}

// judge completes the history, writes what it shows to out, and returns what is wrong with it.
func (w *world) judge(ctx context.Context, out io.Writer) error {
	err := errors.Join(w.recordHandlings(), w.recordState(ctx))
	report := w.history.Check()
	fmt.Fprintf(out, "%v%d handlings were repeated, of %d that were in flight when something was killed or cut off\n",
		report, report.Repeated(), report.InFlight())
	if fault := report.Sound(); fault != nil {
		return errors.Join(err, fault, w.tellFaults(out, report))
	}
	return err
}

// unfold publishes while nemeses strike.
func (w *world) unfold(ctx context.Context, lanes [][]nemesis) error {
	faults := make([]error, len(lanes)+1)
	var running sync.WaitGroup
	for i, lane := range lanes {
		random := rand.New(rand.NewPCG(w.settings.seed, uint64(i+1)))
		running.Go(func() {
			if len(w.settings.strikes) > 0 {
				faults[i] = w.strikeAll(ctx, scheduled(lane, w.settings.strikes, random), w.settings.during)
			} else {
				faults[i] = w.haunt(ctx, lane, random)
			}
		})
	}
	producer := &producer{
		clients: []*stream.Client{w.client, w.proxied}, history: w.history,
		seed: w.settings.seed, events: w.settings.events, over: w.settings.during,
	}
	running.Go(func() { faults[len(lanes)] = producer.run(ctx) })
	running.Wait()
	return errors.Join(faults...)
}

// printDone writes what was done.
func (w *world) printDone(out io.Writer, drained time.Duration) {
	fmt.Fprintf(out, "consumer processes: %d, of which %d were killed, also by what they handled\n",
		len(w.fleet.all), w.fleet.killed())
	for _, name := range slices.Sorted(maps.Keys(w.strikes)) {
		fmt.Fprintf(out, "%s: %d times\n", name, w.strikes[name])
	}
	fmt.Fprintf(out, "drained %v after the last of them\n", drained.Round(time.Millisecond))
}

// close ends Redis and the connections; it is the last thing.
func (w *world) close() error {
	if w.proxied != nil {
		w.proxied.Close()
	}
	if w.client != nil {
		w.client.Close()
	}
	if w.proxy != nil {
		w.proxy.Close()
	}
	var err error
	if w.server != nil {
		err = w.server.Kill()
	}
	if w.strikeLog != nil {
		err = errors.Join(err, w.strikeLog.Close())
	}
	for _, undo := range w.undo {
		err = errors.Join(err, undo())
	}
	return err
}
