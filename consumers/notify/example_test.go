package notify_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/alicebob/miniredis/v2"
	"github.com/emersion/go-smtp"
	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/notify"
	"github.com/millrace/millrace/stream"
)

func ExampleNew() {
	memory, err := miniredis.Run()
	if err != nil {
		panic(err)
	}
	defer memory.Close()
	client := redis.NewClient(&redis.Options{Addr: memory.Addr()})
	defer client.Close()
	office := &postOffice{} // a mail server of the tests
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := smtp.NewServer(office)
	go func() { _ = server.Serve(listener) }()
	defer listener.Close()

	confirm, err := notify.New(notify.Options{
		Redis:   client,
		SMTP:    "smtp://" + listener.Addr().String(),
		From:    "Mill Shop <shop@example.com>",
		Subject: "Thank you for order {{.Order.Number}}",
	})
	if err != nil {
		panic(err)
	}
	defer confirm.(io.Closer).Close()
	delivery := &consumers.Delivery{Group: "send_confirmation", Event: stream.Event{
		Name: "NEW_ORDER_RECEIVED",
		ID:   "order-12345",
		Data: []byte(`{"order_id":12345,"customer":{"email":"ada@example.com"},"items":[{"product_id":1,"quantity":2}]}`),
	}}
	for range 2 { // delivered twice, sent once
		if err := confirm.Handle(context.Background(), delivery); err != nil {
			panic(err)
		}
	}
	for _, letter := range office.letters() {
		fmt.Println("mail to", letter.to, "with the ID", string(delivery.Result))
	}
	// Output:
	// mail to [ada@example.com] with the ID <66ad5add96741d009b65d23d4f85551c@example.com>
}
