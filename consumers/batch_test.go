package consumers

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

// thief is a group in which every lease is lost.
type thief struct{}

func (thief) Renew(_ context.Context, ids []stream.ID) (lost []stream.ID, err error) { return ids, nil }

func (thief) Lease() time.Duration { return time.Second }

// holdOne takes one entry in hand.
func holdOne(leases *claim.Leases) *claim.Lease {
	lease := &claim.Lease{}
	leases.Hold(stream.ID{Ms: 1}, 0, lease, time.Now().Add(time.Second))
	return lease
}

// someJobs are n jobs with the IDs 1 to n.
func someJobs(n int) []*job {
	jobs := make([]*job, n)
	for i := range jobs {
		jobs[i] = &job{id: stream.ID{Ms: uint64(i + 1)}}
	}
	return jobs
}

// TestBatchIsShared lets many workers take jobs while the rest is taken back, and counts.
func TestBatchIsShared(t *testing.T) {
	t.Parallel()
	const all, workers = 2000, 8
	for round := range 50 {
		batch := &batch{jobs: someJobs(all)}
		taken := make([][]*job, workers+1)
		var working sync.WaitGroup
		for worker := range workers {
			working.Go(func() {
				for job := batch.next(); job != nil; job = batch.next() {
					taken[worker] = append(taken[worker], job)
				}
			})
		}
		if round%2 == 0 {
			working.Go(func() { taken[workers] = batch.rest() })
		}
		working.Wait()
		counts := map[stream.ID]int{}
		for _, some := range taken {
			for _, job := range some {
				counts[job.id]++
			}
		}
		for id, count := range counts {
			if count != 1 {
				t.Fatalf("job %v was taken %d times", id, count)
			}
		}
		if len(counts) != all {
			t.Fatalf("%d of %d jobs were taken", len(counts), all)
		}
		if left := batch.rest(); len(left) > 0 || batch.next() != nil {
			t.Fatalf("%d jobs are left of a batch that was taken", len(left))
		}
	}
}

// TestAckerTakesEachJobOnce lets many workers add jobs while they are taken.
func TestAckerTakesEachJobOnce(t *testing.T) {
	t.Parallel()
	const each, workers = 5000, 4
	acker := newAcker(nil, claim.NewLeases(thief{}), 0)
	var adding sync.WaitGroup
	for range workers {
		adding.Go(func() {
			for _, job := range someJobs(each) {
				acker.add(job)
			}
		})
	}
	done := make(chan struct{})
	go func() { adding.Wait(); close(done) }()
	taken := map[*job]bool{}
	collect := func() {
		for _, job := range acker.take() {
			if taken[job] {
				t.Errorf("job %v was taken twice", job.id)
			}
			if job.below != nil {
				t.Errorf("job %v keeps the one below it in memory", job.id)
			}
			taken[job] = true
		}
	}
	for adding := true; adding; {
		select {
		case <-acker.wake:
			collect()
		case <-done:
			adding = false
		}
	}
	collect()
	if len(taken) != each*workers {
		t.Errorf("%d of %d jobs were taken", len(taken), each*workers)
	}
}

// TestAckerSplits checks that jobs which go the same way go together, whatever their order.
func TestAckerSplits(t *testing.T) {
	t.Parallel()
	acker := newAcker(nil, claim.NewLeases(thief{}), 0)
	jobs, now := someJobs(2*ackBatch), time.Now()
	noted := map[*job]bool{}
	for i, job := range jobs {
		holdAs(job, now.Add(time.Minute))
		if i%4 == 3 {
			job.note, noted[job] = &stream.Note{}, true
		}
	}
	sizes := map[int][]int{}
	for rest := jobs; len(rest) > 0; {
		way, some := acker.split(rest, now)
		for _, job := range some {
			if (way == asOwner) != noted[job] {
				t.Errorf("job %v with a note: %v, goes way %d", job.id, noted[job], way)
			}
		}
		sizes[way] = append(sizes[way], len(some))
		rest = rest[len(some):]
	}
	if got := sizes[plainly]; len(got) != 2 || got[0] != ackBatch || got[1] != ackBatch/2 {
		t.Errorf("1,500 plain acks went in batches of %v, want 1,000 and 500", got)
	}
	if got := sizes[asOwner]; len(got) != 5 || slices.Max(got) != scriptBatch {
		t.Errorf("500 acks of owners went in batches of %v, want five of 100", got)
	}
}

// TestAckerBoundsWhatAScriptReads checks that what is followed goes in batches that a script can read quickly.
func TestAckerBoundsWhatAScriptReads(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ size, want int }{{0, scriptBatch}, {scriptBytes / 4, 4}, {2 * scriptBytes, 1}} {
		acker := newAcker(nil, claim.NewLeases(thief{}), 0)
		acker.emits = true
		jobs := someJobs(2 * scriptBatch)
		for i, job := range jobs {
			holdAs(job, time.Now().Add(time.Minute))
			job.size, job.passed = test.size, i >= scriptBatch
		}
		way, some := acker.split(jobs, time.Now())
		if way != following || len(some) != test.want {
			t.Errorf("of entries with %d bytes %d go way %d together, want %d", test.size, len(some), way, test.want)
		}
		if way, some = acker.split(jobs[scriptBatch:], time.Now()); way != plainly || len(some) != scriptBatch {
			t.Errorf("of what is passed by %d go way %d together, want all, plainly", len(some), way)
		}
	}
}

// holdAs gives the job a lease that ends then.
func holdAs(job *job, ends time.Time) {
	claim.NewLeases(thief{}).Hold(job.id, 0, &job.lease, ends)
}

// TestAnAckWaitsForCompany measures how long: not at all where a batch is full, or somebody waits for the ack.
func TestAnAckWaitsForCompany(t *testing.T) {
	const moment = ackDelay / 2
	tests := map[string]struct {
		jobs   int
		before func(*acker) // called before the wait
		want   time.Duration
	}{
		"alone":                 {1, func(*acker) {}, ackDelay},
		"a full batch":          {ackBatch, func(*acker) {}, 0},
		"hurried beforehand":    {1, (*acker).hurry, 0},
		"hurried in the middle": {1, func(a *acker) { time.AfterFunc(moment, a.hurry) }, moment},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				acker := newAcker(nil, claim.NewLeases(thief{}), 0)
				for _, job := range someJobs(test.jobs) {
					acker.add(job)
				}
				test.before(acker)
				<-acker.wake
				began := time.Now()
				acker.gather(time.NewTimer(time.Hour))
				if waited := time.Since(began); waited != test.want {
					t.Errorf("waited %v, want %v", waited, test.want)
				}
			})
		})
	}
}
