package system

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// Millrace runs its groups through the packages stream and consumers, with their defaults, its metrics counted and its
// log written.
type Millrace struct{}

// Name is what the tables call it.
func (Millrace) Name() string { return "millrace" }

// Prepare leaves the groups to Consume, which creates them.
func (Millrace) Prepare(context.Context, Target) error { return nil }

// Publish adds events one by one.
func (Millrace) Publish(ctx context.Context, target Target, events iter.Seq[order.Event], batch int) error {
	if batch > 1 {
		return fmt.Errorf("publish in batches: %w", errors.ErrUnsupported)
	}
	client, err := stream.Open(stream.Options{URL: target.URL, Stream: target.Stream})
	if err != nil {
		return err
	}
	defer client.Close()
	for event := range events {
		if _, err := client.Publish(ctx, streamEvent(event), stream.PublishOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func streamEvent(event order.Event) stream.Event {
	return stream.Event{
		Name: event.Name, ID: event.ID, Data: []byte(event.Data), Time: time.UnixMilli(event.Timestamp),
		AggregateID: event.AggregateID,
	}
}

// Consume runs a Set until ctx ends.
func (Millrace) Consume(ctx context.Context, target Target, handle Handle) error {
	client, err := stream.Open(stream.Options{URL: target.URL, Stream: target.Stream})
	if err != nil {
		return err
	}
	defer client.Close()
	log, err := zap.NewProduction()
	if err != nil {
		return fmt.Errorf("make a logger: %w", err)
	}
	options := consumers.Options{Logger: log, Metrics: consumers.NewMetrics(prometheus.NewRegistry())}
	set, err := consumers.NewSet(client, options, millraceGroups(target, handle)...)
	if err != nil {
		return err
	}
	return set.Run(ctx)
}

func millraceGroups(target Target, handle Handle) []consumers.GroupOptions {
	groups := make([]consumers.GroupOptions, len(target.Groups))
	for index, name := range target.Groups {
		groups[index] = consumers.GroupOptions{
			Name: name, Events: []string{order.Name}, From: stream.FromBeginning(),
			Concurrency: target.Concurrency,
			Handler: consumers.HandlerFunc(func(_ context.Context, delivery *consumers.Delivery) error {
				event, err := millraceEvent(delivery)
				if err != nil {
					return err
				}
				return handle(index, event)
			}),
		}
	}
	return groups
}

// millraceEvent takes what Millrace has decoded into the event.
func millraceEvent(delivery *consumers.Delivery) (order.Event, error) {
	event := order.Event{
		Name: delivery.Name, Data: order.Alias(delivery.Data), AggregateID: delivery.AggregateID,
		Timestamp: delivery.Time.UnixMilli(),
	}
	return event, event.SetID(delivery.ID)
}
