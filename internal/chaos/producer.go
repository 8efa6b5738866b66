package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/internal/history"
	"github.com/millrace/millrace/stream"
)

const (
	// publishers is how many goroutines publish; so many publishes at most wait for Redis at once.
	publishers = 16
	// firstTry is less than the shortest pause before a second try: what was refused sooner was asked once.
	firstTry = 90 * time.Millisecond
)

// producer publishes events at a steady pace, and tells the history what became of each.
type producer struct {
	clients []*stream.Client // taken in turn
	history *history.History
	seed    uint64
	next    atomic.Int64
}

// run publishes so many events, spread over that time. It returns when the time is over or ctx ends, whether all were
// published or not.
func (p *producer) run(ctx context.Context, events int, over time.Duration) error {
	numbers := make(chan int64)
	faults := make(chan error, publishers)
	var publishing sync.WaitGroup
	for range publishers {
		publishing.Go(func() {
			for number := range numbers {
				if err := p.publish(ctx, number); err != nil {
					faults <- err
					return
				}
			}
		})
	}
	p.pace(ctx, numbers, faults, int64(events), over)
	close(numbers)
	publishing.Wait()
	close(faults)
	return <-faults
}

func (p *producer) pace(ctx context.Context, numbers chan<- int64, faults <-chan error, events int64, over time.Duration) {
	began := time.Now()
	end := time.NewTimer(over)
	defer end.Stop()
	for number := range events {
		if rest(ctx, time.Until(began.Add(over*time.Duration(number)/time.Duration(events)))) != nil {
			return
		}
		select {
		case numbers <- number:
		case <-ctx.Done():
			return
		case <-end.C:
			return
		}
		if len(faults) > 0 {
			return
		}
	}
}

// publish publishes one event, a second time where the first is of unknown result and the number is even.
func (p *producer) publish(ctx context.Context, number int64) error {
	random := rand.New(rand.NewPCG(p.seed, uint64(number)))
	data, err := json.Marshal(newTask(random))
	if err != nil {
		return fmt.Errorf("write a task: %w", err)
	}
	event := stream.Event{Name: eventName, ID: fmt.Sprintf("e%d", number), Data: data, Time: time.Now()}
	for range 1 + (number+1)%2 {
		client := p.clients[p.next.Add(1)%int64(len(p.clients))]
		result := publishOnce(ctx, client, event)
		if p.history.Published(event.ID, result); result == history.Acknowledged {
			return nil
		}
	}
	return nil
}

func publishOnce(ctx context.Context, client *stream.Client, event stream.Event) history.Publish {
	began := time.Now()
	_, err := client.Publish(ctx, event, stream.PublishOptions{})
	switch {
	case err == nil:
		return history.Acknowledged
	case stream.IsRefusal(err) && time.Since(began) < firstTry:
		return history.Refused
	}
	return history.Unknown
}
