package consumers

import (
	"context"
	"slices"

	"github.com/millrace/millrace/stream"
)

// Delivery is one handing-over of an event to a handler. Up to 60 of them are made together: whoever keeps one, or its
// context, for longer than the handling keeps all of those in memory, and copies what it needs in place of that.
type Delivery struct {
	// Event is what happened. It is the handler's own; stream.Event says what keeping it for long costs.
	stream.Event
	// Group is the handler's consumer group.
	Group string
	// EntryID is the entry's ID in the stream.
	EntryID stream.ID
	// Deliveries counts how often this group has been handed the entry, this time included.
	Deliveries int
	// Result is the handler's to set: a short text that says what came of its work, such as the number under which it was
	// booked. It is kept with the outcome where the group keeps results, and else dropped; nil is none.
	Result []byte
}

// Handler does the work for one event.
//
// Handle is called by many goroutines at once, up to the group's concurrency. It returns nil when the work is done and
// the entry may be acked; an error makes another delivery later, unless it is wrapped by Permanent (dead letter at
// once) or RetryAfter (says when). A panic counts as an error. ctx ends at the handler's timeout, when the process must
// stop, or when the lease was lost; context.Cause tells which. Deliveries are at-least-once: an effect that must happen
// once is made idempotent with the event's Name and ID.
type Handler interface {
	Handle(ctx context.Context, delivery *Delivery) error
}

// HandlerFunc makes a Handler of a function.
type HandlerFunc func(ctx context.Context, delivery *Delivery) error

// Handle calls the function.
func (f HandlerFunc) Handle(ctx context.Context, delivery *Delivery) error { return f(ctx, delivery) }

// Middleware wraps a Handler in behaviour of its own: it may look at the delivery before, at the error after, or not
// call next at all.
type Middleware func(next Handler) Handler

// Wrap returns handler with the middleware around it, the first one outermost.
func Wrap(handler Handler, middleware ...Middleware) Handler {
	for _, wrap := range slices.Backward(middleware) {
		handler = wrap(handler)
	}
	return handler
}
