package consumers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
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
