package consumers

import (
	"time"

	"github.com/millrace/millrace/stream"
)

// Outcome is what became of one delivery.
type Outcome string

// The outcomes.
const (
	// Acked: the handler succeeded and Redis has confirmed it.
	Acked Outcome = "acked"
	// Retried: the try failed, and the event waits for the next one.
	Retried Outcome = "retried"
	// DeadLettered: the event was given up and stands in the group's dead-letter stream.
	DeadLettered Outcome = "dead_lettered"
	// Skipped: an event with the same name and ID was handled before.
	Skipped Outcome = "skipped"
	// Lost: another consumer owned the entry before this one could settle it.
	Lost Outcome = "lost"
)

// outcomes are all of them, for metrics that begin at zero.
func outcomes() []Outcome { return []Outcome{Acked, Retried, DeadLettered, Skipped, Lost} }

// Result tells how one delivery ended.
type Result struct {
	Group   string
	EntryID stream.ID
	// Event and EventID are the event's name and ID, as far as it could be decoded.
	Event   string
	EventID string
	// Deliveries counts how often the group has been handed the entry, this time included.
	Deliveries int
	Outcome    Outcome
	// Reason is one of the Retry or Dead constants of package stream, "" for the other outcomes.
	Reason string
	// FollowUp is the event that was added with the outcome, or "".
	FollowUp string
	// Err is what the handler failed with, or nil.
	Err error
	// Delay is how long a retried event waits.
	Delay time.Duration
	// Queued is the time between the XADD and the start of this handling, by the clocks of server and process.
	Queued time.Duration
	// Took is how long the handler ran; zero where it was not started.
	Took time.Duration
}
