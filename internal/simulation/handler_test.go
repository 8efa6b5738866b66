package simulation

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/millrace/millrace/consumers"
)

// manner is how one handling goes.
type manner int

const (
	succeeds manner = iota
	fails
	failsForGood
	asksForTime // fails, and says how long to wait
	panics
	obeys   // waits for the end of its context, and fails with its cause
	ignores // does not return before it must be taken for stuck
)

// task is what one handling does: work, and then its manner.
type task struct {
	work   time.Duration
	manner manner
}

// task decides about one delivery of an event to a group: most of them succeed at once.
func (w *world) task(group, eventID string, deliveries int) task {
	random := w.plan.seed.random("task", group, eventID, deliveries)
	drawn := task{work: w.work(random)}
	switch roll := random.Float64() / w.plan.trouble; {
	case roll < 0.40:
		drawn.manner = fails
	case roll < 0.45:
		drawn.manner = failsForGood
	case roll < 0.50:
		drawn.manner = asksForTime
	case roll < 0.65:
		drawn.manner = panics
	case roll < 0.68:
		drawn.manner = obeys
	case roll < 0.70:
		drawn.manner = ignores
	}
	return drawn
}

func (w *world) work(random *rand.Rand) time.Duration {
	switch roll := random.Float64(); {
	case roll < 0.3:
		return 0
	case roll < 0.6:
		return between(random, time.Millisecond, 20*time.Millisecond)
	case roll < 0.9:
		return between(random, 0, w.plan.lease/2)
	default:
		return between(random, w.plan.lease/2, 3*w.plan.lease)
	}
}

// handling is one that began.
type handling struct {
	group, eventID string
	deliveries     int
	process        *process
	started        time.Time
	ended          time.Time // zero while it has not
	succeeded      bool
	givenUp        bool // it ended too late for anybody to hear of it
}

var errTold = errors.New("told to fail")

// handler does the tasks in a process, and writes down when each began and how it ended. What it does after the process
// was killed did not happen.
func (w *world) handler(p *process) consumers.Handler {
	return consumers.HandlerFunc(func(ctx context.Context, delivery *consumers.Delivery) (err error) {
		if p.isDead() {
			return errTold
		}
		begun := &handling{
			group: delivery.Group, eventID: delivery.ID, deliveries: delivery.Deliveries, process: p, started: time.Now(),
		}
		w.begin(begun)
		defer func() {
			recovered := recover()
			w.end(begun, err == nil && recovered == nil)
			if recovered != nil {
				panic(recovered)
			}
		}()
		return w.perform(ctx, p, w.task(delivery.Group, delivery.ID, delivery.Deliveries))
	})
}

func (w *world) perform(ctx context.Context, p *process, todo task) error {
	if err := rest(ctx, p, todo.work); err != nil {
		return err
	}
	switch todo.manner {
	case fails:
		return errTold
	case failsForGood:
		return consumers.Permanent(errTold)
	case asksForTime:
		return consumers.RetryAfter(w.askedTime(), errTold)
	case panics:
		panic(errTold)
	case obeys:
		return rest(ctx, p, time.Hour)
	case ignores:
		return rest(context.Background(), p, w.plan.timeout+stuckAfter+2*time.Second)
	default:
		return nil
	}
}

// askedTime is how long a handler wants to wait that asks for time: more than a lease, which alone keeps others away.
func (w *world) askedTime() time.Duration { return 2 * w.plan.lease }

// rest waits, and ends early with the context or the process.
func rest(ctx context.Context, p *process, pause time.Duration) error {
	if pause == 0 {
		return nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.dead:
		return errTold
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *world) begin(begun *handling) {
	w.handlers.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handlings = append(w.handlings, begun)
}

func (w *world) end(ended *handling, succeeded bool) {
	defer w.handlers.Done()
	if ended.process.isDead() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ended.ended, ended.succeeded = time.Now(), succeeded
}
