package consumers

import (
	"go.uber.org/zap"

	"github.com/millrace/millrace/stream"
)

// OutcomeLogger is the name of the logger that says what became of single deliveries, so that a program which shows that in
// another way, by Options.Observe, can leave those lines out.
const OutcomeLogger = "outcome"

// acked is told which jobs Redis has confirmed.
func (r *runner) acked(jobs []*job) {
	r.metrics.countAcked(jobs)
	if r.options.Emit.Acked != "" {
		r.countFollowUps(jobs)
	}
	if r.set.options.Observe != nil || r.outcome.Core().Enabled(zap.DebugLevel) {
		r.tellAcked(jobs)
	}
	r.spare.put(jobs)
}

func (r *runner) tellAcked(jobs []*job) {
	for _, job := range jobs {
		switch {
		case job.passed:
		case job.skipped:
			r.tellOutcome(r.resultOf(job, verdict{outcome: Skipped}))
		default:
			r.tellOutcome(r.resultOf(job, verdict{outcome: Acked}))
		}
	}
}

// ackedTooLate is told of a job that another consumer owned before it could be acked.
func (r *runner) ackedTooLate(job *job) {
	if job.passed {
		r.metrics.passedBy.Inc() // nothing was done that could be repeated
		return
	}
	r.lose(job, nil)
}

// report counts the end of a delivery and tells of it.
func (r *runner) report(result Result) {
	r.metrics.count(result)
	if result.FollowUp != "" {
		r.metrics.followUps.WithLabelValues(string(result.Outcome)).Inc()
	}
	r.tellOutcome(result)
}

// tellOutcome logs the end of a delivery, and tells the observer.
func (r *runner) tellOutcome(result Result) {
	r.logResult(result)
	if r.set.options.Observe != nil {
		r.set.options.Observe(result)
	}
}

func (r *runner) logResult(result Result) {
	fields := []zap.Field{
		zap.String("id", result.EntryID.String()), zap.String("event", printable(result.Event)),
		zap.String("event_id", printable(result.EventID)), zap.Int("deliveries", result.Deliveries),
	}
	if result.Err != nil {
		fields = append(fields, zap.String("reason", result.Reason), zap.String("error", printable(result.Err.Error())))
	}
	switch result.Outcome {
	case Retried:
		r.outcome.Warn("retried later", append(fields, zap.Duration("in", result.Delay))...)
	case DeadLettered:
		r.outcome.Error("gave up: the event is a dead letter now", fields...)
	case Lost:
		r.outcome.Warn("lost the lease: another consumer owns the entry now", fields...)
	case Acked, Skipped:
		r.outcome.Debug(string(result.Outcome), append(fields, zap.Duration("took", result.Took))...)
	}
}

// printable makes text from outside fit for a line of a log.
func printable(text string) string {
	const most = 512
	text = stream.CleanError(text)
	if len(text) > most {
		text = stream.CleanError(text[:most]) + "..."
	}
	return text
}
