package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/webhook"
	"github.com/millrace/millrace/stream"
)

// An order is told to a chat, in the words of a template.
func ExampleNew() {
	chat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		message, _ := io.ReadAll(r.Body)
		fmt.Println("the chat gets", string(message))
		_, _ = io.WriteString(w, "ok")
	}))
	defer chat.Close()

	tell, err := webhook.New(webhook.Options{
		URL:  chat.URL,
		Body: `{"text": {{json (printf "Order %v has come in" .Data.order_id)}}}`,
	})
	if err != nil {
		panic(err)
	}
	defer tell.Close()
	delivery := &consumers.Delivery{
		Event: stream.Event{Name: "NEW_ORDER_RECEIVED", ID: "order-12345", Data: []byte(`{"order_id":12345}`)},
		Group: "tell_the_chat",
	}
	if err := tell.Handle(context.Background(), delivery); err != nil {
		panic(err)
	}
	fmt.Println("and answers", string(delivery.Result))
	// Output:
	// the chat gets {"text": "Order 12345 has come in"}
	// and answers ok
}
