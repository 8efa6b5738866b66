package stream_test

import (
	"testing"

	"github.com/millrace/millrace/stream"
)

// A checkpoint that somebody has spoilt by hand counts as none: the group begins at the beginning, and a trim leaves all
// that it may need.
func TestSpoiltCheckpointCountsAsNone(t *testing.T) {
	onEach(t, func(b bench) {
		b.add()
		b.do("XGROUP", "DESTROY", b.client.Keys().Stream(), "g")
		for _, checkpoint := range []string{"", "garbage", "5", "5-", "-5", "5-1-1"} {
			b.do("HSET", b.client.Keys().Groups(), "g:checkpoint", checkpoint)
			if trimmed := b.trim(0, false); trimmed.Removed != 0 {
				b.Errorf("Trim with checkpoint %q removed %d entries, want 0", checkpoint, trimmed.Removed)
			}
			if got := b.ensure(stream.FromNew(), false); got.What != stream.GroupRecreated || got.At != "0-0" {
				b.Errorf("EnsureGroups with checkpoint %q = %+v, want the group recreated at 0-0", checkpoint, got)
			}
			b.do("XGROUP", "DESTROY", b.client.Keys().Stream(), "g")
		}
	})
}
