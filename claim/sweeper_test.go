package claim_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// sweeping is a group whose pages the test makes up.
type sweeping struct {
	page     func(stream.SweepRequest) (stream.Swept, error)
	requests []stream.SweepRequest
}

func (s *sweeping) Sweep(_ context.Context, request stream.SweepRequest) (stream.Swept, error) {
	s.requests = append(s.requests, request)
	return s.page(request)
}

func (s *sweeping) Lease() time.Duration { return lease }

func delivery(n uint64, deliveries int, noted int) stream.Delivery {
	d := stream.Delivery{Entry: stream.Entry{ID: id(n)}, Deliveries: deliveries}
	if noted > 0 {
		d.Note = &stream.Note{Tries: noted}
	}
	return d
}

// five is room for five entries, whatever their size.
var five = stream.Room{Entries: 5, Bytes: 1 << 20}

func TestSweepGoesThroughTheWholeList(t *testing.T) {
	// 1,000 that are not due and one that is, at the tail: eleven pages.
	group := &sweeping{page: func(request stream.SweepRequest) (stream.Swept, error) {
		if request.From.Ms < 1000 {
			return stream.Swept{Next: id(request.From.Ms + 100)}, nil
		}
		return stream.Swept{Taken: []stream.Delivery{delivery(1001, 2, 1)}}, nil
	}}
	sweeper := claim.NewSweeper(group, 16)
	swept, err := sweeper.Sweep(t.Context(), five, false)
	if err != nil || len(swept.Taken) != 1 || len(group.requests) != 11 {
		t.Errorf("got %+v, %v after %d pages, want the last entry after 11", swept.Taken, err, len(group.requests))
	}
	if wait := sweeper.Wait(time.Now()); wait < 800*time.Millisecond || wait > 1100*time.Millisecond {
		t.Errorf("next sweep in %v, want about a second", wait)
	}
}

// TestSweepFindsTheOneThatIsDue has 1,000 entries wait for a later retry, and one behind them whose time has come: one sweep
// takes it and leaves the others as they are.
func TestSweepFindsTheOneThatIsDue(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, url string) {
		t.Parallel()
		const waiting = 1000
		client, err := stream.Open(stream.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		failed := deliver(t, client, waiting+1)
		releases := make([]stream.Release, len(failed))
		for n, delivery := range failed {
			releases[n] = stream.Release{ID: delivery.ID, Deliveries: 1, Tries: 1, Reason: stream.RetryFailed, Delay: time.Hour}
		}
		releases[waiting].Delay = 0
		for batch := range slices.Chunk(releases, 100) {
			if lost, err := groupOf(t, client, "a").Release(t.Context(), batch); err != nil || len(lost) > 0 {
				t.Fatalf("Release: lost %v, %v", lost, err)
			}
		}
		began := time.Now()
		swept, err := claim.NewSweeper(groupOf(t, client, "b"), 16).Sweep(t.Context(), five, true)
		if err != nil || len(swept.Taken) != 1 || swept.Taken[0].ID != failed[waiting].ID || swept.Taken[0].Deliveries != 2 {
			t.Errorf("Sweep took %+v, %v, want %v alone, at its second delivery", swept.Taken, err, failed[waiting].ID)
		}
		t.Logf("one sweep of %d pending entries took %v", waiting+1, time.Since(began).Round(100*time.Microsecond))
		left, err := client.Pending(t.Context(), "g", stream.ID{}, 2*waiting)
		still := slices.DeleteFunc(left, func(entry stream.PendingEntry) bool { return entry.Consumer != stream.Waiting })
		if err != nil || len(still) != waiting {
			t.Errorf("waiting still: %d, %v, want %d", len(still), err, waiting)
		}
	})
}

// deliver has consumer a of group g read so many new entries.
func deliver(t *testing.T, client *stream.Client, count int) []stream.Delivery {
	t.Helper()
	_, err := client.EnsureGroups(t.Context(), []stream.GroupSpec{{Name: "g", Registration: stream.Registration{Events: []string{"*"}}}})
	if err != nil {
		t.Fatal(err)
	}
	events := make([]stream.Event, count)
	for n := range events {
		events[n].Name = "E"
	}
	if _, err := client.PublishBatch(t.Context(), events, stream.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	deliveries, err := groupOf(t, client, "a").Read(t.Context(), count, 0)
	if err != nil || len(deliveries) != count {
		t.Fatalf("Read: %d deliveries, %v, want %d", len(deliveries), err, count)
	}
	return deliveries
}

func groupOf(t *testing.T, client *stream.Client, consumer string) *stream.Group {
	t.Helper()
	group, err := client.Group("g", consumer, lease)
	if err != nil {
		t.Fatal(err)
	}
	return group
}

func TestSweepGoesOnWhereItStopped(t *testing.T) {
	group := &sweeping{page: func(request stream.SweepRequest) (stream.Swept, error) {
		return stream.Swept{Next: id(request.From.Ms + 100)}, nil
	}}
	sweeper := claim.NewSweeper(group, 16)
	for range 2 {
		if _, err := sweeper.Sweep(t.Context(), five, false); err != nil {
			t.Fatal(err)
		}
		if wait := sweeper.Wait(time.Now()); wait > 0 {
			t.Errorf("more to look at: next sweep in %v, want at once", wait)
		}
	}
	if len(group.requests) != 40 || group.requests[20].From != id(2000) {
		t.Errorf("got %d pages, the 21st from %v, want 40, from 2000-0", len(group.requests), group.requests[20].From)
	}
}

// TestSweepPausesForWhatItLookedAtInVain has passes of slow pages: what is due has no part in the pause after one, and what a
// server that stood still has held up has next to none.
func TestSweepPausesForWhatItLookedAtInVain(t *testing.T) {
	const shortest = 1100 * time.Millisecond
	for _, test := range []struct {
		pages, taken  int
		took, longest time.Duration
	}{
		{pages: 20, took: 10 * time.Millisecond, longest: 1980 * time.Millisecond},
		{pages: 4, took: 10 * time.Millisecond, taken: 1, longest: shortest},
		{pages: 2, took: 10 * time.Second, longest: shortest},
	} {
		synctest.Test(t, func(t *testing.T) {
			pages := 0
			group := &sweeping{page: func(stream.SweepRequest) (stream.Swept, error) {
				time.Sleep(test.took)
				swept := stream.Swept{}
				if pages++; pages < test.pages {
					swept.Next = id(100)
				}
				for range test.taken {
					swept.Taken = append(swept.Taken, delivery(1, 2, 1))
				}
				return swept, nil
			}}
			sweeper := claim.NewSweeper(group, 16)
			if _, err := sweeper.Sweep(t.Context(), five, false); err != nil {
				t.Fatal(err)
			}
			if wait := sweeper.Wait(time.Now()); wait < test.longest*8/10 || wait > test.longest {
				t.Errorf("%+v: next sweep in %v, want at most %v", test, wait, test.longest)
			}
		})
	}
}

func TestSweepTakesNoMoreThanThereIsRoom(t *testing.T) {
	group := &sweeping{page: func(request stream.SweepRequest) (stream.Swept, error) {
		swept := stream.Swept{Next: id(request.From.Ms + 2)}
		for n := range min(2, request.Room) {
			swept.Taken = append(swept.Taken, delivery(request.From.Ms+uint64(n), 2, 1))
		}
		return swept, nil
	}}
	swept, err := claim.NewSweeper(group, 16).Sweep(t.Context(), five, false)
	if err != nil || len(swept.Taken) != 5 || len(group.requests) != 3 {
		t.Errorf("got %d entries in %d pages, %v, want 5 in 3", len(swept.Taken), len(group.requests), err)
	}
}

func TestSuspectComesAlone(t *testing.T) {
	tests := []struct{ maxDeliveries, deliveries, suspectAfter, pages int }{
		{16, 2, 2, 5}, // orphaned once: side by side with others
		{16, 3, 2, 1},
		{4, 2, 2, 5},
		{3, 2, 1, 1},
		{2, 2, 1, 1},
	}
	for _, test := range tests {
		group := &sweeping{page: func(stream.SweepRequest) (stream.Swept, error) {
			return stream.Swept{Next: id(1), Taken: []stream.Delivery{delivery(1, test.deliveries, 0)}}, nil
		}}
		sweeper := claim.NewSweeper(group, test.maxDeliveries)
		swept, err := sweeper.Sweep(t.Context(), five, true)
		if err != nil || len(swept.Taken) != test.pages || len(group.requests) != test.pages ||
			!group.requests[0].Alone || group.requests[0].SuspectAfter != test.suspectAfter {
			t.Errorf("delivery %d of %d: took %d, %v, with %+v; want %d", test.deliveries, test.maxDeliveries,
				len(swept.Taken), err, group.requests, test.pages)
		}
		if got, want := sweeper.Suspect(&swept.Taken[0]), test.pages == 1; got != want {
			t.Errorf("delivery %d of %d is a suspect: got %v, want %v", test.deliveries, test.maxDeliveries, got, want)
		}
	}
}

func TestNobodyIsRobbedAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := false
		group := &sweeping{page: func(stream.SweepRequest) (stream.Swept, error) {
			if down {
				return stream.Swept{}, errors.New("connection refused")
			}
			return stream.Swept{}, nil
		}}
		sweeper := claim.NewSweeper(group, 16)
		robs := func() bool {
			_, _ = sweeper.Sweep(t.Context(), five, false)
			return group.requests[len(group.requests)-1].Rob
		}
		robs()
		time.Sleep(lease)
		if !robs() {
			t.Error("before the outage: want silent consumers robbed")
		}
		down = true
		_, _ = sweeper.Sweep(t.Context(), five, false)
		time.Sleep(10 * lease)
		down = false
		if robs() {
			t.Error("at the first sweep after the outage: want nobody robbed")
		}
		time.Sleep(lease - time.Second)
		if robs() {
			t.Error("within a lease of it: want nobody robbed")
		}
		time.Sleep(time.Second)
		if !robs() {
			t.Error("a lease after it: want silent consumers robbed")
		}
		sweeper.Interrupted()
		robs()
		if time.Sleep(time.Second); !robs() {
			t.Error("after a moment's interruption: want silent consumers robbed, or a poor link would protect the dead")
		}
		time.Sleep(lease/3 + time.Second)
		sweeper.Interrupted()
		robs()
		if robs() {
			t.Error("after an interruption of over a third of a lease: want nobody robbed")
		}
	})
}

// TestNobodyIsRobbedInTheFirstLease has a Redis that is out of reach for long when the process starts, and then answers the
// first sweep late: until that came, its owners could not renew either.
func TestNobodyIsRobbedInTheFirstLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := &sweeping{}
		group.page = func(stream.SweepRequest) (stream.Swept, error) {
			if len(group.requests) == 1 {
				time.Sleep(2 * lease)
			}
			return stream.Swept{}, nil
		}
		sweeper := claim.NewSweeper(group, 16)
		time.Sleep(10 * lease)
		for _, want := range []bool{false, false, true} {
			_, _ = sweeper.Sweep(t.Context(), five, false)
			if got := group.requests[len(group.requests)-1].Rob; got != want {
				t.Errorf("sweep %d: robs = %v, want %v", len(group.requests), got, want)
			}
			time.Sleep(lease/2 + time.Second)
		}
	})
}

// TestNobodyIsRobbedByWhatWasHeldUp has a server whose clock is years away from the sweeper's.
func TestNobodyIsRobbedByWhatWasHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, serverBegan := time.Now(), time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
		var heldUp, jump time.Duration
		robbed := false
		group := &sweeping{page: func(request stream.SweepRequest) (stream.Swept, error) {
			time.Sleep(heldUp)
			clock := serverBegan.Add(time.Since(began) + jump)
			robbed = request.Rob && (request.RobBefore.IsZero() || clock.Before(request.RobBefore))
			return stream.Swept{Clock: clock}, nil
		}}
		sweeper := claim.NewSweeper(group, 16)
		robs := func(hold time.Duration) bool {
			heldUp = hold
			if _, err := sweeper.Sweep(t.Context(), five, false); err != nil {
				t.Fatal(err)
			}
			return robbed
		}
		check := func(what string, got, want bool) {
			t.Helper()
			if got != want {
				t.Errorf("%s: robs = %v, want %v", what, got, want)
			}
		}
		check("the first sweep", robs(0), false)
		time.Sleep(10 * lease)
		check("long after it", robs(0), true)
		check("held up for a moment", robs(lease/3-time.Second), true)
		check("held up for over a third of a lease", robs(lease/3+time.Second), false)
		check("right after that", robs(0), false)
		time.Sleep(lease - time.Second)
		check("within a lease of that", robs(0), false)
		time.Sleep(time.Second)
		check("a lease after that", robs(0), true)
		jump = time.Hour
		check("the server's clock was put forward", robs(0), false)
		time.Sleep(lease)
		check("a lease after that too", robs(0), true)
		jump = -time.Hour
		check("the server's clock was put back", robs(0), true)
	})
}
