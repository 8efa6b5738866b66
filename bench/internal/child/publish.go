package child

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/bench/internal/system"
)

// publish adds the events one by one, or in batches. They exist before the time begins.
func publish(ctx context.Context, spec Spec, sys system.System, parent *parent) (Report, error) {
	ready := slices.Values(events(spec))
	if err := parent.awaitGo(ctx); err != nil {
		return Report{}, err
	}
	var report Report
	err := measure(spec, &report, func() (time.Time, error) {
		err := sys.Publish(ctx, spec.Target, ready, spec.Batch)
		return time.Now(), err
	})
	if errors.Is(err, errors.ErrUnsupported) {
		return Report{Unsupported: true}, nil
	}
	if err != nil {
		return report, fmt.Errorf("publish: %w", err)
	}
	return report, nil
}
