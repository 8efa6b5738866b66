package consumers

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/millrace/millrace/stream"
)

// TestQueueOccupiesEveryWorker has jobs that take for ever come in one by one, in batches, and while others wait: as long as
// there is a worker without a job, no job may wait.
func TestQueueOccupiesEveryWorker(t *testing.T) {
	t.Parallel()
	const workers = 16
	for name, sizes := range map[string][]int{
		"a batch for all":    {workers},
		"more than for all":  {workers + 5},
		"one by one":         {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
		"batch behind batch": {5, 5, 5, 5},
		"not for all":        {3, 4},
		"none among others":  {2, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				queue, all := newQueue(), 0
				var busy atomic.Int64
				finish := make(chan struct{})
				var working sync.WaitGroup
				for range workers {
					working.Go(func() {
						for batch := queue.next(); batch != nil; batch = queue.next() {
							for job := batch.next(); job != nil; job = batch.next() {
								busy.Add(1)
								<-finish
							}
						}
					})
				}
				synctest.Wait()
				for _, size := range sizes {
					queue.put(someJobs(size))
					all += size
				}
				synctest.Wait()
				if got, want := busy.Load(), int64(min(all, workers)); got != want {
					t.Errorf("%d of %d jobs are being done by %d workers, want %d", got, all, workers, want)
				}
				close(finish)
				synctest.Wait()
				if got := busy.Load(); got != int64(all) {
					t.Errorf("%d of %d jobs were done in the end", got, all)
				}
				queue.close()
				working.Wait()
			})
		})
	}
}

// TestQueueWakesOneForOneJob counts the workers that are woken while nobody takes the job yet.
func TestQueueWakesOneForOneJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := newQueue()
		var woken atomic.Int64
		var waiting sync.WaitGroup
		for range 4 {
			waiting.Go(func() {
				if queue.next() != nil {
					woken.Add(1)
				}
			})
		}
		synctest.Wait()
		queue.put(someJobs(1))
		synctest.Wait()
		if got := woken.Load(); got != 1 {
			t.Errorf("one job has woken %d workers, want 1", got)
		}
		queue.close()
		waiting.Wait()
	})
}

// TestQueueGivesEachJobOnce closes a queue while workers take from it, and counts.
func TestQueueGivesEachJobOnce(t *testing.T) {
	t.Parallel()
	const workers, batches, size = 8, 40, 50
	for range 50 {
		queue := newQueue()
		taken := make([][]*job, workers)
		var working sync.WaitGroup
		for worker := range workers {
			working.Go(func() {
				for batch := queue.next(); batch != nil; batch = queue.next() {
					for job := batch.next(); job != nil; job = batch.next() {
						taken[worker] = append(taken[worker], job)
					}
				}
			})
		}
		for jobs := range slices.Chunk(someJobs(batches*size), size) {
			queue.put(jobs)
		}
		untaken := queue.close()
		working.Wait()
		counts := map[stream.ID]int{}
		for _, some := range append(taken, untaken) {
			for _, job := range some {
				counts[job.id]++
			}
		}
		for _, job := range someJobs(batches * size) {
			if counts[job.id] != 1 {
				t.Fatalf("job %v was given %d times, want once", job.id, counts[job.id])
			}
		}
	}
}

// TestQueueTakesBackWhatWaits closes a queue while a worker is at the first of its batch's jobs, for long.
func TestQueueTakesBackWhatWaits(t *testing.T) {
	t.Parallel()
	queue := newQueue()
	queue.put(someJobs(20))
	batch := queue.next()
	if batch.next() == nil {
		t.Fatal("the batch has no job")
	}
	if untaken := queue.close(); len(untaken) != 19 || batch.next() != nil || queue.next() != nil {
		t.Errorf("close took back %d jobs, or left one to the workers; want 19 and none", len(untaken))
	}
}

// TestBatchLetsGoOfItsJobs has a worker keep a batch of which all is taken, as one does that waits for the next.
func TestBatchLetsGoOfItsJobs(t *testing.T) {
	t.Parallel()
	batch := &batch{jobs: someJobs(3)}
	for batch.next() != nil {
	}
	if slices.ContainsFunc(batch.jobs, func(job *job) bool { return job != nil }) {
		t.Errorf("the batch keeps jobs in memory that were taken: %v", batch.jobs)
	}
}
