package consumers

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/millrace/millrace/stream"
)

// duplicateDelay is how long an event waits while another entry with the same event is being handled.
const duplicateDelay = 2 * time.Second

// admit takes deliveries in hand and sorts them: what is not for this group is acked, what was handled before is skipped,
// the rest is queued for the workers, or handed back where a read beyond the room (slots.reach) brought too much.
//
// An error means that dedupe markers could not be set; what needed one has been handed back.
func (r *runner) admit(ctx context.Context, deliveries []stream.Delivery, room int) error {
	wanted := r.sort(ctx, deliveries)
	starting, err := r.begin(ctx, wanted)
	fitting := min(room, len(starting))
	r.enqueue(starting[:fitting])
	r.handBack(context.WithoutCancel(ctx), starting[fitting:]...)
	return err
}

// sort takes deliveries in hand, leaving out what is there already, decodes them, and passes by what is not for this group.
// The rest is returned, each with a slot.
func (r *runner) sort(ctx context.Context, deliveries []stream.Delivery) []*job {
	var made handouts
	jobs := r.spare.take(len(deliveries))
	wanted := jobs[:0]
	held, bytes := 0, 0
	for i, job := range jobs {
		delivery := &deliveries[i]
		size := r.sizeOf(delivery)
		if !r.leases.Hold(delivery.ID, size, &job.lease, delivery.LeaseEnds) {
			r.mayHaveLost.Store(true) // the delivery before it is being settled, or was lost: adopt looks again
			continue
		}
		held++
		bytes += size
		job.id, job.deliveries, job.note, job.size = delivery.ID, delivery.Deliveries, delivery.Note, size
		job.handed = made.next(size, len(deliveries)-i)
		if r.decode(ctx, job, delivery.Entry) {
			wanted = append(wanted, job)
		} else {
			job.passed = true
			r.acker.add(job)
		}
	}
	r.slots.take(len(wanted))
	r.slots.sorted(held, len(wanted), bytes)
	return wanted
}

// enqueue gives jobs to the workers.
func (r *runner) enqueue(jobs []*job) {
	r.queue.put(jobs)
	if len(jobs) < r.options.Concurrency {
		runtime.Gosched() // the few that wait are started before the next read is sent
	}
}

// decode reads the event and tells whether it is for this group.
func (r *runner) decode(ctx context.Context, job *job, entry stream.Entry) bool {
	to := stream.Recipient(entry)
	if to != "" && to != r.options.Name {
		r.set.names.addressed(ctx, r.options.Name, to)
		return false
	}
	delivery := &job.handed.Delivery
	delivery.Group, delivery.EntryID, delivery.Deliveries = r.options.Name, job.id, job.deliveries
	err := r.decoder.Decode(entry, &delivery.Event)
	if err != nil && !errors.As(err, &job.fault) {
		job.fault = &stream.DecodeError{Reason: stream.DeadUndecodable, Hint: err.Error()}
	}
	job.name, job.eventID = delivery.Name, delivery.ID
	if to != "" || job.name == "" || r.subscribes(job.name) {
		return true
	}
	r.set.names.passedBy(ctx, r.options.Name, job.name)
	return false
}

func (r *runner) subscribes(name string) bool {
	return slices.ContainsFunc(r.options.Events, func(pattern string) bool { return stream.MatchName(pattern, name) })
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
			r.acker.add(job)
		case stream.MarkerRunning:
			r.postpone(context.WithoutCancel(ctx), job)
		default:
			starting = append(starting, job)
		}
	}
	return starting, nil
}

// postpone lets an event wait until the other entry with it is settled. The delivery is not counted, and the note of an
// earlier try is not made out to be of this one: a suspect stays a suspect.
func (r *runner) postpone(ctx context.Context, job *job) {
	release := stream.Release{
		ID: job.id, Deliveries: job.deliveries, Unstarted: true, Delay: duplicateDelay,
		Reason: stream.RetryDuplicate, Error: "another entry with the same event is being handled",
	}
	if job.note != nil {
		release.Tries, release.Error = job.note.Tries, job.note.Error
	}
	if _, err := r.group.Release(ctx, []stream.Release{release}); err != nil {
		r.handBack(ctx, job)
		return
	}
	r.leases.Drop(&job.lease)
	r.slots.release(1)
}
