package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

// restartsTrial replaces all processes one by one, again and again, under work that ends within the grace: nothing is
// handled twice, no delivery counts that was not started, and no name is left.
type restartsTrial struct {
	ended []time.Duration // how long each process took to end
	left  []error         // the names that were still there when their processes had ended
}

func (*restartsTrial) plan() trialPlan {
	return trialPlan{name: "restarts", size: 50, consumers: 3, every: 5 * time.Millisecond, errand: restartsErrand}
}

// restartsErrand draws work of up to 50 ms, and of a second for some: buffers hold entries that were not started.
func restartsErrand(random *rand.Rand) errand {
	if random.IntN(50) == 0 {
		return errand{WorkMicroseconds: 1_000_000}
	}
	return errand{WorkMicroseconds: random.IntN(50_000)}
}

func (t *restartsTrial) unfold(ctx context.Context, w *world, size int) error {
	if err := rest(ctx, lease); err != nil { // until there is work in hand
		return err
	}
	for range size {
		for place := range w.fleet.size() {
			ending := w.fleet.at(place)
			began := time.Now()
			if err := ending.terminate(); err != nil {
				return err
			}
			t.ended = append(t.ended, time.Since(began))
			t.left = append(t.left, w.namesLeft(ctx, ending.name+"-"))
			if err := rest(ctx, 100*time.Millisecond); err != nil { // the new one is to read before the next one ends
				return err
			}
		}
	}
	return nil
}

// namesLeft returns an error that tells which names of consumers begin so, beside the reserved one.
func (w *world) namesLeft(ctx context.Context, prefix string) error {
	var faults []error
	for _, group := range groupNames() {
		consumers, err := w.client.Redis().XInfoConsumers(ctx, w.client.Keys().Stream(), group).Result()
		faults = append(faults, err)
		for _, consumer := range consumers {
			if strings.HasPrefix(consumer.Name, prefix) && consumer.Name != "waiting" {
				faults = append(faults, fmt.Errorf("group %s still has the name %s, with %d pending", group, consumer.Name, consumer.Pending))
			}
		}
	}
	return errors.Join(faults...)
}

func (t *restartsTrial) judge(ctx context.Context, w *world, all []sighting, out io.Writer) error {
	faults := append(t.left, w.namesLeft(ctx, ""))
	handlings := handlingsOf(all)
	burnt := 0
	for _, each := range handlings {
		if each.deliveries != 1 {
			burnt++
			faults = append(faults, fmt.Errorf("%s was handed %s of %s as delivery %d", each.consumer, each.eventID, each.group, each.deliveries))
		}
	}
	most, middle := longest(t.ended)
	fmt.Fprintf(out, "processes ended by SIGTERM: %d, within %v at most, %v in the middle\n", len(t.ended),
		most.Round(time.Millisecond), middle.Round(time.Millisecond))
	fmt.Fprintf(out, "handlings: %d, of them with a delivery count above 1: %d\n", len(handlings), burnt)
	return errors.Join(append(faults, w.judgeLosses(ctx, handlings, out, none))...)
}
