package inventory_test

import (
	"context"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/inventory"
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
	client.HSet(ctx, "stock", "1", 100)

	reserve, err := inventory.New(inventory.Options{Redis: client})
	if err != nil {
		panic(err)
	}
	delivery := &consumers.Delivery{Event: stream.Event{
		Name: "NEW_ORDER_RECEIVED",
		ID:   "order-12345",
		Data: []byte(`{"order_id":12345,"items":[{"product_id":1,"quantity":2}]}`),
	}}
	for range 2 { // delivered twice, reserved once
		if err := reserve.Handle(ctx, delivery); err != nil {
			panic(err)
		}
	}
	fmt.Println(client.HGet(ctx, "stock", "1").Val())
	fmt.Println(client.HGetAll(ctx, "{stock}:reserved:NEW_ORDER_RECEIVED:order-12345").Val())
	// Output:
	// 98
	// map[1:2]
}
