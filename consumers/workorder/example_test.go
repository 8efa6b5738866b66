package workorder_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/workorder"
	"github.com/millrace/millrace/stream"
)

func Example() {
	directory, err := os.MkdirTemp("", "printed")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(directory)
	handler, err := workorder.New(workorder.Options{Dir: directory})
	if err != nil {
		fmt.Println(err)
		return
	}
	delivery := &consumers.Delivery{Group: "print_work_order", Event: stream.Event{
		Name: "NEW_ORDER_RECEIVED",
		ID:   "1763700000000-0",
		Time: time.UnixMilli(1763700000000),
		Data: []byte(`{"order_id":12345,"customer_id":67890,"items":[{"product_id":1,"quantity":2}]}`),
	}}
	fmt.Println(handler.Handle(context.Background(), delivery))
	files, _ := os.ReadDir(directory)
	fmt.Println(files[0].Name())
	// Output:
	// <nil>
	// workorder-12345-0fd73a48.pdf
}
