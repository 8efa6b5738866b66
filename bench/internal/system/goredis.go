package system

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/bench/internal/order"
)

const (
	// readAtOnce is what the bare loops ask for with one read, where the target does not say.
	readAtOnce = 1000
	// readBlock is how long their reads wait for entries; the end of a run waits for it.
	readBlock = 100 * time.Millisecond
)

// GoRedis is the loop that an experienced user of go-redis writes who wants nothing but speed: one goroutine for each
// group that reads 1,000 entries at once and acks them together with the next read.
type GoRedis struct{}

// Name is what the tables call it.
func (GoRedis) Name() string { return "go-redis" }

// Prepare creates the groups.
func (GoRedis) Prepare(ctx context.Context, target Target) error { return createGroups(ctx, target) }

// Publish sends plain XADDs, in pipelines where batch > 1.
func (GoRedis) Publish(ctx context.Context, target Target, events iter.Seq[order.Event], batch int) error {
	client, err := newClient(target)
	if err != nil {
		return err
	}
	defer client.Close()
	pipeline := client.Pipeline()
	for event := range events {
		add := &redis.XAddArgs{Stream: target.Stream, Values: []any{
			"event", event.Name, "data", event.Data, "event_id", event.ID,
			"timestamp", event.Timestamp, "aggregate_id", event.AggregateID,
		}}
		if batch <= 1 {
			err = client.XAdd(ctx, add).Err()
		} else if pipeline.XAdd(ctx, add); pipeline.Len() == batch {
			_, err = pipeline.Exec(ctx)
		}
		if err != nil {
			return fmt.Errorf("add an event: %w", err)
		}
	}
	_, err = pipeline.Exec(ctx)
	return err
}

// Consume runs the loops, with worker goroutines behind each where target asks for concurrency.
func (GoRedis) Consume(ctx context.Context, target Target, handle Handle) error {
	client, err := newClient(target)
	if err != nil {
		return err
	}
	defer client.Close()
	loops, ctx := errgroup.WithContext(ctx)
	for group := range target.Groups {
		loop := &goRedisLoop{client: client, target: target, group: group, handle: handle}
		loops.Go(func() error {
			if target.Concurrency > 0 {
				return loop.runWorkers(ctx)
			}
			return loop.runInline(ctx)
		})
	}
	return loops.Wait()
}

// goRedisLoop reads for one group.
type goRedisLoop struct {
	client *redis.Client
	target Target
	group  int
	handle Handle

	mu   sync.Mutex
	done []string // the IDs to ack with the next read
}

func (l *goRedisLoop) name() string { return l.target.Groups[l.group] }

// runInline handles each batch where it was read.
func (l *goRedisLoop) runInline(ctx context.Context) error {
	for ctx.Err() == nil {
		messages, err := l.read(ctx, cmp.Or(l.target.ReadAtOnce, readAtOnce))
		if err != nil {
			return err
		}
		for _, message := range messages {
			if err := l.work(message); err != nil {
				return err
			}
			l.done = append(l.done, message.ID)
		}
	}
	return l.ack(context.WithoutCancel(ctx))
}

// runWorkers hands what was read to as many workers as may handle at once, and reads ahead as much again.
func (l *goRedisLoop) runWorkers(ctx context.Context) error {
	queue := make(chan redis.XMessage, l.target.Concurrency)
	workers, ctx := errgroup.WithContext(ctx)
	for range l.target.Concurrency {
		workers.Go(func() error { return l.drain(queue) })
	}
	for ctx.Err() == nil {
		messages, err := l.read(ctx, l.target.Concurrency)
		if err != nil {
			close(queue)
			return errors.Join(err, workers.Wait())
		}
		for _, message := range messages {
			queue <- message
		}
	}
	close(queue)
	return errors.Join(workers.Wait(), l.ack(context.WithoutCancel(ctx)))
}

func (l *goRedisLoop) drain(queue <-chan redis.XMessage) error {
	var failed error
	for message := range queue {
		if failed != nil {
			continue // the reader must not be left standing
		}
		failed = l.work(message)
		l.mu.Lock()
		l.done = append(l.done, message.ID)
		l.mu.Unlock()
	}
	return failed
}

// read acks what is done and reads up to count entries, in one round trip.
func (l *goRedisLoop) read(ctx context.Context, count int) ([]redis.XMessage, error) {
	done := l.takeDone()
	var reply *redis.XStreamSliceCmd
	_, err := l.client.Pipelined(context.WithoutCancel(ctx), func(pipeline redis.Pipeliner) error {
		if len(done) > 0 {
			pipeline.XAck(ctx, l.target.Stream, l.name(), done...)
		}
		reply = pipeline.XReadGroup(ctx, &redis.XReadGroupArgs{
			Group: l.name(), Consumer: "consumer-" + strconv.Itoa(os.Getpid()),
			Streams: []string{l.target.Stream, ">"}, Count: int64(count), Block: readBlock,
		})
		return nil
	})
	if isNoEntries(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read group %q: %w", l.name(), err)
	}
	return reply.Val()[0].Messages, nil
}

func (l *goRedisLoop) takeDone() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	done := l.done
	l.done = nil
	return done
}

func (l *goRedisLoop) ack(ctx context.Context) error {
	if done := l.takeDone(); len(done) > 0 {
		return l.client.XAck(ctx, l.target.Stream, l.name(), done...).Err()
	}
	return nil
}

// work decodes one entry and handles it.
func (l *goRedisLoop) work(message redis.XMessage) error {
	var event order.Event
	for field, value := range message.Values {
		text, _ := value.(string)
		if err := event.Set(field, text); err != nil {
			return err
		}
	}
	return l.handle(l.group, event)
}
