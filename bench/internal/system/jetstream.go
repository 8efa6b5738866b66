package system

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/server"
)

const (
	// jetStreamPull is how many messages a consumer asks for. The client asks for more when half of them are handled, so
	// there is always something on the way.
	jetStreamPull = 2000
	// jetStreamAckPending is how many may be handed over and not acked; the default of 1,000 would hold up such pulls.
	jetStreamAckPending = 20_000
	// jetStreamUnanswered is how many messages may be sent without an answer to the first.
	jetStreamUnanswered = 100_000
)

// JetStream is NATS JetStream: a stream in files and a durable pull consumer for each group, whose messages are pulled
// in large numbers, ahead of the handlers, and acked one by one without waiting for an answer, as its documentation
// recommends. The server syncs its files every two minutes, as is its default.
type JetStream struct{}

// Name is what the tables call it.
func (JetStream) Name() string { return "jetstream" }

// StartServer starts a NATS server.
func (JetStream) StartServer(ctx context.Context) (server.Server, error) {
	return server.StartNATS(ctx)
}

// Prepare creates the stream and its consumers.
func (JetStream) Prepare(ctx context.Context, target Target) error {
	client, err := dialJetStream(target)
	if err != nil {
		return err
	}
	defer client.connection.Close()
	stream, err := client.CreateStream(ctx, jetstream.StreamConfig{
		Name: target.Stream, Subjects: []string{target.Stream}, Storage: jetstream.FileStorage,
	})
	if err != nil {
		return fmt.Errorf("create the stream: %w", err)
	}
	for _, group := range target.Groups {
		_, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
			Durable: group, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: jetStreamAckPending,
		})
		if err != nil {
			return fmt.Errorf("create consumer %q: %w", group, err)
		}
	}
	return nil
}

// jetStreamClient is a connection that can publish without waiting, and what was refused of it.
type jetStreamClient struct {
	jetstream.JetStream
	connection *nats.Conn
	stream     string
	refused    chan error
}

func dialJetStream(target Target) (*jetStreamClient, error) {
	connection, err := nats.Connect(target.URL)
	if err != nil {
		return nil, fmt.Errorf("connect to the NATS server: %w", err)
	}
	client := &jetStreamClient{connection: connection, stream: target.Stream, refused: make(chan error, 1)}
	client.JetStream, err = jetstream.New(connection, jetstream.WithPublishAsyncMaxPending(jetStreamUnanswered),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *nats.Msg, err error) {
			select {
			case client.refused <- err:
			default: // the first says enough
			}
		}))
	return client, err
}

// Send publishes without waiting for answers.
func (c *jetStreamClient) Send(events []order.Event) error {
	for _, event := range events {
		if _, err := c.PublishAsync(c.stream, appendPayload(nil, event)); err != nil {
			return fmt.Errorf("publish an event: %w", err)
		}
	}
	return nil
}

// settle waits until everything that was sent is stored.
func (c *jetStreamClient) settle(ctx context.Context) error {
	select {
	case <-c.PublishAsyncComplete():
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-c.refused:
		return fmt.Errorf("publish an event: %w", err)
	default:
		return nil
	}
}

// Close waits until everything that was sent is stored, and disconnects.
func (c *jetStreamClient) Close() error {
	defer c.connection.Close()
	return c.settle(context.Background())
}

// Dial makes a sender that never waits for answers.
func (JetStream) Dial(_ context.Context, target Target) (Sender, error) { return dialJetStream(target) }

// Publish publishes one call after the other, or a batch without waiting between its events.
func (JetStream) Publish(ctx context.Context, target Target, events iter.Seq[order.Event], batch int) error {
	client, err := dialJetStream(target)
	if err != nil {
		return err
	}
	defer client.connection.Close()
	sent := 0
	for event := range events {
		if batch <= 1 {
			_, err = client.JetStream.Publish(ctx, target.Stream, appendPayload(nil, event))
		} else if err = client.Send([]order.Event{event}); err == nil {
			if sent++; sent%batch == 0 {
				err = client.settle(ctx)
			}
		}
		if err != nil {
			return err
		}
	}
	return client.settle(ctx)
}

// Consume pulls for every group.
func (JetStream) Consume(ctx context.Context, target Target, handle Handle) error {
	loops, ctx := errgroup.WithContext(ctx)
	for group := range target.Groups {
		loop := &jetStreamLoop{target: target, group: group, handle: handle, failed: make(chan error, 1)}
		loops.Go(func() error { return loop.run(ctx) })
	}
	return loops.Wait()
}

// jetStreamLoop pulls for one group, over a connection of its own.
type jetStreamLoop struct {
	target Target
	group  int
	handle Handle
	failed chan error // the first fault
}

// run handles each message where it was received, or gives it to as many workers as may handle at once.
func (l *jetStreamLoop) run(ctx context.Context) error {
	client, err := dialJetStream(l.target)
	if err != nil {
		return err
	}
	defer client.connection.Close()
	consumer, err := client.Consumer(ctx, l.target.Stream, l.target.Groups[l.group])
	if err != nil {
		return fmt.Errorf("find consumer %q: %w", l.target.Groups[l.group], err)
	}
	if l.target.Concurrency == 0 {
		err = l.pull(ctx, consumer, jetStreamPull, l.work)
	} else {
		err = l.runWorkers(ctx, consumer)
	}
	return errors.Join(err, client.connection.Flush()) // the last acks
}

// runWorkers reads ahead as many messages as the workers handle at once.
func (l *jetStreamLoop) runWorkers(ctx context.Context, consumer jetstream.Consumer) error {
	queue := make(chan jetstream.Msg)
	var workers errgroup.Group
	for range l.target.Concurrency {
		workers.Go(func() error {
			for message := range queue {
				l.work(message)
			}
			return nil
		})
	}
	err := l.pull(ctx, consumer, 2*l.target.Concurrency, func(message jetstream.Msg) { queue <- message })
	close(queue)
	return errors.Join(err, workers.Wait())
}

// pull hands on what comes until ctx ends or something fails, and then what has come by that time.
func (l *jetStreamLoop) pull(ctx context.Context, consumer jetstream.Consumer, ahead int, hand jetstream.MessageHandler) error {
	consuming, err := consumer.Consume(hand, jetstream.PullMaxMessages(ahead),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { l.fail(err) }))
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	select {
	case <-ctx.Done():
	case err = <-l.failed:
	}
	consuming.Drain()
	<-consuming.Closed()
	return err
}

// work handles one message and acks it.
func (l *jetStreamLoop) work(message jetstream.Msg) {
	event, err := parsePayload(message.Data())
	if err == nil {
		err = l.handle(l.group, event)
	}
	if err == nil {
		err = message.Ack()
	}
	if err != nil {
		l.fail(err)
	}
}

func (l *jetStreamLoop) fail(err error) {
	select {
	case l.failed <- err:
	default:
	}
}

// Fill publishes in large batches.
func (j JetStream) Fill(ctx context.Context, target Target, events iter.Seq[order.Event]) error {
	return j.Publish(ctx, target, events, fillAtOnce)
}

// Unsettled is what the consumers have not handed over, and what is not acked.
func (JetStream) Unsettled(ctx context.Context, target Target) (int, error) {
	client, err := dialJetStream(target)
	if err != nil {
		return 0, err
	}
	defer client.connection.Close()
	sum := 0
	for _, group := range target.Groups {
		consumer, err := client.Consumer(ctx, target.Stream, group) // with what it is at
		if err != nil {
			return 0, fmt.Errorf("look at consumer %q: %w", group, err)
		}
		info := consumer.CachedInfo()
		sum += int(info.NumPending) + info.NumAckPending
	}
	return sum, nil
}
