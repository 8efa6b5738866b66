package child

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/system"
)

// leadTime is between the word to go and the first event's time.
const leadTime = 20 * time.Millisecond

// produce sends Spec.Rate events a second in an open loop: each has its time and is sent then, or as soon after as the
// process gets to it, together with all others that are due, whatever has become of those before. An event carries the
// time that it was to be sent at, so waiting counts as latency wherever it arises.
func produce(ctx context.Context, spec Spec, sys system.System, parent *parent) (Report, error) {
	sender, err := system.Dial(ctx, sys, spec.Target)
	if err != nil {
		return Report{}, err
	}
	if err := parent.awaitGo(ctx); err != nil {
		return Report{}, errors.Join(err, sender.Close())
	}
	exactPauses()
	report := Report{Began: time.Now().Add(leadTime)}
	late, err := schedule{
		begin: report.Began, every: time.Second / time.Duration(spec.Rate), events: events(spec),
	}.send(ctx, sender)
	report.Ended = time.Now()
	if err := errors.Join(err, sender.Close()); err != nil {
		return report, fmt.Errorf("produce: %w", err)
	}
	report.Late = quantiles(late)
	return report, nil
}

// schedule says when each event is to be sent.
type schedule struct {
	begin  time.Time
	every  time.Duration
	events []order.Event // without their times
}

// send sends all events and returns how late each was.
func (s schedule) send(ctx context.Context, sender system.Sender) ([]time.Duration, error) {
	late := make([]time.Duration, 0, len(s.events))
	for sent := 0; sent < len(s.events); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		pause(time.Until(s.at(sent)))
		now, due := time.Now(), sent
		for ; due < len(s.events) && !s.at(due).After(now); due++ {
			s.events[due] = s.events[due].PublishedAt(s.at(due))
			late = append(late, now.Sub(s.at(due)))
		}
		if err := sender.Send(s.events[sent:due]); err != nil {
			return nil, err
		}
		sent = due
	}
	return late, nil
}

func (s schedule) at(number int) time.Time { return s.begin.Add(time.Duration(number) * s.every) }

// Quantiles sum up how long things took.
type Quantiles struct{ P50, P99, P999, Max time.Duration }

// quantiles sorts times.
func quantiles(times []time.Duration) Quantiles {
	if len(times) == 0 {
		return Quantiles{}
	}
	slices.Sort(times)
	at := func(permille int) time.Duration { return times[min(len(times)*permille/1000, len(times)-1)] }
	return Quantiles{P50: at(500), P99: at(990), P999: at(999), Max: times[len(times)-1]}
}
