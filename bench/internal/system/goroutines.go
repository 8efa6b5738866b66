package system

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/millrace/millrace/bench/internal/order"
)

// Goroutines is the control for slow handlers: as many goroutines as may handle at once, and no queue. What they reach is
// what the machine's timers and scheduler leave.
type Goroutines struct{}

// Name is what the tables call it.
func (Goroutines) Name() string { return "goroutines" }

// Prepare has nothing to make ready.
func (Goroutines) Prepare(context.Context, Target) error { return nil }

// Fill stores nothing.
func (Goroutines) Fill(context.Context, Target, iter.Seq[order.Event]) error { return nil }

// Unsettled is none: nothing is acked.
func (Goroutines) Unsettled(context.Context, Target) (int, error) { return 0, nil }

// Publish cannot be: there is no queue.
func (Goroutines) Publish(context.Context, Target, iter.Seq[order.Event], int) error {
	return fmt.Errorf("publish: %w", errors.ErrUnsupported)
}

// Consume handles the process' share of the events that the run would have, each goroutine its own.
func (Goroutines) Consume(ctx context.Context, target Target, handle Handle) error {
	var working sync.WaitGroup
	every := target.Concurrency * target.Processes
	for group := range target.Groups {
		for place := range target.Concurrency {
			first := place*target.Processes + target.Process
			working.Go(func() {
				for sequence := first; sequence < target.Events && ctx.Err() == nil; sequence += every {
					event := order.Event{Name: order.Name, Data: "{}", Sequence: sequence}
					_ = handle(group, event) // the run knows of it
				}
			})
		}
	}
	working.Wait()
	<-ctx.Done()
	return nil
}
