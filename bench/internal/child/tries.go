package child

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/consumers"
)

// tries knows when the last try of each event began, and fails the first ones where the spec says so.
type tries struct {
	spec   Spec
	starts []atomic.Int64 // by sequence number, in nanoseconds since 1970
}

func newTries(spec Spec) *tries {
	return &tries{spec: spec, starts: make([]atomic.Int64, spec.Events)}
}

var errFirstTry = errors.New("the first try fails")

// began notes that a try begins now, and returns what it fails with.
func (t *tries) began(sequence int) error {
	if sequence < 0 || sequence >= len(t.starts) {
		return nil // check reports it
	}
	before := t.starts[sequence].Swap(time.Now().UnixNano())
	if before > 0 || t.spec.RetryMax == 0 {
		return nil
	}
	delay := t.spec.RetryMin + time.Duration(rand.Int64N(int64(t.spec.RetryMax-t.spec.RetryMin+1)))
	return consumers.RetryAfter(delay, errFirstTry)
}

// last is when the last try of each event began. Of nil it is none.
func (t *tries) last() []int64 {
	if t == nil {
		return nil
	}
	starts := make([]int64, len(t.starts))
	for sequence := range starts {
		starts[sequence] = t.starts[sequence].Load()
	}
	return starts
}
