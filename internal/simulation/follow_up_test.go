package simulation

import (
	"context"
	"slices"

	"github.com/millrace/millrace/stream"
)

// What follows an event in a group that emits; no group subscribes to it.
const (
	followsAck  = "ACKED"
	followsDead = "DEAD"
)

// judgeFollowUps wants exactly one event to follow each that the group has settled, and to say how.
func (w *world) judgeFollowUps(group stream.GroupStatus, dead map[string]bool) {
	entries, err := w.judge.Redis().XRange(context.Background(), stream.DefaultName, "-", "+").Result()
	if err != nil {
		w.Fatal(err)
	}
	found := map[string][]string{}
	for _, entry := range entries {
		if entry.Values["causation_group"] == group.Name {
			cause, _ := entry.Values["causation_entry"].(string)
			name, _ := entry.Values["event"].(string)
			found[cause] = append(found[cause], name)
		}
	}
	for event, id := range w.entries {
		var want []string
		switch {
		case !w.plan.emits || id.Compare(group.LastDelivered) > 0:
		case dead[event]:
			want = []string{followsDead}
		default:
			want = []string{followsAck}
		}
		if got := found[id.String()]; !slices.Equal(got, want) {
			w.Errorf("group %q: %s is followed by %q, want %q", group.Name, event, got, want)
		}
	}
}
