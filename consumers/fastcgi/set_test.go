package fastcgi_test

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/remote/remotetest"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// TestEndToEnd runs the kind as a group on a real Redis, while PHP-FPM is killed and started again.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	const events = 400
	server := startFPM(t)
	client, err := stream.Open(stream.Options{URL: redistest.Start(t).URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	data := []byte(fmt.Sprintf(`{"do":"book","file":%q}`, server.path("booked")))
	for number := range events {
		event := stream.Event{Name: "NEW_ORDER_RECEIVED", ID: fmt.Sprintf("o-%d", number), Data: data}
		if _, err := client.Publish(t.Context(), event, stream.PublishOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	var acked, retried, others atomic.Int64
	observe := func(result consumers.Result) {
		switch result.Outcome {
		case consumers.Acked:
			acked.Add(1)
		case consumers.Retried:
			retried.Add(1)
		default:
			others.Add(1)
			t.Errorf("%s: %s: %v", result.EventID, result.Outcome, result.Err)
		}
	}
	group := consumers.GroupOptions{
		Name: "points", Events: []string{"*"}, Handler: runs(t, server.address(), server.script("handler.php")), Concurrency: 4,
		From: stream.FromBeginning(), Timeout: 20 * time.Second,
	}
	group.Backoff.Min, group.Backoff.Max = 100*time.Millisecond, 500*time.Millisecond
	set, err := consumers.NewSet(client, consumers.Options{Observe: observe}, group)
	if err != nil {
		t.Fatal(err)
	}
	defer remotetest.Run(t, set)()
	for _, share := range []int64{events / 8, events / 2} {
		remotetest.Until(t, "some events are acked", func() bool { return acked.Load() >= share })
		server.kill()
		remotetest.Until(t, "an event has failed", func() bool { return retried.Swap(0) > 0 })
		server.start()
	}
	remotetest.Until(t, "every event is settled", func() bool { return acked.Load()+others.Load() >= events })
	booked, err := os.ReadFile(server.path("booked"))
	if err != nil {
		t.Fatal(err)
	}
	for number := range events {
		if !strings.Contains(string(booked), fmt.Sprintf("points:o-%d\n", number)) {
			t.Errorf("o-%d was never booked", number)
		}
	}
}
