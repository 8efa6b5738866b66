package claim

import (
	"errors"
	"fmt"
	"time"
)

// Backoff is how long an event waits between its tries: a random time between zero and a limit that doubles with every
// delivery (full jitter), so that what failed together does not come back together.
type Backoff struct {
	// Min is the limit after the first delivery; zero is 1 s.
	Min time.Duration
	// Max is where the limit stops doubling; zero is 10 min, or Min where that is longer.
	Max time.Duration
}

// The limits of a Backoff that sets none.
const (
	DefaultBackoffMin = time.Second
	DefaultBackoffMax = 10 * time.Minute
)

// WithDefaults fills what is zero.
func (b Backoff) WithDefaults() Backoff {
	if b.Min == 0 {
		b.Min = DefaultBackoffMin
	}
	if b.Max == 0 {
		b.Max = max(b.Min, DefaultBackoffMax)
	}
	return b
}

// Validate tells what is wrong with the limits, or nil.
func (b Backoff) Validate() error {
	switch {
	case b.Min < 0:
		return fmt.Errorf("backoff min: expected more than zero, got %v", b.Min)
	case b.Max < b.Min:
		return fmt.Errorf("backoff max: expected at least backoff min %v, got %v", b.Min, b.Max)
	default:
		return nil
	}
}

// Limit is the longest wait after the delivery with this number, counted from 1.
func (b Backoff) Limit(deliveries int) time.Duration {
	limit := b.Min
	for range deliveries - 1 {
		if limit >= b.Max/2 {
			return b.Max
		}
		limit *= 2
	}
	return min(limit, b.Max)
}

// Delay is the wait after the delivery with this number. random is in [0, 1).
func (b Backoff) Delay(deliveries int, random float64) time.Duration {
	return time.Duration(random * float64(b.Limit(deliveries)))
}

// DefaultMaxDeliveries is about 35 minutes of tries with the default Backoff.
const DefaultMaxDeliveries = 16

// Policy says what becomes of an event whose handling failed.
type Policy struct {
	// MaxDeliveries is how often an entry is handed over at most.
	MaxDeliveries int
	// Backoff is how long it waits in between.
	Backoff Backoff
}

// Validate tells what is wrong with the policy, or nil.
func (p Policy) Validate() error {
	var err error
	if p.MaxDeliveries < 1 {
		err = fmt.Errorf("max deliveries: expected at least 1, got %d", p.MaxDeliveries)
	}
	return errors.Join(err, p.Backoff.Validate())
}

// Decision is what a Policy says.
type Decision struct {
	// GiveUp makes the event a dead letter.
	GiveUp bool
	// Delay is how long the event waits otherwise.
	Delay time.Duration
}

// AfterFailure decides after the delivery with this number has failed. random is in [0, 1).
func (p Policy) AfterFailure(deliveries int, random float64) Decision {
	if deliveries >= p.MaxDeliveries {
		return Decision{GiveUp: true}
	}
	return Decision{Delay: p.Backoff.Delay(deliveries, random)}
}
