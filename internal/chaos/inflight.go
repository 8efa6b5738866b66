package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/stream"
)

// handout is an entry in the hands of a consumer of one group.
type handout struct {
	group string
	id    stream.ID
}

// handouts are what was in flight when something ended: handed to a consumer, and not acked as far as Redis knew. Those
// alone may be handled again because of it. They are safe for use by several goroutines.
type handouts struct {
	mu    sync.Mutex
	times map[handout]int
}

func (h *handouts) add(all []handout) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, each := range all {
		h.times[each]++
	}
}

// of is how often an entry was in flight in a group when something ended.
func (h *handouts) of(group string, id stream.ID) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.times[handout{group, id}]
}

// countLeftBehind counts what a process that has ended left under its name: nothing where it had the time to leave. Nobody
// can have taken that over yet, since it counts as held for the rest of a lease, and for a whole one after an outage.
func (w *world) countLeftBehind(process string) error {
	return w.countInFlight(func(consumer string) bool {
		name, _, _ := strings.Cut(consumer, "-")
		return name == process
	})
}

// countHandedOut counts what all consumers have in hand: whatever waits for a retry is in nobody's.
func (w *world) countHandedOut() error {
	return w.countInFlight(func(consumer string) bool { return consumer != stream.Waiting })
}

// countInFlight adds what the consumers chosen by isOne have in hand now, asking until Redis answers.
func (w *world) countInFlight(isOne func(consumer string) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	for _, group := range groupNames() {
		var found []handout
		err := untilDone(ctx, func() (err error) {
			found, err = w.inHand(ctx, group, isOne)
			return err
		})
		if stream.IsNoGroup(err) {
			continue // destroyed: what was in flight is lost, and nobody judges that
		}
		if err != nil {
			return fmt.Errorf("count what group %q had in flight: %w", group, err)
		}
		w.inFlight.add(found)
	}
	return nil
}

func (w *world) inHand(ctx context.Context, group string, isOne func(consumer string) bool) ([]handout, error) {
	var found []handout
	for from := "-"; ; {
		pending, err := w.client.Redis().XPendingExt(ctx, &redis.XPendingExtArgs{
			Stream: w.client.Keys().Stream(), Group: group, Start: from, End: "+", Count: page,
		}).Result()
		if err != nil {
			return nil, err
		}
		for _, entry := range pending {
			id, err := stream.ParseID(entry.ID)
			if err != nil {
				return nil, err
			}
			if isOne(entry.Consumer) {
				found = append(found, handout{group, id})
			}
		}
		if len(pending) < page {
			return found, nil
		}
		from = "(" + pending[len(pending)-1].ID
	}
}
