package stream_test

import (
	"context"
	"fmt"
	"log"

	"github.com/alicebob/miniredis/v2"

	"github.com/millrace/millrace/stream"
)

// A producer of many events publishes them together, and publishes the same batch again where it does not know the outcome.
func ExampleClient_PublishBatch() {
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

	var events []stream.Event
	for order := range 250 {
		events = append(events, stream.Event{
			Name: "NEW_ORDER_RECEIVED",
			ID:   fmt.Sprintf("order-%d", order),
			Data: fmt.Appendf(nil, `{"order_id":%d}`, order),
		})
	}
	for range 2 {
		published, err := client.PublishBatch(context.Background(), events, stream.PublishOptions{})
		if err != nil {
			log.Fatal(err) // the first len(published) events are in the stream
		}
		fmt.Println(len(published), "events, repeated:", published[0].Repeated)
	}
	// Output:
	// 250 events, repeated: false
	// 250 events, repeated: true
}
