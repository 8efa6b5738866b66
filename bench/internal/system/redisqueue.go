package system

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/robinjoseph08/redisqueue/v2"
	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/bench/internal/order"
)

const (
	// redisQueueWorkers is how many handle a group's entries. Each acks an entry by itself and waits for the answer, so
	// there must be several; beyond about 16 they only cost more.
	redisQueueWorkers = 16
	// redisQueueBuffer is how many entries may wait for them, the library's default. A larger one gains nothing: a read
	// asks for as many entries as have room, and one that finds no room asks for no number and gets the whole backlog.
	redisQueueBuffer = 100
	// redisQueueBlock is how long a read waits, and how long the end may take.
	redisQueueBlock = time.Second
	// redisQueueVisibility is after how long an entry is taken from a consumer that seems dead. It must be longer than
	// an entry can wait in the memory of a living one, which holds the whole backlog.
	redisQueueVisibility = 5 * time.Minute
	// redisQueueReclaimEvery is how often that is looked for. The default of 1 s would page through all pending entries
	// every second.
	redisQueueReclaimEvery = time.Minute
)

// RedisQueue is robinjoseph08/redisqueue: a consumer with several workers for each group, over enough connections for all
// of them. Its producer does not trim, since trimming loses what is not handled yet.
type RedisQueue struct{}

// Name is what the tables call it.
func (RedisQueue) Name() string { return "redisqueue" }

// Prepare creates the groups.
func (RedisQueue) Prepare(ctx context.Context, target Target) error { return createGroups(ctx, target) }

// Publish adds events one by one; it knows no batches.
func (RedisQueue) Publish(ctx context.Context, target Target, events iter.Seq[order.Event], batch int) error {
	if batch > 1 {
		return fmt.Errorf("publish in batches: %w", errors.ErrUnsupported)
	}
	server, err := redisQueueServer(target, 1)
	if err != nil {
		return err
	}
	producer, err := redisqueue.NewProducerWithOptions(&redisqueue.ProducerOptions{RedisOptions: server})
	if err != nil {
		return err
	}
	for event := range events {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := producer.Enqueue(&redisqueue.Message{Stream: target.Stream, Values: map[string]any{
			"event": event.Name, "data": event.Data, "event_id": event.ID,
			"timestamp": event.Timestamp, "aggregate_id": event.AggregateID,
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func redisQueueServer(target Target, connections int) (*redisqueue.RedisOptions, error) {
	address, err := url.Parse(target.URL)
	if err != nil {
		return nil, fmt.Errorf("parse the server's URL: %w", err)
	}
	return &redisqueue.RedisOptions{Addr: address.Host, PoolSize: connections}, nil
}

// Consume runs a consumer for each group.
func (RedisQueue) Consume(ctx context.Context, target Target, handle Handle) error {
	loops, ctx := errgroup.WithContext(ctx)
	for index := range target.Groups {
		consumer, err := redisQueueConsumer(target, index, handle)
		if err != nil {
			return err
		}
		loops.Go(func() error { return redisQueueRun(ctx, consumer) })
	}
	return loops.Wait()
}

func redisQueueConsumer(target Target, group int, handle Handle) (*redisqueue.Consumer, error) {
	workers, buffer := redisQueueWorkers, redisQueueBuffer
	if target.Concurrency > 0 {
		workers, buffer = target.Concurrency, target.Concurrency
	}
	// One connection more for the reads, and one for the look at pending entries.
	server, err := redisQueueServer(target, workers+2)
	if err != nil {
		return nil, err
	}
	consumer, err := redisqueue.NewConsumerWithOptions(&redisqueue.ConsumerOptions{
		Name: "consumer-" + strconv.Itoa(os.Getpid()), GroupName: target.Groups[group],
		Concurrency: workers, BufferSize: buffer, BlockingTimeout: redisQueueBlock,
		VisibilityTimeout: redisQueueVisibility, ReclaimInterval: redisQueueReclaimEvery, RedisOptions: server,
	})
	if err != nil {
		return nil, fmt.Errorf("make the consumer of group %q: %w", target.Groups[group], err)
	}
	consumer.Register(target.Stream, func(received *redisqueue.Message) error {
		event, err := redisQueueEvent(received)
		if err != nil {
			return err
		}
		return handle(group, event)
	})
	return consumer, nil
}

func redisQueueEvent(received *redisqueue.Message) (order.Event, error) {
	var event order.Event
	for field, value := range received.Values {
		text, _ := value.(string)
		if err := event.Set(field, text); err != nil {
			return event, err
		}
	}
	return event, nil
}

// redisQueueRun runs the consumer until ctx ends, or until it reports the first error.
func redisQueueRun(ctx context.Context, consumer *redisqueue.Consumer) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		consumer.Run()
	}()
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-consumer.Errors:
	}
	consumer.Shutdown()
	for {
		select {
		case err := <-consumer.Errors: // which it waits for somebody to take
			failed = errors.Join(failed, err)
		case <-ended:
			return failed
		}
	}
}
