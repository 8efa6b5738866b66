package stream

import "time"

// Event is what an entry says, decoded. Its texts and Data, but not its headers, lie in one piece of memory, which a small event
// that a handler is given shares with those that came beside it. Whoever keeps one of them for long clones it (strings.Clone,
// bytes.Clone).
type Event struct {
	// Name is what happened, such as NEW_ORDER_RECEIVED.
	Name string
	// ID is the producer's own unique ID, the base of idempotency together with Name. Where the producer gave none it
	// is the entry's ID.
	ID string
	// Data is the payload, JSON text by convention; any bytes are passed through. Never nil: `{}` where there was none. It
	// may be kept and changed, and the other parts of the event stay what they are.
	Data []byte
	// Time is when it happened: the producer's timestamp, else when the entry was added.
	Time time.Time
	// AggregateID is the business key (order number, user), or "".
	AggregateID string
	// To is the one group that the event is for, or "" for every group.
	To string
	// ReplayOf is the entry that this one repeats, or "".
	ReplayOf string
	// TraceParent is the W3C trace context, or "".
	TraceParent string
	// Headers holds every other field as it is; nil where there is none.
	Headers map[string]string
}
