package consumers

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/stream"
)

// errStuck is what a handler that does not return is taken to have failed with.
var errStuck = errors.New("the handler ignored the end of its context and was abandoned")

// watch looks once a second for handlers that have ignored the end of their context, and abandons them.
func (r *runner) watch(ctx, life context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			r.health.watching.beat()
			r.abandonOverdue(life, now)
		}
	}
}

func (r *runner) abandonOverdue(life context.Context, now time.Time) {
	for place := range r.places {
		handed := r.places[place].Load()
		if handed != nil && now.Sub(handed.deadline) > abandonAfter {
			r.abandon(life, handed, ErrTimeout)
		}
	}
}

// abandonAll gives up the handlers that have not returned.
func (r *runner) abandonAll(life context.Context) {
	for place := range r.places {
		if handed := r.places[place].Load(); handed != nil {
			r.abandon(life, handed, ErrShutdown)
		}
	}
}

// abandon settles a job in place of its worker, which keeps its place until the handler returns. It does not wait for
// Redis: run does.
func (r *runner) abandon(life context.Context, handed *handout, cause error) {
	if !handed.abandon() {
		return
	}
	job := handed.job
	job.took = time.Since(job.started)
	r.stuck.Add(1)
	r.metrics.stuck.Inc()
	r.log.Error("a handler does not return: its event is retried and its place is lost until it does",
		zap.String("id", job.id.String()), zap.String("event", printable(job.name)), zap.Error(cause))
	verdict := judge(errStuck, cause, job.deliveries, r.options.policy(), rand.Float64())
	r.abandoning.Go(func() { r.settle(life, job, verdict) })
}

// returned is the end of an abandoned handler.
func (r *runner) returned(id stream.ID, took time.Duration) {
	r.stuck.Add(-1)
	r.metrics.stuck.Dec()
	r.log.Info("an abandoned handler has returned", zap.String("id", id.String()), zap.Duration("took", took))
}
