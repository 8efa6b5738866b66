package stream_test

import (
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// onClock runs a test on a real server whose clock can be set.
func onClock(t *testing.T, run func(b bench, set func(wrong time.Duration))) {
	t.Parallel()
	server, set := redistest.StartClock(t)
	run(newBench(t, server.URL()), set)
}

// untilTaken sweeps for b until something is taken.
func (b bench) untilTaken(within time.Duration) []stream.ID {
	b.Helper()
	for deadline := time.Now().Add(within); time.Now().Before(deadline); {
		if swept := b.sweep(b.b, nil); len(swept.Taken) > 0 {
			return ids(swept.Taken)
		}
	}
	b.Fatalf("nothing was taken within %v; pending: %q", within, b.pending())
	return nil
}

// TestClockSetBack has a consumer die that worked while the clock was two hours ahead: what it left is not to wait for so
// long.
func TestClockSetBack(t *testing.T) {
	onClock(t, func(b bench, set func(time.Duration)) {
		set(2 * time.Hour)
		held, failed := b.add(), b.add()
		b.read(b.a, 2)
		b.sweep(b.a, func(request *stream.SweepRequest) { request.Guard = 900 * time.Millisecond })
		_, err := b.a.Release(b.Context(), []stream.Release{{
			ID: failed, Deliveries: 1, Tries: 1, Delay: time.Minute, Reason: stream.RetryFailed, Error: "no paper",
		}})
		if err != nil {
			t.Fatal(err)
		}
		set(0)
		if got := b.untilTaken(5 * time.Second); !slices.Equal(got, []stream.ID{failed}) {
			t.Errorf("took %v, want the retry %v first", got, failed)
		}
		b.wantPending(held.String()+" a 1", failed.String()+" b 2")
		if got := b.untilTaken(5 * time.Second); !slices.Equal(got, []stream.ID{held}) {
			t.Errorf("took %v, want %v, which nobody renews", got, held)
		}
		b.wantPending(held.String()+" b 2", failed.String()+" b 2")
		b.removedAfterLease("a")
	})
}

// removedAfterLease sweeps until the name of a dead consumer has been removed.
func (b bench) removedAfterLease(name string) {
	b.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		swept := b.sweep(b.b, func(request *stream.SweepRequest) { request.RemoveSilent = lease })
		if slices.Equal(swept.Removed, []string{name}) {
			return
		}
	}
	b.Errorf("the name %q was not removed", name)
}

// TestClockSetBackTakesNothingFromTheLiving has the owner of an entry go on renewing it.
func TestClockSetBackTakesNothingFromTheLiving(t *testing.T) {
	onClock(t, func(b bench, set func(time.Duration)) {
		set(2 * time.Hour)
		id := b.add()
		b.read(b.a, 1)
		set(0)
		for range 20 {
			if swept := b.sweep(b.b, nil); len(swept.Taken) > 0 {
				t.Fatalf("took %v, whose owner renews it", ids(swept.Taken))
			}
			if lost, err := b.a.Renew(b.Context(), []stream.ID{id}); len(lost) > 0 || err != nil {
				t.Fatalf("Renew() lost %v, %v", lost, err)
			}
			time.Sleep(lease / 10) // by the server's clock
		}
		b.wantPending(id.String() + " a 1")
	})
}

// TestGuardOfNobody has the guard held by a consumer that shows no life, and would hold it for hours.
func TestGuardOfNobody(t *testing.T) {
	onEach(t, func(b bench) {
		ctx, keys := b.Context(), b.client.Keys()
		b.read(b.a, 1)
		for _, life := range []any{"", "garbage", 1, time.Now().Add(time.Hour).UnixMilli()} {
			if err := b.client.Redis().HSet(ctx, keys.Consumers("g"), "gone", life).Err(); err != nil {
				t.Fatal(err)
			}
			if err := b.client.Redis().Set(ctx, keys.Sweep("g"), "gone", time.Hour).Err(); err != nil {
				t.Fatal(err)
			}
			id := b.add()
			b.read(b.a, 1)
			if _, err := b.a.Release(ctx, []stream.Release{{ID: id, Deliveries: 1, Unstarted: true}}); err != nil {
				t.Fatal(err)
			}
			if got := ids(b.sweep(b.b, nil).Taken); !slices.Equal(got, []stream.ID{id}) {
				t.Errorf("with a guard whose holder showed life at %v the sweep took %v, want %v", life, got, id)
			}
		}
	})
}

// TestClockSetBackFindsTheDeleted has what was delivered in the future be deleted: its dead letter is followed as any other.
func TestClockSetBackFindsTheDeleted(t *testing.T) {
	onClock(t, func(b bench, set func(time.Duration)) {
		set(2 * time.Hour)
		id := b.add()
		b.read(b.a, 1)
		set(0)
		b.client.Redis().XDel(b.Context(), b.client.Keys().Stream(), id.String())
		if swept := b.sweep(b.b.Emitting(stream.Emit{DeadLettered: "FAILED"}), nil); len(swept.Buried) != 1 {
			t.Errorf("buried: got %+v, want the deleted entry", swept.Buried)
		}
		b.wantFollowUps("FAILED :" + id.String() + ":g:dead_lettered")
	})
}
