package consumers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/stream"
)

// work is one worker: it takes jobs from the queue until that is closed. place shows what it works on.
func (r *runner) work(ctx context.Context, place *atomic.Pointer[job]) {
	for job := range r.queue {
		if r.stopping.Load() {
			r.handBack(ctx, job)
			continue
		}
		r.process(ctx, job, place)
		r.slots.release(1)
	}
}

// process takes one job from its start to its outcome.
func (r *runner) process(ctx context.Context, job *job, place *atomic.Pointer[job]) {
	if job.lease.Lost() {
		r.lose(job, nil)
		return
	}
	if job.fault != nil {
		r.settle(ctx, job, verdict{outcome: DeadLettered, reason: job.fault.Reason, err: errors.New(job.fault.Hint)})
		return
	}
	job.start(time.Now())
	place.Store(job)
	err, cause := r.handle(job)
	took := time.Since(job.started)
	place.Store(nil)
	if !job.finish() {
		r.returned(job, took)
		return
	}
	job.took = took
	r.slots.handled(took)
	r.settle(ctx, job, judge(err, cause, job.Deliveries, r.options.policy(), rand.Float64()))
}

// handle calls the handler. cause is why its context had ended by the time it returned, or nil.
func (r *runner) handle(job *job) (err, cause error) {
	ctx, cancel := context.WithCancelCause(r.working)
	defer cancel(nil)
	job.lease.OnLoss(cancel)
	ctx, stop := context.WithTimeoutCause(ctx, r.options.Timeout, ErrTimeout)
	defer stop()
	err = r.handler.Handle(ctx, r.delivery(job))
	cause = context.Cause(ctx)
	if err != nil && cause != nil {
		err = fmt.Errorf("%w (after %v): %w", cause, time.Since(job.started).Round(time.Millisecond), err)
	}
	return err, cause
}

func (r *runner) delivery(job *job) *Delivery {
	return &Delivery{Event: job.event, Group: r.options.Name, EntryID: job.ID, Deliveries: job.Deliveries}
}

// settle carries out a verdict. Only an ack leaves the worker before Redis has confirmed it: the acker sees to it.
func (r *runner) settle(ctx context.Context, job *job, verdict verdict) {
	switch verdict.outcome {
	case Acked:
		r.acker.add(ctx, job, func() {})
		return
	case Lost:
		r.lose(job, verdict.err)
		return
	}
	owned, err := r.persist(ctx, job, verdict)
	switch {
	case stream.IsNoGroup(err) || err == nil && !owned:
		r.lose(job, verdict.err)
	case err != nil:
		r.letGo(ctx, job, err)
	default:
		r.leases.Drop(job.ID)
		r.report(job, verdict)
	}
}

// mostRefusals is how often Redis may refuse to settle an entry before its worker turns to the next one.
const mostRefusals = 5

// persist writes a verdict, again and again until Redis has taken it, refuses it for good, or ctx ends. An entry that a
// repeat finds in other hands counts as owned: most likely it was the reply to an earlier try that was lost.
func (r *runner) persist(ctx context.Context, job *job, verdict verdict) (owned bool, err error) {
	tries, refusals := 0, 0
	var last error
	err = insist(ctx, func() error {
		tries++
		owned, last = r.write(ctx, job, verdict)
		r.settled(last)
		if stream.IsRefusal(last) {
			refusals++
		}
		if refusals == mostRefusals {
			return nil
		}
		return last
	})
	return owned || tries > 1, cmp.Or(err, last)
}

// settled is told how the last attempt to settle a failure went.
func (r *runner) settled(err error) {
	r.health.settling.set(err)
	r.tell("settling", err)
}

// letGo leaves an entry that cannot be settled to a later try, which finds out again what becomes of it.
func (r *runner) letGo(ctx context.Context, job *job, err error) {
	r.log.Error("could not settle an entry: it will be handled again", zap.String("id", job.ID.String()), zap.Error(err))
	_, err = r.group.Release(ctx, []stream.Release{{
		ID: job.ID, Deliveries: job.Deliveries, Delay: r.options.Backoff.Max,
		Tries: job.Deliveries, Reason: stream.RetryFailed, Error: "could not be settled: " + err.Error(),
	}})
	if err != nil {
		r.mayHaveLost.Store(true)
	}
	r.leases.Drop(job.ID)
}

// write tells Redis to retry the job later or to make a dead letter of it. owned is false where the entry was lost.
func (r *runner) write(ctx context.Context, job *job, verdict verdict) (owned bool, err error) {
	if verdict.outcome == DeadLettered {
		return r.group.GiveUp(ctx, stream.GiveUp{
			ID: job.ID, Reason: verdict.reason, Error: verdict.err.Error(),
			Event: job.event.Name, EventID: job.event.ID, Deduped: r.options.Dedupe > 0,
		})
	}
	lost, err := r.group.Release(ctx, []stream.Release{{
		ID: job.ID, Deliveries: job.Deliveries, Delay: verdict.delay,
		Tries: job.Deliveries, Reason: verdict.reason, Error: verdict.err.Error(),
	}})
	return len(lost) == 0, err
}

// lose lets go of an entry that another consumer owns. It may have come back under this consumer's name meanwhile.
func (r *runner) lose(job *job, err error) {
	r.leases.Drop(job.ID)
	r.mayHaveLost.Store(true)
	r.report(job, verdict{outcome: Lost, err: err})
}

// watch looks once a second for handlers that have ignored the end of their context, and abandons them.
func (r *runner) watch(ctx, life context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			r.health.watching.beat()
			r.abandonOverdue(life, now)
		}
	}
}

func (r *runner) abandonOverdue(life context.Context, now time.Time) {
	for place := range r.places {
		job := r.places[place].Load()
		if job != nil && now.Sub(job.started) > r.options.Timeout+abandonAfter {
			r.abandonJob(life, job, ErrTimeout)
		}
	}
}

// abandonJob settles a job in place of its worker, which keeps its place until the handler returns. It does not wait for
// Redis: run does.
func (r *runner) abandonJob(life context.Context, job *job, cause error) {
	if !job.abandon() {
		return
	}
	job.took = time.Since(job.started)
	r.stuck.Add(1)
	r.metrics.stuck.Inc()
	r.log.Error("a handler does not return: its event is retried and its place is lost until it does",
		zap.String("id", job.ID.String()), zap.String("event", printable(job.event.Name)), zap.Error(cause))
	verdict := judge(errStuck, cause, job.Deliveries, r.options.policy(), rand.Float64())
	r.abandoning.Go(func() { r.settle(life, job, verdict) })
}

// returned is the end of an abandoned handler.
func (r *runner) returned(job *job, took time.Duration) {
	r.stuck.Add(-1)
	r.metrics.stuck.Dec()
	r.log.Info("an abandoned handler has returned", zap.String("id", job.ID.String()), zap.Duration("took", took))
}
