package consumers

import "sync"

// queue is the batches that wait for the workers, the oldest first. A batch wakes one worker, and each one that finds more to do
// than a single job wakes the next: slow jobs have all the workers in no time, while quick ones are done before more workers
// than help have been woken.
type queue struct {
	mu      sync.Mutex
	batches []*batch
	closed  bool
	changed sync.Cond // what a worker without a job waits for
}

func newQueue() *queue {
	q := &queue{}
	q.changed.L = &q.mu
	return q
}

// put adds jobs. It does not block: how many there are is bounded by the slots.
func (q *queue) put(jobs []*job) {
	if len(jobs) == 0 {
		return
	}
	q.mu.Lock()
	q.batches = append(q.batches, &batch{jobs: jobs})
	q.mu.Unlock()
	q.changed.Signal() // now, or who is woken would have to wait for the lock
}

// next returns the first batch that has jobs left, as soon as there is one, or nil when the queue is closed. Other workers
// may have taken those jobs before the caller does.
func (q *queue) next() *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for len(q.batches) > 0 && q.batches[0].left() <= 0 {
			q.batches[0], q.batches = nil, q.batches[1:]
		}
		switch {
		case len(q.batches) > 0:
			if first := q.batches[0]; len(q.batches) > 1 || first.left() > 1 {
				q.changed.Signal()
			}
			return q.batches[0]
		case q.closed:
			return nil
		}
		q.changed.Wait()
	}
}

// close sends the workers home and returns the jobs that none of them has taken.
func (q *queue) close() []*job {
	q.mu.Lock()
	defer q.mu.Unlock()
	var untaken []*job
	for _, batch := range q.batches {
		untaken = append(untaken, batch.rest()...)
	}
	q.batches, q.closed = nil, true
	q.changed.Broadcast()
	return untaken
}
