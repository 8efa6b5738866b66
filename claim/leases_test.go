package claim_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

const lease = 30 * time.Second

// renewer is a group whose server answers as the test says.
type renewer struct {
	answer func(ids []stream.ID) ([]stream.ID, error)
	calls  []int // how many entries each renewal named
}

func (r *renewer) Renew(_ context.Context, ids []stream.ID) ([]stream.ID, error) {
	r.calls = append(r.calls, len(ids))
	return r.answer(ids)
}

func (r *renewer) Lease() time.Duration { return lease }

func id(n uint64) stream.ID { return stream.ID{Ms: n} }

// hold takes the nth entry in hand for a lease.
func hold(t *testing.T, leases *claim.Leases, n uint64) *claim.Lease {
	t.Helper()
	held := &claim.Lease{}
	if !leases.Hold(id(n), 0, held, time.Now().Add(lease)) {
		t.Fatalf("Hold(%v): want true for an entry that is not in hand", id(n))
	}
	return held
}

// renewing runs the leases in a bubble until the test returns.
func renewing(t *testing.T, answer func([]stream.ID) ([]stream.ID, error), test func(*testing.T, *claim.Leases, *renewer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		group := &renewer{answer: answer}
		leases := claim.NewLeases(group)
		ctx, cancel := context.WithCancel(t.Context())
		go leases.Run(ctx, func(error) {})
		test(t, leases, group)
		cancel()
		synctest.Wait()
	})
}

func keepAll([]stream.ID) ([]stream.ID, error) { return nil, nil }

func TestLeasesAreRenewedWhileHeld(t *testing.T) {
	renewing(t, keepAll, func(t *testing.T, leases *claim.Leases, _ *renewer) {
		held := hold(t, leases, 1)
		time.Sleep(10 * lease)
		if held.Ended(time.Now()) || held.Lost() {
			t.Errorf("after ten leases: ended %v, lost %v, want neither", held.Ended(time.Now()), held.Lost())
		}
		if leases.Hold(id(1), 0, &claim.Lease{}, time.Now()) {
			t.Error("held twice: want false for what is in hand already")
		}
	})
}

// TestALeaseIsUsedAgain lets a renewal find an entry lost whose lease holds another one by then.
func TestALeaseIsUsedAgain(t *testing.T) {
	var leases *claim.Leases
	held := &claim.Lease{}
	again := func(ids []stream.ID) ([]stream.ID, error) {
		if ids[0] == id(1) {
			leases.Drop(held)
			leases.Hold(id(2), 0, held, time.Now().Add(2*lease))
			return ids, nil
		}
		return nil, nil
	}
	renewing(t, again, func(t *testing.T, under *claim.Leases, _ *renewer) {
		leases = under
		leases.Hold(id(1), 0, held, time.Now().Add(lease))
		time.Sleep(lease / 2)
		if held.Lost() || held.Ended(time.Now().Add(lease)) {
			t.Errorf("the new entry: lost %v, ended before its time %v, want neither", held.Lost(), held.Ended(time.Now().Add(lease)))
		}
	})
}

func TestALostLeaseIsUsedAgain(t *testing.T) {
	loseFirst := func(ids []stream.ID) ([]stream.ID, error) {
		if ids[0] == id(1) {
			return ids, nil
		}
		return nil, nil
	}
	renewing(t, loseFirst, func(t *testing.T, leases *claim.Leases, _ *renewer) {
		held := hold(t, leases, 1)
		held.OnLoss(func(error) {})
		time.Sleep(lease / 2)
		if !held.Lost() {
			t.Fatal("the first entry: not lost")
		}
		leases.Drop(held)
		leases.Hold(id(2), 0, held, time.Now().Add(lease))
		if held.Lost() {
			t.Error("the second entry is lost from its beginning")
		}
	})
}

func TestRenewalsNameAHundredAtMost(t *testing.T) {
	renewing(t, keepAll, func(t *testing.T, leases *claim.Leases, group *renewer) {
		for n := range uint64(250) {
			hold(t, leases, n)
		}
		time.Sleep(lease/3 + time.Second)
		synctest.Wait()
		if want := []int{100, 100, 50}; !slices.Equal(group.calls, want) {
			t.Errorf("renewals: got %v, want %v", group.calls, want)
		}
	})
}

func TestIdleConsumerShowsLife(t *testing.T) {
	renewing(t, keepAll, func(t *testing.T, _ *claim.Leases, group *renewer) {
		time.Sleep(lease + time.Second)
		synctest.Wait()
		if want := []int{0, 0, 0}; !slices.Equal(group.calls, want) {
			t.Errorf("renewals: got %v, want %v", group.calls, want)
		}
	})
}

func TestLossEndsTheHandler(t *testing.T) {
	loseSecond := func([]stream.ID) ([]stream.ID, error) { return []stream.ID{id(2)}, nil }
	renewing(t, loseSecond, func(t *testing.T, leases *claim.Leases, _ *renewer) {
		kept := hold(t, leases, 1)
		lost := hold(t, leases, 2)
		ctx, cancel := context.WithCancelCause(t.Context())
		lost.OnLoss(cancel)
		<-ctx.Done()
		if cause := context.Cause(ctx); !errors.Is(cause, claim.ErrLost) {
			t.Errorf("cause: got %v, want ErrLost", cause)
		}
		if kept.Lost() || !lost.Lost() {
			t.Errorf("lost: got %v and %v, want false and true", kept.Lost(), lost.Lost())
		}
		late, cancelLate := context.WithCancelCause(t.Context())
		lost.OnLoss(cancelLate)
		if late.Err() == nil {
			t.Error("a handler that starts after the loss: want its context ended at once")
		}
	})
}

func TestRenewalIsTriedAgainInTime(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	answer := func([]stream.ID) ([]stream.ID, error) {
		if down.Load() {
			return nil, errors.New("connection refused")
		}
		return nil, nil
	}
	renewing(t, answer, func(t *testing.T, leases *claim.Leases, _ *renewer) {
		held := hold(t, leases, 1)
		time.Sleep(lease - lease/8)
		down.Store(false)
		time.Sleep(lease / 8)
		if held.Ended(time.Now()) {
			t.Error("Redis came back an eighth of a lease before the end: want the lease renewed")
		}
	})
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	leases := claim.NewLeases(&renewer{answer: keepAll})
	<-leases.Empty()
	first := hold(t, leases, 1)
	empty := leases.Empty()
	select {
	case <-empty:
		t.Fatal("empty with an entry in hand")
	default:
	}
	leases.Drop(first, &claim.Lease{})
	leases.Drop(first)
	<-empty
}

// TestHeld checks what is in hand after entries have come and gone in every order.
func TestHeld(t *testing.T) {
	t.Parallel()
	leases := claim.NewLeases(&renewer{answer: keepAll})
	held := map[uint64]*claim.Lease{}
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		n := random.Uint64N(50)
		if held[n] != nil {
			if leases.Hold(id(n), 0, &claim.Lease{}, time.Now()) {
				t.Fatalf("Hold(%v) while it is in hand: got true, want false", id(n))
			}
			leases.Drop(held[n])
			delete(held, n)
		} else {
			held[n] = hold(t, leases, n)
		}
		inHand := leases.Held()
		for n := range uint64(50) {
			if got, want := inHand(id(n)), held[n] != nil; got != want {
				t.Fatalf("Held()(%v): got %v, want %v", id(n), got, want)
			}
		}
		if leases.Count() != len(held) {
			t.Fatalf("Count: got %d, want %d", leases.Count(), len(held))
		}
	}
}

func TestLateReplyDoesNotEndANewLease(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	group := &renewer{answer: func(ids []stream.ID) ([]stream.ID, error) {
		close(asked)
		<-answer
		return ids, nil
	}}
	leases := claim.NewLeases(&quick{group})
	first := hold(t, leases, 1)
	ctx, cancel := context.WithCancel(t.Context())
	reported := make(chan error, 1)
	go leases.Run(ctx, func(err error) {
		cancel()
		reported <- err
	})
	<-asked
	leases.Drop(first) // handed back, and taken again before the reply to the renewal is read
	again := hold(t, leases, 1)
	close(answer)
	<-reported
	if again.Lost() {
		t.Error("the new lease was ended by what was said of the old one")
	}
}

// quick is a renewer whose lease makes the first renewal due at once.
type quick struct{ *renewer }

func (quick) Lease() time.Duration { return time.Millisecond }
