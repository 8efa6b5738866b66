package consumers

import (
	"context"
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
		r.settle(ctx, job, verdict{outcome: DeadLettered, reason: job.fault.Reason, err: job.fault})
		return
	}
	job.start(time.Now())
	place.Store(job)
	err, cause := r.handle(job)
	place.Store(nil)
	if !job.finish() {
		r.returned(job)
		return
	}
	r.slots.handled(job.took)
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
	job.took = time.Since(job.started)
	cause = context.Cause(ctx)
	if err != nil && cause != nil {
		err = fmt.Errorf("%w (after %v): %w", cause, job.took.Round(time.Millisecond), err)
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
		r.acker.add(ctx, job)
		return
	case Lost:
		r.lose(job, verdict.err)
		return
	}
	owned := false
	err := insist(ctx, func() (err error) {
		owned, err = r.write(ctx, job, verdict)
		r.health.wrote(err)
		return err
	})
	switch {
	case stream.IsNoGroup(err) || err == nil && !owned:
		r.lose(job, verdict.err)
	case err != nil:
		r.log.Warn("could not settle: the entry is taken over when its lease has ended",
			zap.String("id", job.ID.String()), zap.Error(err))
	default:
		r.leases.Drop(job.ID)
		r.report(job, verdict)
	}
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
		Reason: verdict.reason, Error: verdict.err.Error(),
	}})
	return len(lost) == 0, err
}

// lose lets go of an entry that another consumer owns.
func (r *runner) lose(job *job, err error) {
	r.leases.Drop(job.ID)
	r.report(job, verdict{outcome: Lost, err: err})
}

// watch looks once a second for handlers that have ignored the end of their context, and abandons them.
func (r *runner) watch(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			r.health.watching.beat()
			r.abandonOverdue(ctx, now)
		}
	}
}

func (r *runner) abandonOverdue(ctx context.Context, now time.Time) {
	for place := range r.places {
		job := r.places[place].Load()
		if job != nil && now.Sub(job.started) > r.options.Timeout+abandonAfter {
			r.abandonJob(ctx, job, ErrTimeout)
		}
	}
}

// abandonJob settles a job in place of its worker, which keeps its place until the handler returns.
func (r *runner) abandonJob(ctx context.Context, job *job, cause error) {
	if !job.abandon() {
		return
	}
	r.stuck.Add(1)
	r.metrics.stuck.Inc()
	r.log.Error("a handler does not return: its event is retried and its place is lost until it does",
		zap.String("id", job.ID.String()), zap.String("event", printable(job.event.Name)), zap.Error(cause))
	verdict := judge(errStuck, cause, job.Deliveries, r.options.policy(), rand.Float64())
	r.settle(ctx, job, verdict)
}

// returned is the end of an abandoned handler.
func (r *runner) returned(job *job) {
	r.stuck.Add(-1)
	r.metrics.stuck.Dec()
	r.log.Info("an abandoned handler has returned", zap.String("id", job.ID.String()), zap.Duration("took", job.took))
}
