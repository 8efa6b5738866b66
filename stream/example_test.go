package stream_test

import (
	"context"
	"fmt"
	"log"

	"github.com/alicebob/miniredis/v2"

	"github.com/millrace/millrace/stream"
)

// A producer in Go publishes with an ID of its own, so that it may repeat the call when it does not know the outcome.
func ExampleClient_Publish() {
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

	event := stream.Event{Name: "NEW_ORDER_RECEIVED", ID: "order-12345", Data: []byte(`{"order_id":12345}`)}
	for range 2 {
		published, err := client.Publish(context.Background(), event, stream.PublishOptions{})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("repeated:", published.Repeated)
	}
	// Output:
	// repeated: false
	// repeated: true
}

// Whatever client added an entry, Decode makes an event of it.
func ExampleDecode() {
	entry := stream.Entry{ID: stream.ID{Ms: 1763700000000}, Fields: []stream.Field{
		{Name: "event_name", Value: "NEW_ORDER_RECEIVED"},
		{Name: "payload", Value: `{"order_id":12345}`},
		{Name: "shop", Value: "berlin"},
	}}
	event, err := stream.Decode(entry, stream.DecodeOptions{})
	fmt.Println(event.Name, string(event.Data), event.ID, event.Headers, err)
	// Output: NEW_ORDER_RECEIVED {"order_id":12345} 1763700000000-0 map[shop:berlin] <nil>
}
