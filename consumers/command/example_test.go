package command_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/command"
	"github.com/millrace/millrace/stream"
)

func ExampleNew() {
	directory, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(directory)
	program := filepath.Join(directory, "book")
	lines := "#!/bin/sh\nread event\necho \"booked $MILLRACE_EVENT_ID\"\n"
	if err := os.WriteFile(program, []byte(lines), 0o700); err != nil {
		panic(err)
	}

	handler, err := command.New(command.Options{Argv: []string{program, "--ledger", "2026"}})
	if err != nil {
		panic(err)
	}
	defer handler.Close()
	delivery := &consumers.Delivery{Event: stream.Event{Name: "ORDER_PAID", ID: "o-12345", Data: []byte(`{"order_id":12345}`)}}
	if err := handler.Handle(context.Background(), delivery); err != nil {
		panic(err)
	}
	fmt.Println(string(delivery.Result))
	// Output: booked o-12345
}
