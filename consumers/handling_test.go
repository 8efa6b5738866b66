package consumers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

// TestHandlingEnds checks that a handling ends for the same reasons whether its handler looks at the context or not.
func TestHandlingEnds(t *testing.T) {
	stopped := errors.New("stopped")
	tests := []struct {
		name   string
		happen func(stop context.CancelCauseFunc, leases *claim.Leases)
		want   error
	}{
		{"not at all", func(context.CancelCauseFunc, *claim.Leases) {}, nil},
		{"because the process stops", func(stop context.CancelCauseFunc, _ *claim.Leases) { stop(stopped) }, stopped},
		{"at its deadline", func(context.CancelCauseFunc, *claim.Leases) { time.Sleep(time.Minute) }, ErrTimeout},
		{"with its lease", func(_ context.CancelCauseFunc, leases *claim.Leases) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			leases.Run(ctx, func(error) {})
		}, claim.ErrLost},
	}
	for _, test := range tests {
		for _, looks := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				working, stop := context.WithCancelCause(t.Context())
				defer stop(nil)
				leases := claim.NewLeases(thief{})
				var ctx handling
				ctx.begin(working, holdOne(leases), time.Now().Add(time.Minute))
				if looks {
					<-time.After(time.Nanosecond)
					if err := ctx.Err(); err != nil {
						t.Errorf("%s: Err at the beginning = %v, want nil", test.name, err)
					}
				}
				test.happen(stop, leases)
				synctest.Wait()
				if looks && !errors.Is(context.Cause(&ctx), test.want) {
					t.Errorf("%s: Cause = %v, want %v", test.name, context.Cause(&ctx), test.want)
				}
				if got := ctx.end(time.Now()); !errors.Is(got, test.want) {
					t.Errorf("%s (looked at: %v): end = %v, want %v", test.name, looks, got, test.want)
				}
			})
		}
	}
}

// TestHandlingIsOver checks what those see who keep a context longer than the handler runs.
func TestHandlingIsOver(t *testing.T) {
	t.Parallel()
	for _, looks := range []bool{false, true} {
		var ctx handling
		ctx.begin(t.Context(), holdOne(claim.NewLeases(thief{})), time.Now().Add(time.Minute))
		var derived context.Context
		if looks {
			var cancel context.CancelFunc
			derived, cancel = context.WithCancel(&ctx)
			defer cancel()
		}
		if cause := ctx.end(time.Now()); cause != nil {
			t.Errorf("end = %v, want nil", cause)
		}
		<-ctx.Done()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("Err after the end (looked at before: %v) = %v, want %v", looks, ctx.Err(), context.Canceled)
		}
		if looks {
			<-derived.Done()
		}
	}
}

// TestHandlingLetsGoOfItsLease looks at a context when its lease holds another entry already.
func TestHandlingLetsGoOfItsLease(t *testing.T) {
	t.Parallel()
	leases := claim.NewLeases(thief{})
	lease := holdOne(leases)
	var ctx handling
	ctx.begin(t.Context(), lease, time.Now().Add(time.Minute))
	_ = ctx.end(time.Now())
	leases.Drop(lease)
	leases.Hold(stream.ID{Ms: 2}, 0, lease, time.Now().Add(time.Minute))
	var other handling
	other.begin(t.Context(), lease, time.Now().Add(time.Minute))
	lost := other.Done()
	<-ctx.Done()
	running, stop := context.WithCancel(t.Context())
	defer stop()
	go leases.Run(running, func(error) { stop() })
	<-lost
	if cause := other.end(time.Now()); !errors.Is(cause, claim.ErrLost) {
		t.Errorf("end of the handling that has the lease now = %v, want %v", cause, claim.ErrLost)
	}
}

func TestHandlingIsAContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	deadline := time.Now().Add(time.Minute)
	var ctx handling
	ctx.begin(context.WithValue(t.Context(), key{}, "value"), holdOne(claim.NewLeases(thief{})), deadline)
	defer func() { _ = ctx.end(deadline) }()
	if at, ok := ctx.Deadline(); !ok || !at.Equal(deadline) {
		t.Errorf("Deadline = %v, %v, want %v", at, ok, deadline)
	}
	if value := ctx.Value(key{}); value != "value" {
		t.Errorf("Value = %v, want that of the context it was made of", value)
	}
}

func TestHandlingCostsNothingUnlessLookedAt(t *testing.T) {
	lease := holdOne(claim.NewLeases(thief{}))
	handlings := make([]handling, 101)
	working, cancel := context.WithCancel(t.Context())
	defer cancel()
	next, now := 0, time.Now()
	allocations := testing.AllocsPerRun(100, func() {
		ctx := &handlings[next]
		next++
		ctx.begin(working, lease, now.Add(time.Minute))
		if cause := ctx.end(now); cause != nil {
			t.Errorf("end = %v, want nil", cause)
		}
	})
	if allocations > 0 {
		t.Errorf("a handling that nobody looks at: %v allocations, want none", allocations)
	}
}
