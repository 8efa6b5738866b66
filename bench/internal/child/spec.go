// Package child runs one system in a process of its own, so that processor time, allocations and memory belong to it
// alone. The parent starts the same binary again with the argument Argument and speaks with it in lines: the spec as JSON
// and later the word "go" on its standard input, whose end tells it to stop; JSON messages on its standard output, the
// last of which is the report.
package child

import (
	"time"

	"github.com/millrace/millrace/bench/internal/check"
	"github.com/millrace/millrace/bench/internal/system"
)

// Argument is the first argument of a child's command line.
const Argument = "child"

// The roles that a child can have; roles.go says what each does.
const (
	RoleFill    = "fill"
	RoleConsume = "consume"
	RolePublish = "publish"
	RoleProduce = "produce"
)

// Spec says what a child does.
type Spec struct {
	Role   string
	System string
	Target system.Target
	// Events is how many events the run has, numbered from 0: what is filled or published, and what each group is to
	// handle once.
	Events int
	// DataBytes is the size of an event's data; zero is order.DefaultDataBytes.
	DataBytes int
	// Work is how long each handling takes; where the target has slow groups, in those alone.
	Work time.Duration
	// Hold has no handling ever return: what the process holds goes on when it is killed.
	Hold bool
	// RetryMin and RetryMax have the first try of each event fail, to be repeated after a random time between the two; zero
	// has none fail. One group, and Millrace alone.
	RetryMin, RetryMax time.Duration
	// Starts has a consumer of one group report when its last try of each event began.
	Starts bool
	// Batch is how many events are published at once; up to 1 it is one call after the other.
	Batch int
	// Rate is how many events a second the open loop sends.
	Rate int
	// Latency has a consumer measure how long after its publishing each event's handling begins; those before WarmUp do
	// not count.
	Latency bool
	WarmUp  int
	// Progress has a consumer say how much it has handled, 20 times a second: where several share the groups, only the
	// parent knows when all is done.
	Progress bool
	// CPUProfile is the file for a profile of what is measured; empty is none.
	CPUProfile string
}

// Report is what came of it.
type Report struct {
	// Began and Ended are the measured time: of a consumer, from the call of Consume to the end of the last handling.
	Began, Ended time.Time
	// Usage is what the process used in that time.
	Usage Usage
	// Seen is what each group saw, also after Ended; the slow groups of the target are not among them.
	Seen []check.Account
	// Slow is what the slow groups saw.
	Slow []check.Account
	// Starts is, with Spec.Starts, when the last try of each event began, in nanoseconds since 1970, by sequence number.
	Starts []int64
	// Latency is, with Spec.Latency, from the time of publishing to the beginning of the handling, over all groups.
	Latency Quantiles
	// Late is how late the open loop sent its events.
	Late Quantiles
	// Unsupported says that the system cannot do what was asked for, and the rest means nothing.
	Unsupported bool
}

// Elapsed is the measured time.
func (r Report) Elapsed() time.Duration { return r.Ended.Sub(r.Began) }

// message is one line from the child.
type message struct {
	Word    string  `json:",omitempty"` // one of the words below
	Handled int     `json:",omitempty"` // with wordProgress
	Report  *Report `json:",omitempty"` // with wordReport
	Error   string  `json:",omitempty"` // with wordError
}

// The words of a child.
const (
	wordReady    = "ready"    // waits to be told to go
	wordProgress = "progress" // has handled so many
	wordComplete = "complete" // has seen everything; goes on until it is told to stop
	wordReport   = "report"
	wordError    = "error"
)
