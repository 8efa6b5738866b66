package consumers

import (
	"context"
	"errors"
	"time"

	"github.com/millrace/millrace/stream"
)

// duplicateDelay is how long an event waits whose twin is being handled.
const duplicateDelay = 2 * time.Second

// admit takes deliveries in hand and sorts them: what is not for this group is acked, what cannot be handled is given up,
// the rest is queued for the workers. A delivery that is in hand already is left alone.
func (r *runner) admit(ctx context.Context, deliveries []stream.Delivery) {
	jobs := make([]*job, 0, len(deliveries))
	bytes := 0
	for _, delivery := range deliveries {
		if lease := r.leases.Hold(delivery.ID, delivery.LeaseEnds); lease != nil {
			bytes += delivery.Size()
			jobs = append(jobs, &job{Delivery: delivery, lease: lease})
		}
	}
	r.slots.take(len(jobs), bytes)
	wanted := jobs[:0:0]
	for _, job := range jobs {
		if r.decode(ctx, job) {
			wanted = append(wanted, job)
		} else {
			r.passBy(ctx, job)
		}
	}
	for _, job := range r.begin(ctx, wanted) {
		r.queue <- job
	}
}

// decode reads the event and tells whether it is for this group.
func (r *runner) decode(ctx context.Context, job *job) bool {
	to := stream.Recipient(job.Entry)
	if to != "" && to != r.options.Name {
		return false
	}
	var err error
	job.event, err = stream.Decode(job.Entry,
		stream.DecodeOptions{Unnamed: r.options.Unnamed, MaxBytes: r.options.MaxEventBytes})
	if err != nil && !errors.As(err, &job.fault) {
		job.fault = &stream.DecodeError{Reason: stream.DeadUndecodable, Hint: err.Error()}
	}
	if to != "" || job.event.Name == "" {
		return true
	}
	if r.subscribes(job.event.Name) {
		return true
	}
	r.set.names.passedBy(ctx, r.options.Name, job.event.Name)
	return false
}

func (r *runner) subscribes(name string) bool {
	for _, pattern := range r.options.Events {
		if stream.MatchName(pattern, name) {
			return true
		}
	}
	return false
}

// passBy acks what is not for this group.
func (r *runner) passBy(ctx context.Context, job *job) {
	job.passed = true
	r.slots.release(1)
	r.acker.add(ctx, job)
}

// begin sets the dedupe markers of jobs, where the group dedupes, and returns those that may start.
func (r *runner) begin(ctx context.Context, jobs []*job) []*job {
	if r.options.Dedupe == 0 || len(jobs) == 0 {
		return jobs
	}
	ctx = context.WithoutCancel(ctx)
	var sound, starting []*job
	var entries []stream.Settled
	for _, job := range jobs {
		if job.fault != nil {
			starting = append(starting, job)
			continue
		}
		sound = append(sound, job)
		entries = append(entries, job.settled())
	}
	markers, err := r.group.Begin(ctx, entries, r.options.Dedupe)
	if err != nil {
		r.health.wrote(err)
		r.handBack(ctx, sound...)
		return starting
	}
	for i, job := range sound {
		switch markers[i] {
		case stream.MarkerDone:
			job.skipped = true
			r.slots.release(1)
			r.acker.add(ctx, job)
		case stream.MarkerRunning:
			r.postpone(ctx, job)
		default:
			starting = append(starting, job)
		}
	}
	return starting
}

// postpone lets an event wait until its twin is settled. The delivery is not counted.
func (r *runner) postpone(ctx context.Context, job *job) {
	release := stream.Release{
		ID: job.ID, Deliveries: job.Deliveries - 1, Delay: duplicateDelay,
		Reason: stream.RetryDuplicate, Error: "another entry with the same event is being handled",
	}
	if job.Note != nil {
		release.Error = job.Note.Error
	}
	if _, err := r.group.Release(ctx, []stream.Release{release}); err != nil {
		r.health.wrote(err)
		r.handBack(ctx, job)
		return
	}
	r.leases.Drop(job.ID)
	r.slots.release(1)
}
