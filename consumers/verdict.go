package consumers

import (
	"errors"
	"time"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

// verdict is what is to become of a delivery.
type verdict struct {
	outcome Outcome
	reason  string        // a Retry or Dead constant of package stream
	delay   time.Duration // of a retry
	err     error
}

// judge decides about a delivery from what its handler returned and why the handler's context ended (nil: it did not).
// deliveries counts this one; random is in [0, 1).
func judge(err, cause error, deliveries int, policy claim.Policy, random float64) verdict {
	if err == nil {
		return verdict{outcome: Acked}
	}
	permanent, asked := (*permanentError)(nil), (*retryError)(nil)
	decision := policy.AfterFailure(deliveries, random)
	switch {
	case errors.Is(cause, claim.ErrLost):
		return verdict{outcome: Lost, err: err}
	case errors.As(err, &permanent):
		return verdict{outcome: DeadLettered, reason: stream.DeadPermanent, err: err}
	case decision.GiveUp:
		return verdict{outcome: DeadLettered, reason: stream.DeadMaxDeliveries, err: err}
	case errors.Is(cause, ErrShutdown):
		return verdict{outcome: Retried, reason: stream.RetryShutdown, err: err}
	case errors.As(err, &asked):
		decision.Delay = asked.delay
	}
	return verdict{outcome: Retried, reason: retryReason(err, cause), delay: decision.Delay, err: err}
}

func retryReason(err, cause error) string {
	panicked := (*panicError)(nil)
	switch {
	case errors.Is(err, errStuck):
		return stream.RetryStuck
	case errors.As(err, &panicked):
		return stream.RetryPanic
	case errors.Is(cause, ErrTimeout):
		return stream.RetryTimeout
	default:
		return stream.RetryFailed
	}
}
