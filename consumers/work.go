package consumers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/stream"
)

// errGoexit is what a handler is taken to have failed with that ended the goroutine it was called in.
var errGoexit = errors.New("the handler ended its goroutine in place of returning: runtime.Goexit, or FailNow of a test")

// work is one worker: it works off rest, and then the batches in the queue until that is closed. place shows what it works
// on. Where a handler ends the goroutine, another one goes on from there.
func (r *runner) work(ctx context.Context, workers *sync.WaitGroup, place *atomic.Pointer[handout], rest *batch) {
	defer func() {
		if place.Load() != nil {
			r.conclude(ctx, place, errGoexit)
			r.slots.release(1)
			workers.Go(func() { r.work(ctx, workers, place, rest) })
		}
	}()
	r.workOff(ctx, place, rest)
	for rest = r.queue.next(); rest != nil; rest = r.queue.next() {
		r.workOff(ctx, place, rest)
	}
}

func (r *runner) workOff(ctx context.Context, place *atomic.Pointer[handout], batch *batch) {
	var now time.Time // zero where the clock has to be asked
	for !r.stopping.Load() {
		job := batch.next()
		if job == nil {
			return
		}
		now = r.process(ctx, job, place, now)
		r.slots.release(1)
	}
	r.handBack(ctx, batch.rest()...)
}

// process takes one job from its start to its outcome. It returns the time at which it is done, if it knows, so that the
// end of one quick handling is the start of the next: asking the clock is a good part of what both cost.
func (r *runner) process(ctx context.Context, job *job, place *atomic.Pointer[handout], now time.Time) (done time.Time) {
	if now.IsZero() {
		now = time.Now()
	}
	switch {
	case job.lease.Lost():
		r.lose(job, nil)
		return time.Time{}
	case job.lease.Ended(now):
		r.forgo(job)
		return time.Time{}
	case job.fault != nil:
		r.settle(ctx, job, verdict{outcome: DeadLettered, reason: job.fault.Reason, err: errors.New(job.fault.Hint)})
		return time.Time{}
	}
	handed := job.handed
	handed.job, job.handed, job.started = job, nil, now
	handed.begin(r.working, &job.lease, now.Add(r.options.Timeout))
	place.Store(handed)
	return r.conclude(ctx, place, r.handler.Handle(&handed.handling, &handed.Delivery))
}

// conclude settles what the handler was given that is shown at place and has ended with err, unless that was abandoned
// meanwhile. It returns the time, where nothing has taken any since.
func (r *runner) conclude(ctx context.Context, place *atomic.Pointer[handout], err error) (done time.Time) {
	ended := time.Now()
	handed := place.Swap(nil)
	took := ended.Sub(handed.deadline) + r.options.Timeout
	cause := handed.end(ended)
	if !handed.finish() {
		r.returned(handed.EntryID, took)
		return time.Time{}
	}
	job := handed.job
	handed.job, job.took = nil, took
	r.slots.handled(took)
	if err == nil {
		if r.options.KeepResults {
			job.kept = stream.CutResult(handed.Result)
		}
		r.acker.add(job)
		return ended
	}
	if cause != nil {
		err = fmt.Errorf("%w (after %v): %w", cause, took.Round(time.Millisecond), err)
	}
	r.settle(ctx, job, judge(err, cause, job.deliveries, r.options.policy(), rand.Float64()))
	return time.Time{}
}
