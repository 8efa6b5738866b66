package consumers_test

import (
	"context"
	"testing"

	"github.com/millrace/millrace/consumers"
)

// TestAnAckThatAFailoverLost puts an entry back under the name of the only consumer, which has handled and acked it: so it
// stands in a new master that never heard of the ack. Another one is in hand meanwhile.
func TestAnAckThatAFailoverLost(t *testing.T) {
	onEach(t, func(b *bench) {
		hold := make(chan struct{})
		b.run(nil, consumers.GroupOptions{
			Name: "g", Events: []string{"*"},
			Handler: consumers.HandlerFunc(func(_ context.Context, delivery *consumers.Delivery) error {
				if delivery.Name == "HELD" {
					<-hold
				}
				return nil
			}),
		})
		held, id := b.add("event", "HELD"), b.add("event", "E")
		b.wantOutcomes("g", id, "acked")
		err := b.client.Redis().Do(b.Context(), "XCLAIM", "event_stream", "g", b.consumersLeft("g")[0], 0, id.String(),
			"IDLE", 5000, "RETRYCOUNT", 1, "FORCE", "JUSTID").Err()
		if err != nil {
			b.Fatal(err)
		}
		close(hold)
		b.wantOutcomes("g", held, "acked")
		b.wantOutcomes("g", id, "acked acked")
		b.until("nothing is pending", func() bool { return b.pending() == 0 })
	})
}
