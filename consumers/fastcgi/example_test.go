package fastcgi_test

import (
	"context"
	"fmt"
	"net"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/fastcgi"
	"github.com/millrace/millrace/stream"
)

// A script under PHP-FPM books points for an order; here, something else stands in for PHP.
func ExampleNew() {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer server.Close()
	go func() {
		conn, err := server.Accept()
		if err != nil {
			return
		}
		readRequest(conn)
		_, _ = conn.Write(answering("Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nbooked 7 points"))
	}()

	points, err := fastcgi.New(fastcgi.Options{Address: server.Addr().String(), Script: "/srv/shop/points.php"})
	if err != nil {
		panic(err)
	}
	defer points.Close()
	delivery := &consumers.Delivery{
		Event: stream.Event{Name: "NEW_ORDER_RECEIVED", ID: "order-12345", Data: []byte(`{"order_id":12345}`)},
		Group: "points",
	}
	if err := points.Handle(context.Background(), delivery); err != nil {
		panic(err)
	}
	fmt.Println(string(delivery.Result))
	// Output: booked 7 points
}
