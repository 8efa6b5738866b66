package consumers

import (
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

// job is one delivery on its way from the intake to its outcome. The jobs of one read are made together; each holds
// whatever its handling needs, so that a delivery costs no allocations of its own.
type job struct {
	id         stream.ID
	deliveries int
	note       *stream.Note // of the try before
	lease      claim.Lease

	name    string              // of the event
	eventID string              // of the event
	handed  Delivery            // what the handler gets, who may change it
	fault   *stream.DecodeError // why the event cannot be handled at all, or nil

	handling handling
	state    atomic.Int32
	started  time.Time     // when the handler was called; written before state becomes running
	took     time.Duration // how long it ran
	passed   bool          // the event is not for this group
	skipped  bool          // the event was handled before

	below  *job // the next one down the acker's stack
	height int  // how many jobs the stack holds, this one included
}

// The states of a job. A running one is settled by whoever moves it on: its worker, or the watch.
const (
	queued int32 = iota
	running
	settling
	abandoned
)

func (j *job) start(now time.Time) { j.started = now; j.state.Store(running) }

// finish lets the worker settle the job; false: it was abandoned meanwhile.
func (j *job) finish() bool { return j.state.CompareAndSwap(running, settling) }

// abandon lets the watch settle the job in place of its worker.
func (j *job) abandon() bool { return j.state.CompareAndSwap(running, abandoned) }

// result tells what became of the job.
func (j *job) result(group string, verdict verdict) Result {
	return Result{
		Group: group, EntryID: j.id, Event: j.name, EventID: j.eventID, Deliveries: j.deliveries,
		Outcome: verdict.outcome, Reason: verdict.reason, Err: verdict.err, Delay: verdict.delay,
		Queued: j.queued(), Took: j.took,
	}
}

// queued is how long it was from the XADD to the start of the handler; zero where that was not called.
func (j *job) queued() time.Duration {
	if j.started.IsZero() {
		return 0
	}
	return max(0, j.started.Sub(j.id.Time()))
}

// settled is how package stream knows the job.
func (j *job) settled() stream.Settled {
	return stream.Settled{ID: j.id, Event: j.name, EventID: j.eventID}
}
