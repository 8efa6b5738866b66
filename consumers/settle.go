package consumers

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/stream"
)

// settle carries out a verdict. Only an ack leaves the worker before Redis has confirmed it: the acker sees to it.
func (r *runner) settle(ctx context.Context, job *job, verdict verdict) {
	switch verdict.outcome {
	case Acked:
		r.acker.add(job)
		return
	case Lost:
		r.lose(job, verdict.err)
		return
	}
	owned, repeated, err := r.persist(ctx, job, verdict)
	switch {
	case stream.IsNoGroup(err) || err == nil && !owned:
		r.lose(job, verdict.err)
	case err != nil:
		r.letGo(ctx, job, err)
	default:
		r.leases.Drop(&job.lease)
		if repeated { // the first try may have been carried out, and a sweep of ours have taken the entry up since
			r.mayHaveLost.Store(true)
		}
		r.report(r.resultOf(job, verdict))
		if job.cut {
			r.reportCut(job.id)
		}
	}
}

// mostRefusals is how often Redis may refuse to settle an entry before its worker turns to the next one.
const mostRefusals = 5

// persist writes a verdict, again and again until Redis has taken it, refuses it for good, or ctx ends. An entry that a
// repeat finds in other hands counts as owned while the lease runs, since nobody could take it: an earlier try was carried
// out, and its reply was lost.
func (r *runner) persist(ctx context.Context, job *job, verdict verdict) (owned, repeated bool, err error) {
	tries, refusals := 0, 0
	var last error
	err = insist(ctx, time.Second, func() error {
		tries++
		owned, last = r.write(ctx, job, verdict)
		r.settled(last)
		if stream.IsRefusal(last) {
			refusals++
		}
		if refusals == mostRefusals {
			return nil
		}
		return last
	})
	return owned || tries > 1 && !job.lease.Ended(time.Now()), tries > 1, cmp.Or(err, last)
}

// settled is told how the last attempt to settle a failure went.
func (r *runner) settled(err error) {
	r.health.settling.set(err)
	r.tell("settling", err)
}

// letGo leaves an entry that cannot be settled to a later try, which finds out again what becomes of it.
func (r *runner) letGo(ctx context.Context, job *job, cause error) {
	r.log.Error("could not settle an entry: it will be handled again", zap.String("id", job.id.String()), zap.Error(cause))
	_, err := r.retry(ctx, job, verdict{
		reason: stream.RetryFailed, delay: r.options.Backoff.Max, err: fmt.Errorf("could not be settled: %w", cause),
	})
	r.leases.Drop(&job.lease)
	if err != nil {
		r.mayHaveLost.Store(true)
	}
}

// write tells Redis to retry the job later or to make a dead letter of it. owned is false where the entry was lost.
func (r *runner) write(ctx context.Context, job *job, verdict verdict) (owned bool, err error) {
	if verdict.outcome == Retried {
		return r.retry(ctx, job, verdict)
	}
	given, err := r.group.GiveUp(ctx, stream.GiveUp{
		ID: job.id, Reason: verdict.reason, Error: verdict.err.Error(),
		Event: job.name, EventID: job.eventID, Deduped: r.options.Dedupe > 0, Deliveries: job.deliveries,
	})
	job.cut = given.Cut
	return given.Owned, err
}

func (r *runner) retry(ctx context.Context, job *job, verdict verdict) (owned bool, err error) {
	lost, err := r.group.Release(ctx, []stream.Release{{
		ID: job.id, Deliveries: job.deliveries, Delay: verdict.delay,
		Tries: job.deliveries, Reason: verdict.reason, Error: verdict.err.Error(),
	}})
	return len(lost) == 0, err
}

// forgo lets go of an entry that was not started and that another consumer may own, as after a pause of this process. If
// nobody has taken it, it is taken up again.
func (r *runner) forgo(job *job) {
	r.leases.Drop(&job.lease)
	r.mayHaveLost.Store(true)
}

// lose lets go of an entry that another consumer owns. It may have come back under this consumer's name meanwhile.
func (r *runner) lose(job *job, err error) {
	r.leases.Drop(&job.lease)
	r.mayHaveLost.Store(true)
	r.report(r.resultOf(job, verdict{outcome: Lost, err: err}))
}
