package consumers

import "sync/atomic"

// batch is jobs that came in together and wait for a worker. Several workers share it, each taking the next job as soon as
// it has done the one before, so that a slow job keeps no other one waiting.
type batch struct {
	jobs  []*job
	taken atomic.Int64 // how many jobs were taken; beyond len(jobs) by those who came too late
}

// next takes the next job; nil: all are taken. The batch lets go of it, since a worker that waits for another keeps its last one.
func (b *batch) next() *job {
	at := b.taken.Add(1)
	if at > int64(len(b.jobs)) {
		return nil
	}
	job := b.jobs[at-1]
	b.jobs[at-1] = nil
	return job
}

// left is how many jobs nobody has taken; zero or less is none.
func (b *batch) left() int { return len(b.jobs) - int(b.taken.Load()) }

// rest takes all jobs that are left.
func (b *batch) rest() []*job {
	all := int64(len(b.jobs))
	return b.jobs[min(b.taken.Swap(all), all):]
}
