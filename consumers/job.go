package consumers

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

// job is one delivery on its way from the intake to its outcome. Those that were acked are used again, so that a delivery
// costs little more memory than its event and what the handler gets.
type job struct {
	id         stream.ID
	deliveries int
	note       *stream.Note // of the try before
	lease      claim.Lease

	name    string              // of the event
	eventID string              // of the event
	handed  *handout            // what the handler gets; nil from then on
	fault   *stream.DecodeError // why the event cannot be handled at all, or nil

	started time.Time     // when the handler was called
	took    time.Duration // how long it ran
	passed  bool          // the event is not for this group
	skipped bool          // the event was handled before
	size    int           // of the event in bytes
	kept    string        // what the handler left as its result, where the group keeps that
	cut     bool          // what follows the event was not added, since the chain is too long

	below  *job         // the next one down the acker's stack
	height atomic.Int32 // about how many jobs the stack held when this one came, this one included
}

// handout is what a handler gets, who may keep and change it. It is never used again, and nothing leads from it to its job
// when the handling is over, or from the job to it once the handling has begun: what somebody keeps would keep, from
// handout to job to handout, whatever came before it.
type handout struct {
	Delivery
	handling
	job   *job // while the handler runs; whoever moves the state on may use it, and nobody else
	state atomic.Int32
}

// handoutsAtOnce is how many handouts are made together. Whoever keeps one of them, as a slow handler does, keeps all of
// those in memory, and the events that they hold; so that of an event with more bytes than largestTogether is made alone.
const (
	handoutsAtOnce  = 60
	largestTogether = 4 << 10
)

// handouts are those that were made and not used yet.
type handouts []handout

// next returns a handout for an event of so many bytes; so many are still wanted, this one included.
func (h *handouts) next(bytes, wanted int) *handout {
	if bytes > largestTogether {
		return &handout{}
	}
	if len(*h) == 0 {
		*h = make([]handout, min(handoutsAtOnce, wanted))
	}
	made := &(*h)[0]
	*h = (*h)[1:]
	return made
}

// The states of a handout that was handed out: running is settled by whoever moves it on, its worker or the watch.
const (
	running int32 = iota
	settling
	abandoned
)

// finish lets the worker settle the job; false: it was abandoned meanwhile.
func (h *handout) finish() bool { return h.state.CompareAndSwap(running, settling) }

// abandon lets the watch settle the job in place of its worker.
func (h *handout) abandon() bool { return h.state.CompareAndSwap(running, abandoned) }

// queued is how long it was from the XADD to the start of the handler; zero where that was not called.
func (j *job) queued() time.Duration {
	if j.started.IsZero() {
		return 0
	}
	return max(0, j.started.Sub(j.id.Time()))
}

// settled is how package stream knows the job.
func (j *job) settled() stream.Settled {
	return stream.Settled{ID: j.id, Event: j.name, EventID: j.eventID, Result: j.kept}
}

// forget makes the job one that may be used again, and lets go of what it leads to. Its ID, its deliveries, its size and
// its lease are set when it is.
func (j *job) forget() {
	j.note, j.name, j.eventID, j.handed, j.fault = nil, "", "", nil, nil
	j.started, j.took, j.passed, j.skipped, j.kept, j.cut = time.Time{}, 0, false, false, "", false
}

// mostSpare is how many jobs are kept to be used again: as many as a group of fast handlers has in hand.
const mostSpare = 3 * bufferEntries

// spareJobs are jobs to be used again, while there is work.
type spareJobs struct {
	mu   sync.Mutex
	jobs []*job
}

// take returns count jobs, new ones where there are not enough.
func (s *spareJobs) take(count int) []*job {
	jobs := make([]*job, count)
	s.mu.Lock()
	left := max(0, len(s.jobs)-count)
	again := copy(jobs, s.jobs[left:])
	clear(s.jobs[left:])
	s.jobs = s.jobs[:left]
	s.mu.Unlock()
	for i := again; i < count; i++ {
		jobs[i] = &job{} // one by one, or those that stay in use would keep the others in memory
	}
	return jobs
}

// put takes back jobs that nobody holds any more.
func (s *spareJobs) put(jobs []*job) {
	for _, job := range jobs {
		job.forget()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = append(s.jobs, jobs[:min(len(jobs), mostSpare-len(s.jobs))]...)
}

// drop lets go of the memory.
func (s *spareJobs) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = nil
}
