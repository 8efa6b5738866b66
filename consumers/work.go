package consumers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// work is one worker: it takes jobs from the batches in the queue until that is closed. place shows what it works on.
func (r *runner) work(ctx context.Context, place *atomic.Pointer[job]) {
	for batch := range r.queue {
		for !r.stopping.Load() {
			job := batch.next()
			if job == nil {
				break
			}
			r.process(ctx, job, place)
			r.slots.release(1)
		}
		if r.stopping.Load() {
			r.handBack(ctx, batch.rest()...)
		}
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
	took, err, cause := r.handle(job)
	place.Store(nil)
	if !job.finish() {
		r.returned(job, took)
		return
	}
	job.took = took
	r.slots.handled(took)
	r.settle(ctx, job, judge(err, cause, job.deliveries, r.options.policy(), rand.Float64()))
}

// handle calls the handler. cause is why its context had ended by the time it returned, or nil.
func (r *runner) handle(job *job) (took time.Duration, err, cause error) {
	job.handling.begin(r.working, &job.lease, job.started.Add(r.options.Timeout))
	err = r.handler.Handle(&job.handling, &job.handed)
	ended := time.Now()
	took, cause = ended.Sub(job.started), job.handling.end(ended)
	if err != nil && cause != nil {
		err = fmt.Errorf("%w (after %v): %w", cause, took.Round(time.Millisecond), err)
	}
	return took, err, cause
}
