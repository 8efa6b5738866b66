package consumers

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

// TestNothingStartsWithoutALease has a worker come to an entry whose lease has ended meanwhile, by its own clock: another
// consumer may have it by now, and a handler must not find that out.
func TestNothingStartsWithoutALease(t *testing.T) {
	t.Parallel()
	r := &runner{leases: claim.NewLeases(thief{}), handler: HandlerFunc(func(context.Context, *Delivery) error {
		t.Error("the handler was called")
		return nil
	})}
	tardy := &job{id: stream.ID{Ms: 1}, handed: &handout{}}
	r.leases.Hold(tardy.id, 0, &tardy.lease, time.Now().Add(-time.Millisecond))
	r.process(t.Context(), tardy, new(atomic.Pointer[handout]), time.Time{})
	if held := r.leases.Count(); held != 0 || !r.mayHaveLost.Load() {
		t.Errorf("afterwards %d entries are in hand, taken up again: %v, want 0 and true", held, r.mayHaveLost.Load())
	}
}
