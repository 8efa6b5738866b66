package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/history"
	"github.com/millrace/millrace/stream"
)

// load publishes events at a steady pace until end is called, so that a trial happens under way.
type load struct {
	running sync.WaitGroup
	cancel  context.CancelFunc

	published int
	fault     error
}

// startLoad publishes an event with a drawn errand every so often; each one until Redis has taken it.
func (w *world) startLoad(ctx context.Context, every time.Duration, draw func(*rand.Rand) errand) *load {
	ctx, cancel := context.WithCancel(ctx)
	started := &load{cancel: cancel}
	random := rand.New(rand.NewPCG(w.settings.seed, 1))
	started.running.Go(func() {
		for ; started.fault == nil && rest(ctx, every) == nil; started.published++ {
			started.fault = w.publishErrand(context.WithoutCancel(ctx), fmt.Sprintf("e%d", started.published), draw(random))
		}
	})
	return started
}

// end stops the load, and returns how many events were published and what was wrong with it.
func (l *load) end() (published int, err error) {
	l.cancel()
	l.running.Wait()
	return l.published, l.fault
}

// publishErrand publishes an event, again and again until Redis has answered, and tells the history.
func (w *world) publishErrand(ctx context.Context, eventID string, todo errand) error {
	data, err := json.Marshal(todo)
	if err != nil {
		return fmt.Errorf("write an errand: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	event := stream.Event{Name: eventName, ID: eventID, Data: data, Time: time.Now()}
	for {
		_, err := w.client.Publish(ctx, event, stream.PublishOptions{})
		if err == nil {
			w.history.Published(eventID, history.Acknowledged)
			return nil
		}
		w.history.Published(eventID, history.Unknown)
		if rest(ctx, 20*time.Millisecond) != nil {
			return fmt.Errorf("publish %s: Redis took it not within %v: %w", eventID, drainWithin, err)
		}
	}
}
