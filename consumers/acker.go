package consumers

import (
	"context"
	"slices"
	"time"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

const (
	// ackBatch is how many acks go in one command at most.
	ackBatch = 500
	// ackDelay is how long an ack waits for company.
	ackDelay = 2 * time.Millisecond
	// scriptBatch is how many entries one script settles at most, so that it holds up the server for half a millisecond.
	scriptBatch = 100
)

// acker acks what has succeeded, in batches, and does not let go before Redis has confirmed it.
type acker struct {
	group  *stream.Group
	leases *claim.Leases
	dedupe time.Duration
	queue  chan *job
	report func(error)         // how the last attempt went
	acked  func(*job, Outcome) // Acked or Lost, once for each job
}

func newAcker(group *stream.Group, leases *claim.Leases, dedupe time.Duration) *acker {
	return &acker{group: group, leases: leases, dedupe: dedupe, queue: make(chan *job, 2*ackBatch)}
}

// add has the job acked. It blocks while the acks before it are not confirmed, and calls alive every now and then; after
// ctx has ended the job stays pending.
func (a *acker) add(ctx context.Context, job *job, alive func()) {
	select {
	case a.queue <- job:
		return
	default:
	}
	ticker := time.NewTicker(patience)
	defer ticker.Stop()
	for {
		select {
		case a.queue <- job:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
			alive()
		}
	}
}

// run acks what was added until last is closed, and then what is still in the queue. What is not confirmed when ctx ends
// stays pending.
func (a *acker) run(ctx context.Context, last <-chan struct{}) {
	timer := time.NewTimer(ackDelay)
	defer timer.Stop()
	for {
		select {
		case first := <-a.queue:
			a.flush(ctx, a.collect(first, timer))
			continue
		default:
		}
		select {
		case first := <-a.queue:
			a.flush(ctx, a.collect(first, timer))
		case <-last:
			return
		}
	}
}

// collect gathers what is ready within ackDelay; where nothing else is in hand there is nothing to wait for.
func (a *acker) collect(first *job, timer *time.Timer) []*job {
	batch := []*job{first}
	timer.Reset(ackDelay)
	for len(batch) < ackBatch && len(batch) < a.leases.Count() {
		select {
		case next := <-a.queue:
			batch = append(batch, next)
		case <-timer.C:
			return batch
		}
	}
	return batch
}

// flush acks the batch, again and again until Redis has confirmed all of it, the group is gone or ctx ends. Jobs that go the
// same way go together; the way is looked at anew before each attempt, since a lease may have ended meanwhile.
func (a *acker) flush(ctx context.Context, batch []*job) {
	repeated := false
	err := insist(ctx, func() error {
		for len(batch) > 0 {
			way, some, rest := a.split(batch)
			lost, err := a.ack(ctx, way, some)
			if a.report(err); err != nil {
				repeated = true
				return err
			}
			a.confirm(some, lost, repeated)
			batch, repeated = rest, false
		}
		return nil
	})
	if stream.IsNoGroup(err) {
		a.confirm(batch, entryIDs(batch), false)
	}
}

// The ways of an ack: what it costs depends on what beside the entry has to change, and on whether the lease still runs.
const (
	plainly     = iota // XACK: nobody else can own the entry
	asOwner            // a script that checks the owner, and drops the note of an earlier try
	markingDone        // the same, which sets the dedupe marker too
)

func (a *acker) wayOf(job *job) int {
	switch {
	case a.dedupe > 0 && !job.passed && !job.skipped:
		return markingDone
	case job.Note != nil || job.lease.Ended(time.Now()):
		return asOwner
	default:
		return plainly
	}
}

// split takes off the jobs that go the way of the first one, at most scriptBatch of them where that is a script.
func (a *acker) split(batch []*job) (way int, some, rest []*job) {
	way = a.wayOf(batch[0])
	most := len(batch)
	if way != plainly {
		most = scriptBatch
	}
	for _, job := range batch {
		if len(some) < most && a.wayOf(job) == way {
			some = append(some, job)
		} else {
			rest = append(rest, job)
		}
	}
	return way, some, rest
}

func (a *acker) ack(ctx context.Context, way int, jobs []*job) (lost []stream.ID, err error) {
	if way == plainly {
		_, err := a.group.Ack(ctx, entryIDs(jobs))
		return nil, err
	}
	settled := make([]stream.Settled, len(jobs))
	for i, job := range jobs {
		settled[i] = job.settled()
	}
	if way == markingDone {
		return a.group.AckOwned(ctx, settled, a.dedupe)
	}
	return a.group.AckOwned(ctx, settled, 0)
}

// confirm lets go of jobs. What a repeat finds lost while its lease runs was acked by an earlier try, whose reply was lost.
func (a *acker) confirm(jobs []*job, lost []stream.ID, repeated bool) {
	a.leases.Drop(entryIDs(jobs)...)
	for _, job := range jobs {
		outcome := Acked
		if slices.Contains(lost, job.ID) && (!repeated || job.lease.Ended(time.Now())) {
			outcome = Lost
		}
		a.acked(job, outcome)
	}
}

func entryIDs(jobs []*job) []stream.ID {
	ids := make([]stream.ID, len(jobs))
	for i, job := range jobs {
		ids[i] = job.ID
	}
	return ids
}
