package consumers

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

const (
	// ackBatch is how many acks go in one command at most, so that it holds up the server for half a millisecond.
	ackBatch = 1000
	// ackDelay is how long an ack waits for company. One that went at once would go before the same event comes to the groups
	// whose turn is after this one's, and hold it up.
	ackDelay = 2 * time.Millisecond
	// ackPauseMax bounds the pause after an ack that failed. What is done already should not have to be done again because
	// its process dies just after an outage.
	ackPauseMax = 200 * time.Millisecond
	// scriptBatch is how many entries one script settles at most, to the same end, and scriptBytes how many bytes they have
	// where the script reads them, but for the first one.
	scriptBatch = 100
	scriptBytes = 1 << 20
)

// acker acks what has succeeded, in batches, and does not let go before Redis has confirmed it.
type acker struct {
	group  *stream.Group
	leases *claim.Leases
	dedupe time.Duration
	// emits tells that an event follows each ack, and results is how long what handlers leave is kept.
	emits   bool
	results time.Duration
	top     atomic.Pointer[job] // of the stack of jobs that wait for their ack
	urgent  atomic.Bool         // somebody waits for the next ack, which waits for no company
	wake    chan struct{}       // holds a token when the stack has got its first job, or a full batch
	report  func(error)         // how the last attempt went
	acked   func([]*job)        // what Redis has confirmed
	lost    func(*job)          // what another consumer owned before
	unkept  func(error)         // why Redis did not keep a result of the last attempt, or nil

	// What the batches are gathered in, one after the other; for run alone.
	jobs []*job
	ids  []stream.ID
	held []*claim.Lease
}

func newAcker(group *stream.Group, leases *claim.Leases, dedupe time.Duration) *acker {
	return &acker{group: group, leases: leases, dedupe: dedupe, wake: make(chan struct{}, 1)}
}

// add has the job acked. It does not block: how much waits for its ack is bounded by the intake. The stack needs no lock,
// since jobs are only ever added one by one and taken all together.
func (a *acker) add(job *job) {
	height := int32(0)
	for added := false; !added; {
		job.below, height = a.top.Load(), 1
		if job.below != nil {
			height += job.below.height.Load()
		}
		job.height.Store(height)
		added = a.top.CompareAndSwap(job.below, job)
	}
	if height == 1 || height == ackBatch {
		signal(a.wake)
	}
}

// run acks what was added until last is closed, and then what is still there. What is not confirmed when ctx ends stays
// pending.
func (a *acker) run(ctx context.Context, last <-chan struct{}) {
	timer := time.NewTimer(ackDelay)
	defer timer.Stop()
	for {
		select {
		case <-a.wake:
			a.gather(timer)
			a.flush(ctx, a.take())
		case <-last:
			a.flush(ctx, a.take())
			return
		}
	}
}

// hurry is for whoever cannot go on before something is acked.
func (a *acker) hurry() {
	a.urgent.Store(true)
	signal(a.wake)
}

// gather waits for company, until a batch is full or for ackDelay, unless it is urgent.
func (a *acker) gather(timer *time.Timer) {
	if top := a.top.Load(); top == nil || a.urgent.Swap(false) || top.height.Load() >= ackBatch {
		return
	}
	timer.Reset(ackDelay)
	select {
	case <-a.wake:
	case <-timer.C:
	}
}

// take empties the stack, the oldest job first: an XACK that goes through a pending list from its beginning costs Redis
// half of what it does backwards. What take returns is good until it is called again.
func (a *acker) take() []*job {
	a.jobs = a.jobs[:0]
	for top := a.top.Swap(nil); top != nil; {
		a.jobs = append(a.jobs, top)
		top, top.below = top.below, nil // or a job that lives long would keep every one before it in memory
	}
	slices.Reverse(a.jobs)
	return a.jobs
}

// flush acks jobs, again and again until Redis has confirmed all of them, the group is gone or ctx ends. Jobs that go the
// same way go together; the way is looked at anew before each attempt, since a lease may have ended meanwhile.
func (a *acker) flush(ctx context.Context, jobs []*job) {
	if len(jobs) == 0 {
		return
	}
	repeated := false
	err := insist(ctx, ackPauseMax, func() error {
		for len(jobs) > 0 {
			way, some := a.split(jobs, time.Now())
			lost, err := a.ack(ctx, way, some)
			if a.report(err); err != nil {
				repeated = true
				return err
			}
			a.confirm(some, lost, repeated)
			jobs, repeated = jobs[len(some):], false
		}
		return nil
	})
	if stream.IsNoGroup(err) {
		a.confirm(jobs, entryIDs(jobs), false)
	}
	clear(a.jobs) // an idle group keeps nothing in memory
}

// The ways of an ack: what it costs depends on what beside the entry has to change, and on whether the lease still runs.
const (
	plainly     = iota // XACK: nobody else can own the entry
	asOwner            // a script that checks the owner, and drops the note of an earlier try
	markingDone        // the same, which sets the dedupe marker too
	following          // a script that does all this, and adds the event that follows and the result
)

func (a *acker) wayOf(job *job, now time.Time) int {
	handled := !job.passed && !job.skipped
	switch {
	case handled && (a.emits || job.kept != ""):
		return following
	case handled && a.dedupe > 0:
		return markingDone
	case job.note != nil || job.lease.Ended(now):
		return asOwner
	default:
		return plainly
	}
}

// split puts the jobs first that go the way of the first one, and returns as many of them as one command may name.
func (a *acker) split(jobs []*job, now time.Time) (way int, some []*job) {
	way = a.wayOf(jobs[0], now)
	same := 0
	for i, job := range jobs {
		if a.wayOf(job, now) == way {
			jobs[same], jobs[i] = jobs[i], jobs[same]
			same++
		}
	}
	switch way {
	case plainly:
		return way, jobs[:min(same, ackBatch)]
	case following:
		return way, jobs[:bearable(jobs[:min(same, scriptBatch)])]
	default:
		return way, jobs[:min(same, scriptBatch)]
	}
}

// bearable is how many of the jobs one script may read: at least one.
func bearable(jobs []*job) int {
	bytes := 0
	for i, job := range jobs {
		if bytes += job.size; bytes > scriptBytes {
			return max(1, i)
		}
	}
	return len(jobs)
}

func (a *acker) ack(ctx context.Context, way int, jobs []*job) (lost []stream.ID, err error) {
	if way == plainly {
		a.ids = a.ids[:0]
		for _, job := range jobs {
			a.ids = append(a.ids, job.id)
		}
		_, err := a.group.Ack(ctx, a.ids)
		return nil, err
	}
	settled := make([]stream.Settled, len(jobs))
	for i, job := range jobs {
		settled[i] = job.settled()
	}
	switch way {
	case following:
		return a.follow(ctx, jobs, settled)
	case markingDone:
		return a.group.AckOwned(ctx, settled, a.dedupe)
	default:
		return a.group.AckOwned(ctx, settled, 0)
	}
}

// follow acks jobs together with what follows them.
func (a *acker) follow(ctx context.Context, jobs []*job, settled []stream.Settled) (lost []stream.ID, err error) {
	settlement, err := a.group.Settle(ctx, settled, stream.Keep{Markers: a.dedupe, Results: a.results})
	if err != nil {
		return nil, err
	}
	for _, job := range jobs {
		job.cut = slices.Contains(settlement.Cut, job.id)
	}
	if slices.ContainsFunc(jobs, func(job *job) bool { return job.kept != "" }) {
		a.unkept(settlement.Refused)
	}
	return settlement.Lost, nil
}

// confirm lets go of jobs. What a repeat finds lost while its lease runs was acked by an earlier try, whose reply was lost.
func (a *acker) confirm(jobs []*job, lost []stream.ID, repeated bool) {
	a.held = a.held[:0]
	for _, job := range jobs {
		a.held = append(a.held, &job.lease)
	}
	a.leases.Drop(a.held...)
	clear(a.held)
	if len(lost) == 0 {
		a.acked(jobs)
		return
	}
	now := time.Now()
	var acked []*job
	for _, job := range jobs {
		if slices.Contains(lost, job.id) && (!repeated || job.lease.Ended(now)) {
			a.lost(job)
		} else {
			acked = append(acked, job)
		}
	}
	a.acked(acked)
}

func entryIDs(jobs []*job) []stream.ID {
	ids := make([]stream.ID, len(jobs))
	for i, job := range jobs {
		ids[i] = job.id
	}
	return ids
}

func leasesOf(jobs []*job) []*claim.Lease {
	leases := make([]*claim.Lease, len(jobs))
	for i, job := range jobs {
		leases[i] = &job.lease
	}
	return leases
}
