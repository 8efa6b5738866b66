package consumers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// A program of one's own runs a handler as a group, beside whatever other groups there are.
func ExampleSet_Run() {
	redis, err := miniredis.Run() // in a real program: a Redis
	if err != nil {
		log.Fatal(err)
	}
	defer redis.Close()

	client, err := stream.Open(stream.Options{URL: "redis://" + redis.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	points := func(_ context.Context, delivery *consumers.Delivery) error {
		defer stop() // one event is enough for an example
		var order struct {
			CustomerID int `json:"customer_id"`
		}
		if err := json.Unmarshal(delivery.Data, &order); err != nil {
			return consumers.Permanent(err) // trying again would not mend it
		}
		fmt.Println(delivery.Name, "gives points to customer", order.CustomerID)
		return nil
	}

	set, err := consumers.NewSet(client, consumers.Options{}, consumers.GroupOptions{
		Name:    "loyalty_points",
		Handler: consumers.HandlerFunc(points),
		Events:  []string{"NEW_ORDER_RECEIVED"},
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Publish(ctx, stream.Event{Name: "NEW_ORDER_RECEIVED", Data: []byte(`{"customer_id":67890}`)},
		stream.PublishOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if err := set.Run(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: NEW_ORDER_RECEIVED gives points to customer 67890
}

// A handler that knows when its work can succeed says so; without it, the backoff decides.
func ExampleRetryAfter() {
	busy := errors.New("the printer is warming up")
	err := consumers.RetryAfter(30*time.Second, busy)
	fmt.Println(err, errors.Is(err, busy))
	// Output: the printer is warming up true
}

// Middleware is behaviour around a handler, such as a line for each call.
func ExampleWrap() {
	line := func(next consumers.Handler) consumers.Handler {
		return consumers.HandlerFunc(func(ctx context.Context, delivery *consumers.Delivery) error {
			err := next.Handle(ctx, delivery)
			fmt.Println(delivery.Name, "->", err)
			return err
		})
	}
	handler := consumers.Wrap(consumers.HandlerFunc(func(context.Context, *consumers.Delivery) error {
		return errors.New("no paper")
	}), line)
	_ = handler.Handle(context.Background(), &consumers.Delivery{Event: stream.Event{Name: "PRINT"}})
	// Output: PRINT -> no paper
}
