package child

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/bench/internal/check"
	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/system"
)

// progressEvery is how often a consumer says how far it is, where that is wanted.
const progressEvery = 50 * time.Millisecond

// consume handles events until every group has seen all of them, and goes on until it is told to stop, so that what comes
// twice is seen too.
func consume(ctx context.Context, spec Spec, sys system.System, parent *parent) (Report, error) {
	consumer := newConsumer(spec)
	if err := parent.awaitGo(ctx); err != nil {
		return Report{}, err
	}
	var report Report
	consuming, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	err := measure(spec, &report, func() (time.Time, error) {
		go func() { ended <- sys.Consume(consuming, spec.Target, consumer.handle) }()
		return consumer.await(ctx, ended, parent)
	})
	if err != nil {
		return report, err
	}
	<-ctx.Done()
	stop()
	if err := <-ended; err != nil {
		return report, fmt.Errorf("consume: %w", err)
	}
	report.Seen, report.Slow = consumer.seen.Account(), consumer.slow.Account()
	report.Starts = consumer.tries.last()
	report.Latency = consumer.latency.quantiles()
	return report, nil
}

// consumer is what handles the events of the run.
type consumer struct {
	spec   Spec
	seen   *check.Seen
	failed chan error   // the first fault of an event
	last   atomic.Int64 // when an event was handled last, in nanoseconds; kept with Spec.Progress
	// slow is what the slow groups have seen, which nobody waits for.
	slow *check.Seen
	// latency is nil without Spec.Latency.
	latency *latency
	// tries is nil without Spec.Starts.
	tries *tries
}

func newConsumer(spec Spec) *consumer {
	fast := len(spec.Target.Groups) - spec.Target.Slow
	c := &consumer{
		spec: spec, seen: check.New(fast, spec.Events), slow: check.New(spec.Target.Slow, spec.Events),
		failed: make(chan error, 1),
	}
	if spec.Starts {
		c.tries = newTries(spec)
	}
	if spec.Latency {
		c.latency = newLatency(len(spec.Target.Groups), spec.WarmUp, spec.Events)
	}
	return c
}

// handle looks at the event, works for as long as the spec says, and notes that the group has seen it.
func (c *consumer) handle(group int, event order.Event) error {
	if event.Name != order.Name || event.Data == "" {
		return c.fail(fmt.Errorf("event %d came without its name or its data: %q", event.Sequence, event.Name))
	}
	if err := c.begin(group, event); err != nil {
		return err
	}
	if c.spec.Work > 0 && c.works(group) {
		time.Sleep(c.spec.Work)
	}
	if c.spec.Progress {
		c.last.Store(time.Now().UnixNano())
	}
	c.note(group, event.Sequence)
	if c.spec.Hold {
		select {}
	}
	return nil
}

// begin notes that a handling begins, and returns what it is to fail with.
func (c *consumer) begin(group int, event order.Event) error {
	if c.latency != nil {
		c.latency.began(group, event)
	}
	if c.tries != nil {
		return c.tries.began(event.Sequence)
	}
	return nil
}

// works tells whether handlings of the group take time: those of the slow groups, or all where there are none.
func (c *consumer) works(group int) bool {
	return c.spec.Target.Slow == 0 || c.spec.Target.IsSlow(group)
}

// note notes that the group has handled the event.
func (c *consumer) note(group, sequence int) {
	if fast := len(c.spec.Target.Groups) - c.spec.Target.Slow; group >= fast {
		c.slow.Saw(group-fast, sequence)
	} else {
		c.seen.Saw(group, sequence)
	}
}

func (c *consumer) fail(err error) error {
	select {
	case c.failed <- err:
	default:
	}
	return err
}

// await waits until everything was seen, or until the parent, who knows of all processes, says that it was. It returns
// when the last event was handled.
func (c *consumer) await(ctx context.Context, ended <-chan error, parent *parent) (time.Time, error) {
	complete, progress := c.seen.Complete(), make(<-chan time.Time)
	if c.spec.Progress {
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		complete, progress = nil, ticker.C
	}
	for {
		select {
		case <-complete:
			parent.say(message{Word: wordComplete})
			return c.seen.Ended(), nil
		case <-progress:
			parent.say(message{Word: wordProgress, Handled: c.seen.Handled()})
		case <-ctx.Done():
			return time.Unix(0, c.last.Load()), nil
		case err := <-c.failed:
			return time.Time{}, err
		case err := <-ended:
			return time.Time{}, errors.Join(errors.New("the system stopped to consume by itself"), err)
		}
	}
}
