package claim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/stream"
)

// Leaving is the part of a stream.Group that Leave needs.
type Leaving interface {
	Adopt(ctx context.Context, held func(stream.ID) bool, room stream.Room) (adopted, over []stream.Delivery, err error)
	Release(ctx context.Context, releases []stream.Release) (lost []stream.ID, err error)
	Leave(ctx context.Context) (gone bool, err error)
	Consumer() string
}

// leaveRetry is the pause between two attempts to leave.
const leaveRetry = 200 * time.Millisecond

// HandBack releases deliveries that were not started: each gets its delivery count back and is due at once.
func HandBack(ctx context.Context, group Leaving, deliveries []stream.Delivery) error {
	return handBack(ctx, group, deliveries, func(stream.ID) bool { return false })
}

// handBack releases deliveries, due at once. What was started keeps its delivery count.
func handBack(ctx context.Context, group Leaving, deliveries []stream.Delivery, started func(stream.ID) bool) error {
	for chunk := range slices.Chunk(deliveries, renewBatch) {
		releases := make([]stream.Release, len(chunk))
		for i, delivery := range chunk {
			releases[i] = stream.Release{
				ID: delivery.ID, Deliveries: delivery.Deliveries, Unstarted: !started(delivery.ID),
			}
		}
		if _, err := group.Release(ctx, releases); err != nil {
			return err
		}
	}
	return nil
}

// Leave ends a consumer: it hands back whatever still stands under the consumer's name, and removes the name. started
// tells what was begun and could not be settled: those keep their delivery counts. It tries again until it succeeds or
// ctx ends, and returns what stood in the way then; what is left is taken over when its lease has ended.
func Leave(ctx context.Context, group Leaving, started func(stream.ID) bool) error {
	for {
		err := leave(ctx, group, started)
		if err == nil || stream.IsNoGroup(err) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("consumer %q leaves entries behind: %w", group.Consumer(), err)
		case <-time.After(leaveRetry):
		}
	}
}

var errStillPending = errors.New("entries are still pending under its name")

func leave(ctx context.Context, group Leaving, started func(stream.ID) bool) error {
	_, left, err := group.Adopt(ctx, func(stream.ID) bool { return false }, stream.Room{}) // none of it will be handled here
	if err != nil {
		return err
	}
	if err := handBack(ctx, group, left, started); err != nil {
		return err
	}
	gone, err := group.Leave(ctx)
	if err == nil && !gone {
		err = errStillPending
	}
	return err
}
