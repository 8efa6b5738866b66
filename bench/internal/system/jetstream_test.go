package system_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/server"
	"github.com/millrace/millrace/bench/internal/system"
)

// TestMain lets the test's binary be the NATS server.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == server.NATSArgument {
		if err := server.ServeNATS(context.Background(), os.Args[2], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestJetStreamHandsEveryGroupEveryEventWhole(t *testing.T) {
	jetstream := system.JetStream{}
	nats, err := jetstream.StartServer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nats.Stop)
	events := order.Many(2500, order.DefaultDataBytes)
	for _, test := range []struct{ concurrency, batch int }{{0, 1}, {0, 1000}, {8, 1000}} {
		if err := nats.Reset(t.Context()); err != nil { // also while there is nothing
			t.Fatal(err)
		}
		target := system.NewTarget(nats.URL(), 2, len(events))
		target.Concurrency = test.concurrency
		if err := jetstream.Prepare(t.Context(), target); err != nil {
			t.Fatal(err)
		}
		if err := jetstream.Publish(t.Context(), target, slices.Values(events), test.batch); err != nil {
			t.Fatal(err)
		}
		for group, got := range consume(t, jetstream, target, len(events)) {
			if !slices.Equal(bySequence(got), events) {
				t.Errorf("concurrency %d, batches of %d: group %d got other events than were published",
					test.concurrency, test.batch, group+1)
			}
		}
	}
	if used, err := nats.CPU(t.Context()); err != nil || used <= 0 {
		t.Errorf("the server has used %v of processor time, %v", used, err)
	}
}
