package consumers

import (
	"context"
	"sync"
	"time"

	"github.com/millrace/millrace/claim"
)

// handling is the context of one handling. Most handlers that are done in microseconds never look at theirs, so the
// channel and the timer that it takes are made when somebody looks, and cost nothing where nobody does.
type handling struct {
	working  context.Context // what ends it when the process must stop
	lease    *claim.Lease    // what ends it when the entry is lost
	deadline time.Time

	mu   sync.Mutex
	seen *seen // what it is made of since somebody has looked, or nil
	over bool  // the handler has returned
}

// seen is a context that somebody has looked at.
type seen struct {
	context.Context
	stop func()
}

// begin sets the context out, before the handler is called.
func (h *handling) begin(working context.Context, lease *claim.Lease, deadline time.Time) {
	h.working, h.lease, h.deadline = working, lease, deadline
}

// end ends the context for those who have kept it, and returns why it had ended before by the time now, or nil. The lease
// may have another entry when it returns.
func (h *handling) end(now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	lease := h.lease
	h.lease = nil
	switch {
	case h.seen != nil:
		cause := context.Cause(h.seen)
		h.seen.stop()
		return cause
	case lease.Lost():
		return claim.ErrLost
	case !now.Before(h.deadline):
		return ErrTimeout
	default:
		return context.Cause(h.working)
	}
}

// look returns what the context is made of.
func (h *handling) look() context.Context {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen == nil {
		held, lose := context.WithCancelCause(h.working)
		if !h.over {
			h.lease.OnLoss(lose)
		}
		inTime, cancel := context.WithDeadlineCause(held, h.deadline, ErrTimeout)
		h.seen = &seen{inTime, func() { cancel(); lose(nil) }}
	}
	if h.over {
		h.seen.stop()
	}
	return h.seen
}

// Deadline is when the handling times out.
func (h *handling) Deadline() (time.Time, bool) { return h.deadline, true }

// Done is closed when the handling must end.
func (h *handling) Done() <-chan struct{} { return h.look().Done() }

// Err is why the handling must end, nil until then.
func (h *handling) Err() error { return h.look().Err() }

// Value looks, too: context.Cause and the contexts that are derived from this one ask it for what they must know.
func (h *handling) Value(key any) any { return h.look().Value(key) }
