package label_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/label"
	"github.com/millrace/millrace/stream"
)

func Example() {
	directory, err := os.MkdirTemp("", "printed")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(directory)
	handler, err := label.New(label.Options{Dir: directory, Sender: "Millrace Ltd\n1 Mill Lane\nOxford"})
	if err != nil {
		fmt.Println(err)
		return
	}
	delivery := &consumers.Delivery{Group: "print_label", Event: stream.Event{
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
	// label-12345-171c8f56.pdf
}
