package system_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/server"
	"github.com/millrace/millrace/bench/internal/system"
)

// onRedis are the systems that can be tried on a redis-server.
func onRedis() []system.System {
	return slices.DeleteFunc(system.All(), func(sys system.System) bool {
		_, isHosted := sys.(system.Hosted)
		return isHosted || sys == system.System(system.Goroutines{})
	})
}

// startRedis starts a server that ends with the test.
func startRedis(t *testing.T) *server.Redis {
	t.Helper()
	redis, err := server.StartRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Stop)
	return redis
}

// prepare makes the system ready on an empty server.
func prepare(t *testing.T, redis *server.Redis, sys system.System, target system.Target) {
	t.Helper()
	if err := redis.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sys.Prepare(t.Context(), target); err != nil {
		t.Fatal(err)
	}
}

// consume returns what each group is handed until it has as many events as there are to be, and checks that all of it is
// acked in the end.
func consume(t *testing.T, sys system.System, target system.Target, expected int) [][]order.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var mu sync.Mutex
	left := expected * len(target.Groups)
	got := make([][]order.Event, len(target.Groups))
	consuming, stop := context.WithCancel(ctx)
	defer stop()
	err := sys.Consume(consuming, target, func(group int, event order.Event) error {
		mu.Lock()
		defer mu.Unlock()
		got[group] = append(got[group], clone(event))
		if left--; left == 0 {
			stop()
		}
		return nil
	})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("it runs a handler of its own")
	}
	if err != nil || ctx.Err() != nil {
		t.Fatalf("consume: %v, %v; %d events are missing", err, ctx.Err(), left)
	}
	unsettled, err := system.Unsettled(t.Context(), sys, target)
	for deadline := time.Now().Add(10 * time.Second); err == nil && unsettled > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // a server may count an ack a moment after it has come
		unsettled, err = system.Unsettled(t.Context(), sys, target)
	}
	if err != nil || unsettled != 0 {
		t.Errorf("%d deliveries are not acked when Consume has returned, %v", unsettled, err)
	}
	return got
}

// clone keeps an event beyond its handling.
func clone(event order.Event) order.Event {
	event.Name, event.Data = strings.Clone(event.Name), strings.Clone(event.Data)
	event.ID, event.AggregateID = strings.Clone(event.ID), strings.Clone(event.AggregateID)
	return event
}

// bySequence sorts events, since no system but the inline loops promises an order.
func bySequence(events []order.Event) []order.Event {
	return slices.SortedFunc(slices.Values(events), func(a, b order.Event) int { return a.Sequence - b.Sequence })
}

func TestEveryGroupIsHandedEveryEventWhole(t *testing.T) {
	redis := startRedis(t)
	events := order.Many(2500, order.DefaultDataBytes)
	for _, sys := range onRedis() {
		for _, concurrency := range []int{0, 8} {
			t.Run(fmt.Sprintf("%s, concurrency %d", sys.Name(), concurrency), func(t *testing.T) {
				target := system.NewTarget(redis.URL(), 2, len(events))
				target.Concurrency = concurrency
				prepare(t, redis, sys, target)
				if err := system.Fill(t.Context(), sys, target, slices.Values(events)); err != nil {
					t.Fatal(err)
				}
				for group, got := range consume(t, sys, target, len(events)) {
					if !slices.Equal(bySequence(got), events) {
						t.Errorf("group %d got other events than were stored", group+1)
					}
				}
			})
		}
	}
}

func TestWhatIsPublishedArrives(t *testing.T) {
	redis := startRedis(t)
	events := order.Many(25, order.DefaultDataBytes)
	for _, sys := range onRedis() {
		for _, batch := range []int{1, 10} {
			t.Run(fmt.Sprintf("%s, batches of %d", sys.Name(), batch), func(t *testing.T) {
				target := system.NewTarget(redis.URL(), 2, len(events))
				prepare(t, redis, sys, target)
				err := sys.Publish(t.Context(), target, slices.Values(events), batch)
				if errors.Is(err, errors.ErrUnsupported) {
					t.Skip("it cannot publish so")
				}
				if err != nil {
					t.Fatal(err)
				}
				for group, got := range consume(t, sys, target, len(events)) {
					if !slices.Equal(bySequence(got), events) {
						t.Errorf("group %d got other events than were published", group+1)
					}
				}
			})
		}
	}
}
