package consumers

import (
	"cmp"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/stream"
)

// keepResults is how long a group keeps what its handler leaves; zero is not at all.
func keepResults(options GroupOptions, retention time.Duration) time.Duration {
	if !options.KeepResults {
		return 0
	}
	return cmp.Or(retention, DefaultKeepResults)
}

// resultOf tells what became of the job.
func (r *runner) resultOf(job *job, verdict verdict) Result {
	return Result{
		Group: r.options.Name, EntryID: job.id, Event: job.name, EventID: job.eventID, Deliveries: job.deliveries,
		Outcome: verdict.outcome, Reason: verdict.reason, Err: verdict.err, Delay: verdict.delay,
		Queued: job.queued(), Took: job.took, FollowUp: r.followUp(verdict.outcome, job.cut),
	}
}

// followUp is the event that was added with an outcome, or "".
func (r *runner) followUp(outcome Outcome, cut bool) string {
	switch {
	case cut:
		return ""
	case outcome == Acked:
		return r.options.Emit.Acked
	case outcome == DeadLettered:
		return r.options.Emit.DeadLettered
	default:
		return ""
	}
}

// countFollowUps counts what was added with the acks of jobs, together, and tells of what was not.
func (r *runner) countFollowUps(jobs []*job) {
	added := 0
	for _, job := range jobs {
		switch {
		case job.passed || job.skipped:
		case job.cut:
			r.reportCut(job.id)
		default:
			added++
		}
	}
	r.metrics.followUps.WithLabelValues(string(Acked)).Add(float64(added))
}

// reportCut tells that nothing follows an entry.
func (r *runner) reportCut(id stream.ID) {
	r.metrics.cut.Inc()
	r.log.Error("an event that follows was not added: it is at the end of a long chain of such events; do handlers cause one "+
		"another's events without end?", zap.String("id", id.String()))
}

// resultsKept is told why the last results were not kept, or nil. A change of that is logged.
func (r *runner) resultsKept(err error) {
	if was := r.unkept.Swap(err != nil); was == (err != nil) {
		return
	}
	if err == nil {
		r.log.Info("results are kept again")
	} else {
		r.log.Warn("results are not kept: Redis refuses them; the events are acked all the same", zap.Error(err))
	}
}
