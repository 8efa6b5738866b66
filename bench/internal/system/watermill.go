package system

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/bench/internal/order"
)

const (
	// watermillSubscriptions is how many each group has. One reads an entry, hands it over, waits for its ack, acks it in
	// Redis and only then goes on, so all speed comes from having several of them. Beyond about 16 they only cost more.
	watermillSubscriptions = 12
	// watermillBlock is how long a read waits. The default of 100 ms makes idle subscriptions poll ten times a second.
	watermillBlock = time.Second
	// watermillClaimEvery is how often each subscription looks for the entries of dead consumers. With as many
	// subscriptions the default of 5 s would have all of them look, one after the other, all the time.
	watermillClaimEvery = 30 * time.Second
	// watermillAckWithin is how long the last acks may take.
	watermillAckWithin = 5 * time.Second
)

// Watermill is ThreeDotsLabs/watermill with watermill-redisstream: plain subscribers, since its router costs a goroutine
// and middlewares for each message, many subscriptions for each group over enough connections for all of them, and a
// marshaller of its own that keeps the event's fields as the entry's, which spares msgpack. A consumer's death costs
// nothing: acks are explicit, and what is pending is claimed after the default of 60 s.
type Watermill struct{}

// Name is what the tables call it.
func (Watermill) Name() string { return "watermill" }

// Prepare creates the groups.
func (Watermill) Prepare(ctx context.Context, target Target) error { return createGroups(ctx, target) }

// Publish adds events one by one: its Publish takes several messages and sends each by itself.
func (Watermill) Publish(ctx context.Context, target Target, events iter.Seq[order.Event], batch int) error {
	if batch > 1 {
		return fmt.Errorf("publish in batches: %w", errors.ErrUnsupported)
	}
	client, err := newClient(target)
	if err != nil {
		return err
	}
	defer client.Close()
	config := redisstream.PublisherConfig{Client: client, Marshaller: watermillFields{}}
	publisher, err := redisstream.NewPublisher(config, watermill.NopLogger{})
	if err != nil {
		return err
	}
	for event := range events {
		if err := publisher.Publish(target.Stream, watermillMessage(ctx, event)); err != nil {
			return err
		}
	}
	return nil
}

func watermillMessage(ctx context.Context, event order.Event) *message.Message {
	made := message.NewMessageWithContext(ctx, event.ID, []byte(event.Data))
	made.Metadata = message.Metadata{
		"event": event.Name, "timestamp": strconv.FormatInt(event.Timestamp, 10), "aggregate_id": event.AggregateID,
	}
	return made
}

// Consume runs the subscriptions of all groups.
func (Watermill) Consume(ctx context.Context, target Target, handle Handle) error {
	subscriptions := watermillSubscriptions
	if target.Concurrency > 0 {
		subscriptions = target.Concurrency
	}
	// Each subscription holds a connection for its read and one for its acks.
	pool, err := newPool(target, 2*subscriptions*len(target.Groups))
	if err != nil {
		return err
	}
	client := &watermillClient{Client: pool}
	defer client.Close()
	subscribed, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	loops, ctx := errgroup.WithContext(ctx)
	for group := range target.Groups {
		subscriber, err := watermillSubscriber(client, target.Groups[group])
		if err != nil {
			return err
		}
		for range subscriptions {
			loops.Go(func() error {
				messages, err := subscriber.Subscribe(subscribed, target.Stream)
				if err != nil {
					return fmt.Errorf("subscribe group %q: %w", target.Groups[group], err)
				}
				return client.loop(ctx, messages, func(event order.Event) error { return handle(group, event) })
			})
		}
	}
	return errors.Join(loops.Wait(), client.awaitAcks())
}

func watermillSubscriber(client redis.UniversalClient, group string) (*redisstream.Subscriber, error) {
	return redisstream.NewSubscriber(redisstream.SubscriberConfig{
		Client: client, Unmarshaller: watermillFields{},
		ConsumerGroup: group, Consumer: "consumer-" + strconv.Itoa(os.Getpid()),
		BlockTime: watermillBlock, DisableIndefiniteInitialBlock: true, ClaimInterval: watermillClaimEvery,
	}, watermill.NopLogger{})
}

// watermillClient counts the acks, since a subscription that ends drops the one that it is at.
type watermillClient struct {
	*redis.Client
	handled, acked atomic.Int64
}

// XAck acks, as a subscription does after each message.
func (c *watermillClient) XAck(ctx context.Context, stream, group string, ids ...string) *redis.IntCmd {
	defer c.acked.Add(1)
	return c.Client.XAck(ctx, stream, group, ids...)
}

// loop handles what comes until ctx ends.
func (c *watermillClient) loop(
	ctx context.Context, messages <-chan *message.Message, handle func(order.Event) error,
) error {
	for {
		select {
		case received, more := <-messages:
			if !more {
				return errors.New("a subscription has ended by itself")
			}
			event, err := watermillEvent(received)
			if err == nil {
				err = handle(event)
			}
			if err != nil {
				return err
			}
			received.Ack()
			c.handled.Add(1)
		case <-ctx.Done():
			return nil
		}
	}
}

// awaitAcks waits until Redis has the ack of everything that was handled.
func (c *watermillClient) awaitAcks() error {
	for deadline := time.Now().Add(watermillAckWithin); c.acked.Load() < c.handled.Load(); {
		if time.Now().After(deadline) {
			return fmt.Errorf("the acks took longer than %v", watermillAckWithin)
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

func watermillEvent(received *message.Message) (order.Event, error) {
	event := order.Event{Data: order.Alias(received.Payload)}
	for field, value := range received.Metadata {
		if err := event.Set(field, value); err != nil {
			return event, err
		}
	}
	return event, event.SetID(received.UUID)
}

// watermillFields keeps a message as the fields of an order event: its UUID is the ID, its payload the data, its metadata
// the rest.
type watermillFields struct{}

// Marshal makes the fields of a message.
func (watermillFields) Marshal(_ string, made *message.Message) (map[string]any, error) {
	fields := map[string]any{"event_id": made.UUID, "data": []byte(made.Payload)}
	for field, value := range made.Metadata {
		fields[field] = value
	}
	return fields, nil
}

// Unmarshal makes a message of the fields.
func (watermillFields) Unmarshal(fields map[string]any) (*message.Message, error) {
	id, _ := fields["event_id"].(string)
	data, _ := fields["data"].(string)
	made := message.NewMessage(id, []byte(data))
	for field, value := range fields {
		if text, is := value.(string); is && field != "event_id" && field != "data" {
			made.Metadata.Set(field, text)
		}
	}
	return made, nil
}
