package consumers

import (
	"context"
	"time"

	"github.com/millrace/millrace/stream"
)

// insist calls do until it succeeds, the group turns out to be gone, or ctx ends, and returns the last error. Its pauses
// grow, up to longest.
func insist(ctx context.Context, longest time.Duration, do func() error) error {
	for pause := min(50*time.Millisecond, longest); ; pause = min(2*pause, longest) {
		err := do()
		if err == nil || stream.IsNoGroup(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// sleep waits, or returns early when ctx ends.
func sleep(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// within runs wait and tells whether it returned in time. A wait that did not goes on in the background until what it
// waits for ends.
func within(limit time.Duration, wait func()) bool {
	done := make(chan struct{})
	go func() {
		wait()
		close(done)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// signal puts a token into a channel that holds one, where there is none.
func signal(channel chan<- struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}
