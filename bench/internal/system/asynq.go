package system

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/bench/internal/order"
)

const (
	// asynqWorkers is how many tasks of a group are handled at once. A task's end is a round trip, so there must be
	// several; fetching, one task after the other, does not keep more than these busy.
	asynqWorkers = 10
	// asynqCheckEvery is how often an empty queue is asked for tasks; the default of 1 s is what a task would wait.
	asynqCheckEvery = 5 * time.Millisecond
	// asynqSenders is how many tasks are enqueued at once where nobody waits for one before the next.
	asynqSenders = 32
)

// Asynq is hibiken/asynq: it has no groups, so each has a queue of its own and each event is enqueued once for every
// queue. Each queue has a server of its own, since a server fetches one task after the other. Tasks that are done are not
// kept, as is its default.
type Asynq struct{}

// Name is what the tables call it.
func (Asynq) Name() string { return "asynq" }

// Prepare has nothing to make ready: a queue comes into being with its first task.
func (Asynq) Prepare(context.Context, Target) error { return nil }

// Publish enqueues events one by one, for each group; it knows no batches.
func (Asynq) Publish(ctx context.Context, target Target, events iter.Seq[order.Event], batch int) error {
	if batch > 1 {
		return fmt.Errorf("publish in batches: %w", errors.ErrUnsupported)
	}
	client, err := newClient(target)
	if err != nil {
		return err
	}
	defer client.Close()
	queues := asynq.NewClientFromRedisClient(client)
	for event := range events {
		for _, group := range target.Groups {
			if err := asynqEnqueue(ctx, queues, group, event); err != nil {
				return err
			}
		}
	}
	return nil
}

func asynqEnqueue(ctx context.Context, queues *asynq.Client, group string, event order.Event) error {
	task := asynq.NewTask(order.Name, appendPayload(nil, event))
	if _, err := queues.EnqueueContext(ctx, task, asynq.Queue(group)); err != nil {
		return fmt.Errorf("enqueue for %q: %w", group, err)
	}
	return nil
}

// Fill enqueues many at once.
func (a Asynq) Fill(ctx context.Context, target Target, events iter.Seq[order.Event]) error {
	sender, err := a.Dial(ctx, target)
	if err != nil {
		return err
	}
	for event := range events {
		err = errors.Join(err, sender.Send([]order.Event{event}))
	}
	return errors.Join(err, sender.Close())
}

// Dial makes a sender that enqueues many at once.
func (Asynq) Dial(ctx context.Context, target Target) (Sender, error) {
	client, err := newPool(target, asynqSenders)
	if err != nil {
		return nil, err
	}
	s := &asynqSender{groups: target.Groups, due: make(chan asynqDue, 1000*asynqSenders), client: client}
	queues := asynq.NewClientFromRedisClient(client)
	for range asynqSenders {
		s.sending.Go(func() { s.enqueue(ctx, queues) })
	}
	return s, nil
}

// asynqSender enqueues what is due from several goroutines.
type asynqSender struct {
	groups  []string
	due     chan asynqDue
	client  interface{ Close() error }
	sending sync.WaitGroup

	mu     sync.Mutex
	failed error
}

// asynqDue is an event for one group.
type asynqDue struct {
	group string
	event order.Event
}

// Send leaves the events to the goroutines.
func (s *asynqSender) Send(events []order.Event) error {
	for _, event := range events {
		for _, group := range s.groups {
			s.due <- asynqDue{group, event}
		}
	}
	return nil
}

func (s *asynqSender) enqueue(ctx context.Context, queues *asynq.Client) {
	for due := range s.due {
		if err := asynqEnqueue(ctx, queues, due.group, due.event); err != nil {
			s.mu.Lock()
			s.failed = err
			s.mu.Unlock()
		}
	}
}

// Close waits until everything is enqueued.
func (s *asynqSender) Close() error {
	close(s.due)
	s.sending.Wait()
	return errors.Join(s.failed, s.client.Close())
}

// Consume runs a server for each queue.
func (Asynq) Consume(ctx context.Context, target Target, handle Handle) error {
	workers := asynqWorkers
	if target.Concurrency > 0 {
		workers = target.Concurrency
	}
	// One connection for each worker's end of a task, and a few for each server's own work.
	client, err := newPool(target, len(target.Groups)*(workers+4))
	if err != nil {
		return err
	}
	defer client.Close()
	servers, ctx := errgroup.WithContext(ctx)
	for index, group := range target.Groups {
		server := asynq.NewServerFromRedisClient(client, asynq.Config{
			Concurrency: workers, Queues: map[string]int{group: 1}, TaskCheckInterval: asynqCheckEvery,
			LogLevel: asynq.ErrorLevel,
		})
		servers.Go(func() error {
			if err := server.Start(asynqHandler(index, handle)); err != nil {
				return fmt.Errorf("start the server of queue %q: %w", group, err)
			}
			<-ctx.Done()
			server.Shutdown()
			return nil
		})
	}
	return servers.Wait()
}

func asynqHandler(group int, handle Handle) asynq.Handler {
	return asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		event, err := parsePayload(task.Payload())
		if err != nil {
			return err
		}
		return handle(group, event)
	})
}

// Unsettled is how many tasks the queues hold in any state.
func (Asynq) Unsettled(_ context.Context, target Target) (int, error) {
	client, err := newClient(target)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	inspector, sum := asynq.NewInspectorFromRedisClient(client), 0
	for _, group := range target.Groups {
		queue, err := inspector.GetQueueInfo(group)
		if err != nil {
			return 0, fmt.Errorf("look at queue %q: %w", group, err)
		}
		sum += queue.Size
	}
	return sum, nil
}
