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
//
// An error means that dedupe markers could not be set; what needed one has been handed back.
func (r *runner) admit(ctx context.Context, deliveries []stream.Delivery) error {
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
	r.slots.sorted(len(jobs), len(wanted))
	starting, err := r.begin(ctx, wanted)
	if over := min(r.slots.over(), len(starting)); over > 0 {
		r.handBack(context.WithoutCancel(ctx), starting[len(starting)-over:]...)
		starting = starting[:len(starting)-over]
	}
	for i, job := range starting {
		select {
		case r.queue <- job:
		case <-ctx.Done():
			r.handBack(context.WithoutCancel(ctx), starting[i:]...)
			return err
		}
	}
	return err
}

// decode reads the event and tells whether it is for this group.
func (r *runner) decode(ctx context.Context, job *job) bool {
	to := stream.Recipient(job.Entry)
	if to != "" && to != r.options.Name {
		r.set.names.addressed(ctx, r.options.Name, to)
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
	r.acker.add(ctx, job, r.health.intake.beat)
}

// begin sets the dedupe markers of jobs, where the group dedupes, and returns those that may start.
func (r *runner) begin(ctx context.Context, jobs []*job) (starting []*job, err error) {
	if r.options.Dedupe == 0 || len(jobs) == 0 {
		return jobs, nil
	}
	var sound []*job
	var entries []stream.Settled
	for _, job := range jobs {
		if job.fault != nil {
			starting = append(starting, job)
			continue
		}
		sound = append(sound, job)
		entries = append(entries, job.settled())
	}
	markers, err := r.group.Begin(context.WithoutCancel(ctx), entries, r.options.Dedupe)
	if err != nil {
		r.handBack(context.WithoutCancel(ctx), sound...)
		return starting, err
	}
	for i, job := range sound {
		switch markers[i] {
		case stream.MarkerDone:
			job.skipped = true
			r.slots.release(1)
			r.acker.add(ctx, job, r.health.intake.beat)
		case stream.MarkerRunning:
			r.postpone(context.WithoutCancel(ctx), job)
		default:
			starting = append(starting, job)
		}
	}
	return starting, nil
}

// postpone lets an event wait until its twin is settled. The delivery is not counted, and the note of an earlier try is
// not made out to be of this one: a suspect stays a suspect.
func (r *runner) postpone(ctx context.Context, job *job) {
	release := stream.Release{
		ID: job.ID, Deliveries: job.Deliveries - 1, Delay: duplicateDelay,
		Reason: stream.RetryDuplicate, Error: "another entry with the same event is being handled",
	}
	if job.Note != nil {
		release.Tries, release.Error = job.Note.Tries, job.Note.Error
	}
	if _, err := r.group.Release(ctx, []stream.Release{release}); err != nil {
		r.handBack(ctx, job)
		return
	}
	r.leases.Drop(job.ID)
	r.slots.release(1)
}
