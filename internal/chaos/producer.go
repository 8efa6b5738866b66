package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
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
	// callsASecond is how many publishes a second are enough. Where more events are due, a call publishes several.
	callsASecond = 200
	// mostAtOnce is how many events one call publishes at most: what the stream package adds in one step, so that all of
	// them are published or none is.
	mostAtOnce = 100
)

// producer publishes events at a steady pace, and tells the history what became of each.
type producer struct {
	clients []*stream.Client // taken in turn
	history *history.History
	seed    uint64
	events  int
	over    time.Duration
	next    atomic.Int64
}

// span is what one call publishes: the events of these numbers.
type span struct{ from, to int64 }

// run publishes all events, spread over the time that is given, and longer where Redis does not take them. It returns
// earlier when ctx ends.
func (p *producer) run(ctx context.Context) error {
	spans := make(chan span)
	faults := make(chan error, publishers)
	var publishing sync.WaitGroup
	for range publishers {
		publishing.Go(func() {
			for span := range spans {
				if err := p.publish(ctx, span); err != nil {
					faults <- err
					return
				}
			}
		})
	}
	p.pace(ctx, spans, faults)
	close(spans)
	publishing.Wait()
	close(faults)
	return <-faults
}

func (p *producer) pace(ctx context.Context, spans chan<- span, faults <-chan error) {
	began := time.Now()
	random := rand.New(rand.NewPCG(p.seed, 0))
	for next := (span{}); next.to < int64(p.events) && len(faults) == 0; {
		next = span{next.to, min(int64(p.events), next.to+p.size(random))}
		if rest(ctx, time.Until(began.Add(time.Duration(float64(p.over)*float64(next.from)/float64(p.events))))) != nil {
			return
		}
		select {
		case spans <- next:
		case <-ctx.Done():
			return
		}
	}
}

// size draws how many events one call publishes: one where that is fast enough, else any number around what is.
func (p *producer) size(random *rand.Rand) int64 {
	return min(1+random.Int64N(2*int64(p.mean())-1), mostAtOnce)
}

// mean is how many events a call has to publish. It makes rarer, too, what holds up consumers: as much of that comes to
// them in a second whatever the pace.
func (p *producer) mean() int { return max(1, int(float64(p.events)/p.over.Seconds())/callsASecond) }

// publish publishes the events of a span, a second time where the first is of unknown result and its first number even.
func (p *producer) publish(ctx context.Context, span span) error {
	var events []stream.Event
	for number := span.from; number < span.to; number++ {
		data, err := json.Marshal(newTask(rand.New(rand.NewPCG(p.seed, uint64(number))), p.mean()))
		if err != nil {
			return fmt.Errorf("write a task: %w", err)
		}
		events = append(events, stream.Event{Name: eventName, ID: eventID(number), Data: data, Time: time.Now()})
	}
	for range 1 + (span.from+1)%2 {
		client := p.clients[p.next.Add(1)%int64(len(p.clients))]
		result := publishOnce(ctx, client, events)
		for _, event := range events {
			p.history.Published(event.ID, result)
		}
		if result == history.Acknowledged {
			return nil
		}
	}
	return nil
}

// eventID names the event of a number, and eventNumber tells the number, or that the name is none of these.
func eventID(number int64) string { return fmt.Sprintf("e%d", number) }

func eventNumber(id string) (number int, isOurs bool) {
	digits, isOurs := strings.CutPrefix(id, "e")
	number, err := strconv.Atoi(digits)
	return number, isOurs && err == nil && number >= 0
}

// publishOnce publishes events in one step, whose result is that of each of them.
func publishOnce(ctx context.Context, client *stream.Client, events []stream.Event) history.Publish {
	began := time.Now()
	var err error
	if len(events) == 1 {
		_, err = client.Publish(ctx, events[0], stream.PublishOptions{})
	} else {
		_, err = client.PublishBatch(ctx, events, stream.PublishOptions{})
	}
	switch {
	case err == nil:
		return history.Acknowledged
	case stream.IsRefusal(err) && time.Since(began) < firstTry:
		return history.Refused
	}
	return history.Unknown
}
