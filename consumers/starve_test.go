package consumers_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// TestSuspectStartsBesideSteadyRetries has an entry taken over that may have killed its process, while retries of older
// entries come due all the time: the suspect must have its turn.
func TestSuspectStartsBesideSteadyRetries(t *testing.T) {
	onReal(t, func(b *bench, _ *redistest.Server) {
		if err := b.client.Redis().XGroupCreateMkStream(b.Context(), "event_stream", "g", "0").Err(); err != nil {
			b.Fatal(err)
		}
		b.addMany(40, stream.Waiting) // the downstream of these is down
		b.addMany(1, "dead")
		id := b.client.Redis().XPendingExt(b.Context(), &redis.XPendingExtArgs{
			Stream: "event_stream", Group: "g", Consumer: "dead", Start: "-", End: "+", Count: 1,
		}).Val()[0].ID
		b.client.Redis().Do(b.Context(), "XCLAIM", "event_stream", "g", stream.Waiting, 0, id, "RETRYCOUNT", 2, "JUSTID")
		var failed atomic.Int32
		began := time.Now()
		suspect := make(chan struct{})
		change, _ := b.inTrouble()
		b.run(change, consumers.GroupOptions{
			Name: "g", Events: []string{"*"}, MaxDeliveries: 1000, Concurrency: 8,
			Handler: consumers.HandlerFunc(func(_ context.Context, delivery *consumers.Delivery) error {
				if delivery.EntryID.String() == id {
					close(suspect)
					return nil
				}
				failed.Add(1)
				time.Sleep(1500 * time.Millisecond)
				return consumers.RetryAfter(500*time.Millisecond, errors.New("downstream is down"))
			}),
		})
		select {
		case <-suspect:
			b.Logf("the suspect started after %v and %d tries of others", time.Since(began).Round(time.Millisecond), failed.Load())
		case <-time.After(20 * time.Second):
			b.Fatalf("the suspect was not started within 20s, while %d retries were", failed.Load())
		}
	})
}

// TestRetryThatIsBackBeforeItsReply has a failed try handed back by a release whose reply is lost, and taken up again by a
// sweep of the same consumer, before the release is repeated: the next try must not wait for a lease.
func TestRetryThatIsBackBeforeItsReply(t *testing.T) {
	onReal(t, func(b *bench, server *redistest.Server) {
		started, fail := make(chan struct{}, 2), make(chan struct{})
		change, _ := b.inTrouble()
		b.run(func(o *consumers.Options) { change(o); o.Lease = time.Minute }, group("g",
			func(_ context.Context, delivery *consumers.Delivery) error {
				if started <- struct{}{}; delivery.Deliveries > 1 {
					return nil
				}
				<-fail
				return errors.New("boom")
			}))
		id := b.add("event", "ORDER")
		<-started
		b.claim(stream.Waiting, id, 0) // the release that was carried out
		b.until("it is taken up again", func() bool {
			entries := b.client.Redis().XPendingExt(b.Context(), &redis.XPendingExtArgs{
				Stream: "event_stream", Group: "g", Start: "-", End: "+", Count: 1,
			}).Val()
			return len(entries) == 1 && entries[0].Consumer != stream.Waiting
		})
		time.Sleep(50 * time.Millisecond) // and has come
		server.CLI("ACL", "SETUSER", "default", "-evalsha")
		close(fail)
		time.Sleep(30 * time.Millisecond)
		server.CLI("ACL", "SETUSER", "default", "+evalsha")
		select {
		case <-started:
		case <-time.After(8 * time.Second):
			b.Fatal("the next try was not started within 8s")
		}
	})
}
