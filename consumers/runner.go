package consumers

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

const (
	// abandonAfter is how long after the end of its context a handler may take to return.
	abandonAfter = 5 * time.Second
	// returnAfter is how long handlers have to return when the grace has passed and the process must end.
	returnAfter = time.Second
	// leaveWithin bounds each of the last three things that ask Redis: settling what was abandoned, the acks, leaving.
	// With returnAfter before them and after them, a process ends within its grace and 8 s, whatever Redis does.
	leaveWithin = 2 * time.Second
)

// runner works one group: intake reads and sweeps, workers handle, settle and the acker write what came of it.
type runner struct {
	options GroupOptions
	set     *Set
	log     *zap.Logger
	outcome *zap.Logger // says what became of single deliveries
	metrics *groupMetrics
	handler Handler

	group   *stream.Group
	leases  *claim.Leases
	sweeper *claim.Sweeper
	acker   *acker

	slots    *slots
	queue    *queue
	stopping atomic.Bool               // what is queued is handed back, not started
	working  context.Context           // the handlers' context
	cut      context.CancelCauseFunc   // ends it
	places   []atomic.Pointer[handout] // what each worker's handler has
	spare    spareJobs
	stuck    atomic.Int32
	// abandoning are the goroutines that settle what was abandoned. Only watch adds to them, and run when watch has ended.
	abandoning sync.WaitGroup

	unkept      atomic.Bool // Redis refuses results
	interrupted atomic.Bool // a renewal has failed: Redis was out of reach
	mayHaveLost atomic.Bool // entries may stand under the consumer's name that are not in its hands
	// These belong to the intake alone.
	reader        *stream.Reader
	decoder       stream.Decoder
	readNext      bool      // the next turn is a read's, even if a sweep is due
	suspectsSince time.Time // since when nothing was read for the suspects' sake, zero while something is
	orphansLogged time.Time // when entries were last said to have been taken over from a dead process

	health health
}

// newRunner returns the runner of a group that may have so many bytes of entries in hand.
func newRunner(set *Set, options GroupOptions, group *stream.Group, bytes int) *runner {
	log := set.options.Logger.With(zap.String("group", options.Name), zap.String("consumer", group.Consumer()))
	r := &runner{
		options: options,
		set:     set,
		log:     log,
		outcome: log.Named(OutcomeLogger),
		metrics: set.options.Metrics.group(options.Name),
		handler: Wrap(options.Handler, Recover()),
		group:   group,
		reader:  group.Reader(),
		leases:  claim.NewLeases(group),
		slots:   newSlots(options.Concurrency, bytes, options.MaxEventBytes),
		queue:   newQueue(),
		places:  make([]atomic.Pointer[handout], options.Concurrency),
	}
	r.reader.MaxEntryBytes = options.MaxEventBytes
	r.decoder.DecodeOptions = stream.DecodeOptions{Unnamed: options.Unnamed, MaxBytes: options.MaxEventBytes}
	r.acker = newAcker(group, r.leases, options.Dedupe)
	r.acker.emits = options.Emit.Acked != ""
	r.acker.results = keepResults(options, set.options.Retention)
	r.acker.unkept = r.resultsKept
	r.acker.report = r.acksWritten
	r.acker.acked = r.acked
	r.acker.lost = r.ackedTooLate
	return r
}

// run works until ctx ends, and then until what was started has been settled or given back.
//
// Three contexts: ctx ends what comes in; life lasts until the last write; r.working, below life, is the handlers' own.
//
// The order of the end matters. First nothing more comes in, and what was not started goes back, so that another process
// can have it at once. Then the handlers have their grace. The acks come after the handlers, and the leases are renewed
// until the last ack, or another consumer would take what is already done. The name goes last.
func (r *runner) run(ctx context.Context) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	r.working, r.cut = context.WithCancelCause(life)
	r.sweeper = claim.NewSweeper(r.group, r.options.MaxDeliveries)
	told := make(chan time.Time, 1)
	context.AfterFunc(ctx, func() { told <- time.Now() })
	watching, stopWatching := context.WithCancel(life)
	defer stopWatching()
	noMoreAcks := make(chan struct{})

	var workers, acking, renewing, watcher sync.WaitGroup
	for place := range r.places {
		workers.Go(func() { r.work(life, &workers, &r.places[place], &batch{}) })
	}
	acking.Go(func() { r.acker.run(life, noMoreAcks) })
	renewing.Go(func() { r.leases.Run(life, r.renewed) })
	watcher.Go(func() { r.watch(watching, life) })

	r.intake(ctx)

	r.stopping.Store(true)
	r.handBack(life, r.queue.close()...)
	finished := r.waitForHandlers(<-told, &workers)
	stopWatching()
	watcher.Wait()
	if !finished {
		r.abandonAll(life)
	}
	within(leaveWithin, r.abandoning.Wait)
	close(noMoreAcks)
	within(leaveWithin, acking.Wait)
	r.leave(life)
	end()
	renewing.Wait()
	within(returnAfter, func() { acking.Wait(); r.abandoning.Wait() }) // what still asked Redis sees the end of life now
}

// handBack releases jobs that were not started: their deliveries are not counted.
func (r *runner) handBack(ctx context.Context, jobs ...*job) {
	if len(jobs) == 0 {
		return
	}
	deliveries := make([]stream.Delivery, len(jobs))
	for i, job := range jobs {
		deliveries[i] = stream.Delivery{Entry: stream.Entry{ID: job.id}, Deliveries: job.deliveries}
	}
	ctx, cancel := context.WithTimeout(ctx, leaveWithin)
	defer cancel()
	if err := insist(ctx, time.Second, func() error { return claim.HandBack(ctx, r.group, deliveries) }); err != nil {
		defer r.mayHaveLost.Store(true) // when they are not held any more
		r.log.Warn("could not hand back what was not started", zap.Int("entries", len(jobs)), zap.Error(err))
	}
	r.leases.Drop(leasesOf(jobs)...)
	r.slots.release(len(jobs))
}

// waitForHandlers gives the handlers their grace, counted from when the group was told to stop, and then ends their
// context. It tells whether all of them have returned.
func (r *runner) waitForHandlers(told time.Time, workers *sync.WaitGroup) bool {
	if within(time.Until(told.Add(r.set.options.Grace)), workers.Wait) {
		return true
	}
	r.log.Warn("the grace period has passed: ending the handlers that still run", zap.Int("handlers", r.leases.Count()))
	r.cut(ErrShutdown)
	return within(returnAfter, workers.Wait)
}

// leave hands back what is left and removes the consumer's name.
func (r *runner) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaveWithin)
	defer cancel()
	err := claim.Leave(ctx, r.group, r.leases.Held())
	if err != nil {
		r.log.Warn("left without cleaning up: what is pending is taken over when its lease has ended", zap.Error(err))
		return
	}
	r.log.Debug("left the group")
}

// renewed is told how each renewal went.
func (r *runner) renewed(err error) {
	r.health.renewal.beat()
	if stream.IsNoGroup(err) {
		return // the intake notices, and creates the group again
	}
	if err != nil {
		r.interrupted.Store(true)
	}
	r.health.renewing.set(err)
	r.tell("renewing", err)
}

// acksWritten is told how the last attempt to ack went.
func (r *runner) acksWritten(err error) {
	r.health.acking.set(err)
	r.tell("acking", err)
}

// tell passes the state of one kind of the group's work on to whoever logs outages.
func (r *runner) tell(work string, err error) {
	if err == nil {
		r.set.outage.over(r.options.Name, work)
	} else {
		r.set.outage.failed(r.options.Name, work, err)
	}
}
