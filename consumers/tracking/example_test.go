package tracking_test

import (
	"context"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/tracking"
	"github.com/millrace/millrace/stream"
)

func ExampleNew() {
	server, err := miniredis.Run()
	if err != nil {
		panic(err)
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	ctx := context.Background()

	track, err := tracking.New(tracking.Options{Redis: client})
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"NEW_ORDER_RECEIVED", "ORDER_DELIVERED", "ORDER_SHIPPED"} { // not as they happened
		delivery := &consumers.Delivery{Event: stream.Event{
			Name: name, ID: name + "-1", Data: []byte(`{"order_id":12345,"carrier":"DHL"}`),
		}}
		if err := track.Handle(ctx, delivery); err != nil {
			panic(err)
		}
		fmt.Println(name, "→", string(delivery.Result))
	}
	fmt.Println(client.HGet(ctx, "{tracking}:order:12345", "status").Val())
	fmt.Println(client.XLen(ctx, "{tracking}:order:12345:history").Val())
	// Output:
	// NEW_ORDER_RECEIVED → received
	// ORDER_DELIVERED → delivered
	// ORDER_SHIPPED → delivered (shipped came late)
	// delivered
	// 3
}
