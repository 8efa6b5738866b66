package consumers

import (
	"errors"
	"time"

	"github.com/millrace/millrace/claim"
)

// Why the context of a handler ended before its work did: what context.Cause returns.
var (
	// ErrTimeout: the handling took longer than the group's timeout.
	ErrTimeout = errors.New("the handler's timeout has passed")
	// ErrLeaseLost: another consumer owns the entry by now; whatever this handler returns is not recorded.
	ErrLeaseLost = claim.ErrLost
	// ErrShutdown: the process must stop and the grace period has passed.
	ErrShutdown = errors.New("the process is stopping and the grace period has passed")
)

// Permanent marks err as one that trying again cannot mend: the event becomes a dead letter at once. Permanent(nil) is
// nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// MaxRetryAfter is the longest that RetryAfter lets an event wait: what waits keeps the stream from being trimmed.
const MaxRetryAfter = 24 * time.Hour

// RetryAfter marks err as one that is worth trying again after delay, in place of the backoff. The try counts all the
// same: after the last permitted delivery the event becomes a dead letter. A negative delay is zero, one beyond
// MaxRetryAfter is cut to it; RetryAfter(d, nil) is nil.
func RetryAfter(delay time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &retryError{err, min(max(0, delay), MaxRetryAfter)}
}

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

type retryError struct {
	error
	delay time.Duration
}

func (e *retryError) Unwrap() error { return e.error }
