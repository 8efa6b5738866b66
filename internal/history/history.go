package history

import (
	"math"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/stream"
)

// Publish is what a producer knows of its attempt to publish an event.
type Publish uint8

// The results of a publish, the surest last: of several attempts the surest counts, since an attempt of unknown
// result may have happened whatever the next one met.
const (
	// Refused: the server answered with an error, so the event is not in the stream.
	Refused Publish = iota + 1
	// Unknown: no answer came, so the event may be in the stream or not.
	Unknown
	// Acknowledged: the server answered with the entry's ID.
	Acknowledged
)

// Outcome is how a handling ended.
type Outcome uint8

// The outcomes of a handling.
const (
	// Succeeded: the handler returned without an error.
	Succeeded Outcome = iota + 1
	// Failed: the handler returned an error, panicked, or was cut short and said so.
	Failed
)

// forever is the end of what nothing ended, and the death of what never died.
const forever = math.MaxInt64

// History is what happened in a run. It is safe for use by several goroutines, and none of its methods waits for
// anything but the others. New makes one.
type History struct {
	mutex     sync.Mutex
	seed      uint64
	origin    time.Time // the first time seen; all others are kept as their distance to it, in nanoseconds
	events    index
	publishes []Publish // by event; 0 where nothing is known of it
	consumers index
	deaths    []int64 // by consumer
	groups    []*group
}

// group is what is known of one group.
type group struct {
	name    string
	journal journal
	traces  []trace // by event; shorter than the events where the last ones never came here
}

// trace is what is known of one event in one group.
type trace struct {
	last        uint32 // the number of its last operation in the journal; 0 is none
	deadLetters uint16
	inFlight    uint16
	pending     bool
	acked       bool
	unreadable  bool // a dead letter's reason is one that is found by decoding
}

// New returns an empty history of these groups. The seed is only told: the report carries it, so that a run that went
// wrong can be repeated. A group that is not named here is added where something is recorded of it.
func New(seed uint64, groups ...string) *History {
	history := &History{seed: seed, events: newIndex(), consumers: newIndex()}
	for _, name := range groups {
		history.group(name)
	}
	return history
}

// Published records the result of one attempt to publish an event. Of several the surest counts: Acknowledged before
// Unknown before Refused.
func (h *History) Published(eventID string, result Publish) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	event := h.event(eventID)
	h.publishes[event] = max(h.publishes[event], result)
}

// Started records that a consumer's handler began with an event. The consumer stands for one process, and its name is
// never used again. Times are those of one clock, the checking machine's; where they carry monotonic readings these
// count, so that a wall clock that jumps does no harm.
func (h *History) Started(group, eventID, consumer string, at time.Time) {
	h.record(group, eventID, consumer, at, 0)
}

// Ended records that a consumer's handler returned. Any outcome but Succeeded is taken as Failed. An end whose start
// was never recorded counts as a handling without length.
func (h *History) Ended(group, eventID, consumer string, at time.Time, outcome Outcome) {
	if outcome != Succeeded {
		outcome = Failed
	}
	h.record(group, eventID, consumer, at, outcome)
}

// Died records that a consumer's process was killed: whatever it was handling ended then. Of several calls the
// earliest time counts. What a consumer that never died did not end lasts until the end of the history.
func (h *History) Died(consumer string, at time.Time) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	number := h.consumer(consumer)
	h.deaths[number] = min(h.deaths[number], h.instant(at))
}

// Pending records that an event is still in the group's pending list at the end.
func (h *History) Pending(group, eventID string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.trace(h.group(group), eventID).pending = true
}

// Acked records that an event was delivered to the group and is not pending any more at the end.
func (h *History) Acked(group, eventID string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.trace(h.group(group), eventID).acked = true
}

// InFlight records that a consumer had been handed an event, and Redis had not confirmed that it was acked, when the
// consumer or Redis was killed or the two were cut off from each other. Each time permits one repeat of the event.
func (h *History) InFlight(group, eventID string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	trace := h.trace(h.group(group), eventID)
	if trace.inFlight < math.MaxUint16 {
		trace.inFlight++
	}
}

// Dead records one dead letter that the group holds at the end, with its `dead_reason`.
func (h *History) Dead(group, eventID, reason string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	trace := h.trace(h.group(group), eventID)
	if trace.deadLetters < math.MaxUint16 {
		trace.deadLetters++
	}
	if unreadable(reason) {
		trace.unreadable = true
	}
}

// unreadable says whether a dead letter's reason is found by decoding the entry, before any handler is started.
func unreadable(reason string) bool {
	switch reason {
	case stream.DeadUndecodable, stream.DeadTooLarge, stream.DeadDataDestroyed:
		return true
	}
	return false
}

// record appends one start (outcome 0) or end to the group's journal.
func (h *History) record(group, eventID, consumer string, at time.Time, outcome Outcome) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	where := h.group(group)
	trace := h.trace(where, eventID)
	trace.last = where.journal.append(operation{
		at:       h.instant(at),
		previous: trace.last,
		consumer: h.consumer(consumer),
		outcome:  outcome,
	})
}

// instant returns a time as its distance to the first one seen. The subtraction of the time package prefers monotonic
// readings.
func (h *History) instant(at time.Time) int64 {
	if h.origin.IsZero() {
		h.origin = at
	}
	return int64(at.Sub(h.origin))
}

func (h *History) event(id string) uint32 {
	number, added := h.events.number(id)
	if added {
		h.publishes = append(h.publishes, 0)
	}
	return number
}

func (h *History) consumer(name string) uint32 {
	number, added := h.consumers.number(name)
	if added {
		h.deaths = append(h.deaths, forever)
	}
	return number
}

// group looks through a list, since groups are few.
func (h *History) group(name string) *group {
	for _, known := range h.groups {
		if known.name == name {
			return known
		}
	}
	added := &group{name: strings.Clone(name)}
	h.groups = append(h.groups, added)
	return added
}

func (h *History) trace(where *group, eventID string) *trace {
	event := int(h.event(eventID))
	if missing := event + 1 - len(where.traces); missing > 0 {
		where.traces = append(where.traces, make([]trace, missing)...)
	}
	return &where.traces[event]
}
