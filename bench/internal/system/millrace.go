package system

import (
	"context"
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

// Publish calls Publish for each event, or PublishBatch.
func (Millrace) Publish(ctx context.Context, target Target, events iter.Seq[order.Event], batch int) error {
	client, err := stream.Open(stream.Options{URL: target.URL, Stream: target.Stream})
	if err != nil {
		return err
	}
	defer client.Close()
	if batch > 1 {
		return publishBatches(ctx, client, events, batch)
	}
	for event := range events {
		if _, err := client.Publish(ctx, streamEvent(event), stream.PublishOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func publishBatches(ctx context.Context, client *stream.Client, events iter.Seq[order.Event], size int) error {
	batch := make([]stream.Event, 0, size)
	for event := range events {
		if batch = append(batch, streamEvent(event)); len(batch) < size {
			continue
		}
		if _, err := client.PublishBatch(ctx, batch, stream.PublishOptions{}); err != nil {
			return err
		}
		batch = batch[:0]
	}
	_, err := client.PublishBatch(ctx, batch, stream.PublishOptions{})
	return err
}

func streamEvent(event order.Event) stream.Event {
	return stream.Event{
		Name: event.Name, ID: event.ID, Data: []byte(event.Data), Time: time.UnixMilli(event.Timestamp),
		AggregateID: event.AggregateID,
	}
}

// Consume runs a Set until ctx ends.
func (Millrace) Consume(ctx context.Context, target Target, handle Handle) error {
	return runSet(ctx, target, func(_ *stream.Client, group int) (consumers.Handler, error) {
		return consumers.HandlerFunc(func(_ context.Context, delivery *consumers.Delivery) error {
			event, err := millraceEvent(delivery)
			if err != nil {
				return err
			}
			return handle(group, event)
		}), nil
	})
}

// runSet runs a Set until ctx ends, in which each group has the handler that newHandler makes for it.
func runSet(
	ctx context.Context, target Target, newHandler func(client *stream.Client, group int) (consumers.Handler, error),
) error {
	client, err := stream.Open(stream.Options{URL: target.URL, Stream: target.Stream})
	if err != nil {
		return err
	}
	defer client.Close()
	groups := make([]consumers.GroupOptions, len(target.Groups))
	for number := range groups {
		groups[number] = millraceGroup(target, number)
		if groups[number].Handler, err = newHandler(client, number); err != nil {
			return err
		}
	}
	log, err := zap.NewProduction()
	if err != nil {
		return fmt.Errorf("make a logger: %w", err)
	}
	set, err := consumers.NewSet(client, consumers.Options{
		Lease: target.Lease, Logger: log, Metrics: consumers.NewMetrics(prometheus.NewRegistry()),
	}, groups...)
	if err != nil {
		return err
	}
	return set.Run(ctx)
}

// millraceGroup is all but the handler.
func millraceGroup(target Target, number int) consumers.GroupOptions {
	options := consumers.GroupOptions{
		Name: target.Groups[number], Events: []string{order.Name}, From: stream.FromBeginning(), Concurrency: target.Concurrency,
	}
	if target.IsSlow(number) {
		options.Concurrency = 1
	}
	return options
}

// millraceEvent takes what Millrace has decoded into the event.
func millraceEvent(delivery *consumers.Delivery) (order.Event, error) {
	event := order.Event{
		Name: delivery.Name, Data: order.Alias(delivery.Data), AggregateID: delivery.AggregateID,
		Timestamp: delivery.Time.UnixMilli(),
	}
	return event, event.SetID(delivery.ID)
}
