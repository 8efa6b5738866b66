package claim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/stream"
)

// Leaving is the part of a stream.Group that Leave needs.
type Leaving interface {
	Adopt(ctx context.Context, held func(stream.ID) bool) ([]stream.Delivery, error)
	Release(ctx context.Context, releases []stream.Release) (lost []stream.ID, err error)
	Leave(ctx context.Context) (gone bool, err error)
	Consumer() string
}

// leaveRetry is the pause between two attempts to leave.
const leaveRetry = 200 * time.Millisecond

// HandBack releases deliveries that were not started: each gets its delivery count back and is due at once.
func HandBack(ctx context.Context, group Leaving, deliveries []stream.Delivery) error {
	releases := make([]stream.Release, len(deliveries))
	for i, delivery := range deliveries {
		releases[i] = stream.Release{ID: delivery.ID, Deliveries: delivery.Deliveries - 1}
	}
	if len(releases) == 0 {
		return nil
	}
	_, err := group.Release(ctx, releases)
	return err
}

// Leave ends a consumer whose handlers have all returned or been given up: it hands back what stands under the
// consumer's name without having been started, and removes the name. abandoned tells which entries a handler works on
// that does not return; while there are such, the name stays. Leave tries again until it succeeds or ctx ends, and
// returns what stood in the way then; whatever is left is taken over when its lease has ended.
func Leave(ctx context.Context, group Leaving, abandoned func(stream.ID) bool) error {
	for {
		err := leave(ctx, group, abandoned)
		if err == nil {
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

func leave(ctx context.Context, group Leaving, abandoned func(stream.ID) bool) error {
	orphans, err := group.Adopt(ctx, abandoned)
	if stream.IsNoGroup(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := HandBack(ctx, group, orphans); err != nil {
		return err
	}
	gone, err := group.Leave(ctx)
	if err == nil && !gone {
		err = errStillPending
	}
	return err
}
