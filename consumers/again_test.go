package consumers_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/internal/redistest"
)

// TestHandlersMayKeepWhatTheyGet keeps every delivery and every context, and looks at them when all other events have been
// through the same memory.
func TestHandlersMayKeepWhatTheyGet(t *testing.T) {
	t.Parallel()
	const events = 5000
	server := redistest.Start(t)
	fill(t, server.URL(), events)
	type kept struct {
		ctx      context.Context
		delivery *consumers.Delivery
		said     string
	}
	say := func(delivery *consumers.Delivery) string {
		return fmt.Sprintf("%v %s %s %s", delivery.EntryID, delivery.ID, delivery.AggregateID, delivery.Data)
	}
	var mu sync.Mutex
	var all []kept
	runGroup(t, server.URL(), func(ctx context.Context, delivery *consumers.Delivery, stop func()) error {
		mu.Lock()
		defer mu.Unlock()
		if len(all)%2 == 0 {
			_ = ctx.Err() // one half looks at the context while it runs, the other only when all is over
		}
		if all = append(all, kept{ctx, delivery, say(delivery)}); len(all) == events {
			stop()
		}
		return nil
	})
	seen := map[string]bool{}
	for _, kept := range all {
		if now := say(kept.delivery); now != kept.said {
			t.Fatalf("a delivery that was kept says %q now, and said %q", now, kept.said)
		}
		if kept.ctx.Err() == nil {
			t.Fatalf("the context of %s has not ended with its handling", kept.said)
		}
		seen[kept.said] = true
	}
	if len(seen) != events {
		t.Errorf("%d different events were handled, want %d", len(seen), events)
	}
}

// TestMemoryStaysWhatItIs drains a backlog of which some events fail, and one delivery and its context are kept. It does not
// run beside other tests, whose memory it would count.
func TestMemoryStaysWhatItIs(t *testing.T) {
	const events, each, most = 20_000, 4 << 10, 30 << 20
	server := redistest.Start(t)
	fillWith(t, server.URL(), events, strings.Repeat("x", each))
	var handled atomic.Int64
	var keptContext context.Context
	var kept *consumers.Delivery
	var before, after runtime.MemStats
	runGroup(t, server.URL(), func(ctx context.Context, delivery *consumers.Delivery, stop func()) error {
		switch handled.Add(1) {
		case 100:
			keptContext, kept = ctx, delivery
			runtime.GC()
			runtime.ReadMemStats(&before)
		case events:
			runtime.GC()
			runtime.ReadMemStats(&after)
			stop()
		}
		if delivery.EntryID.Seq%20 == 0 {
			return consumers.Permanent(errors.New("there is no such order"))
		}
		return nil
	})
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > most || kept.Data == nil || keptContext.Err() == nil {
		t.Errorf("the heap has grown by %d MB while %d MB of events were drained, want %d MB at most", grown>>20, events*each>>20, most>>20)
	}
}
