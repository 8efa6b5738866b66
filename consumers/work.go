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
func (r *runner) work(ctx context.Context, place *atomic.Pointer[handout]) {
	for batch := range r.queue {
		var now time.Time // zero where the clock has to be asked
		for !r.stopping.Load() {
			job := batch.next()
			if job == nil {
				break
			}
			now = r.process(ctx, job, place, now)
			r.slots.release(1)
		}
		if r.stopping.Load() {
			r.handBack(ctx, batch.rest()...)
		}
	}
}

// process takes one job from its start to its outcome. It returns the time at which it is done, if it knows, so that the
// end of one quick handling is the start of the next: asking the clock is a good part of what both cost.
func (r *runner) process(ctx context.Context, job *job, place *atomic.Pointer[handout], now time.Time) (done time.Time) {
	if job.lease.Lost() {
		r.lose(job, nil)
		return time.Time{}
	}
	if job.fault != nil {
		r.settle(ctx, job, verdict{outcome: DeadLettered, reason: job.fault.Reason, err: errors.New(job.fault.Hint)})
		return time.Time{}
	}
	if now.IsZero() {
		now = time.Now()
	}
	id, handed := job.id, job.handed
	handed.job, job.handed, job.started = job, nil, now
	handed.begin(r.working, &job.lease, now.Add(r.options.Timeout))
	place.Store(handed)
	ended, err, cause := r.handle(handed, now)
	took := ended.Sub(now)
	place.Store(nil)
	if !handed.finish() {
		r.returned(id, took)
		return time.Time{}
	}
	handed.job = nil
	job.took = took
	r.slots.handled(took)
	if err == nil {
		r.acker.add(job)
		return ended
	}
	r.settle(ctx, job, judge(err, cause, job.deliveries, r.options.policy(), rand.Float64()))
	return time.Time{}
}

// handle calls the handler, and says when it returned. cause is why its context had ended by then, or nil.
func (r *runner) handle(handed *handout, now time.Time) (ended time.Time, err, cause error) {
	err = r.handler.Handle(&handed.handling, &handed.Delivery)
	ended = time.Now()
	if cause = handed.end(ended); err != nil && cause != nil {
		err = fmt.Errorf("%w (after %v): %w", cause, ended.Sub(now).Round(time.Millisecond), err)
	}
	return ended, err, cause
}
