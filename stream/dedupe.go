package stream

import (
	"context"
	"time"
)

// Marker is what the dedupe marker of an event says before its handling starts.
type Marker string

// The states of a dedupe marker.
const (
	// MarkerStart: the entry holds the marker now and may start.
	MarkerStart Marker = "start"
	// MarkerDone: the event has been handled before.
	MarkerDone Marker = "done"
	// MarkerRunning: another entry with the same event is being handled, or waits for its retry.
	MarkerRunning Marker = "running"
)

// Begin sets the dedupe markers of entries before any of them starts and returns what each says. A marker is kept for
// keep, which is at least 1 ms.
func (g *Group) Begin(ctx context.Context, entries []Settled, keep time.Duration) ([]Marker, error) {
	keys := []string{g.client.keys.Stream()}
	args := []any{g.name, keep.Milliseconds()}
	for _, entry := range entries {
		keys = append(keys, g.client.keys.Done(g.name, entry.Event, entry.EventID))
		args = append(args, entry.ID.String())
	}
	states, err := g.client.run(ctx, g.client.scripts.begin, keys, args...).StringSlice()
	if err != nil {
		return nil, g.failed("set dedupe markers of", err)
	}
	if len(states) != len(entries) {
		return nil, g.failed("set dedupe markers of", errUnexpectedReply)
	}
	markers := make([]Marker, len(states))
	for i, state := range states {
		markers[i] = Marker(state)
	}
	return markers, nil
}
