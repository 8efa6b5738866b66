package stream_test

import (
	"testing"

	"github.com/millrace/millrace/stream"
)

// An entry that was deleted while it was pending becomes a dead letter, or stays pending where none can be written.
func TestDeletedEntryIsNotLostWhereItsLetterIsRefused(t *testing.T) {
	onEach(t, func(b bench) {
		deleted, kept := b.add(), b.add()
		b.read(b.a, 2)
		b.do("XDEL", b.client.Keys().Stream(), deleted.String())
		b.do("SET", b.client.Keys().Dead("g"), "no stream")
		stillPending := deleted.String() + " a 1"

		lost, err := b.a.Renew(b.Context(), []stream.ID{deleted, kept})
		if len(lost) > 0 || err != nil {
			b.Errorf("Renew = %v, %v, want nothing lost", lost, err)
		}
		b.wantPending(stillPending, kept.String()+" a 1")

		lost, err = b.a.Release(b.Context(), []stream.Release{{ID: deleted, Deliveries: 1}, {ID: kept, Deliveries: 1}})
		if len(lost) > 0 || err == nil {
			b.Errorf("Release = %v, %v, want an error", lost, err)
		}
		b.wantPending(stillPending, kept.String()+" waiting 1")

		b.do("DEL", b.client.Keys().Dead("g"))
		lost, err = b.a.Release(b.Context(), []stream.Release{{ID: deleted, Deliveries: 1}})
		if len(lost) > 0 || err != nil {
			b.Errorf("Release once letters can be written = %v, %v, want nothing lost", lost, err)
		}
		b.wantPending(kept.String() + " waiting 1")
		if letters := b.dead(); len(letters) != 1 || letters[0]["dead_reason"] != stream.DeadDeleted {
			b.Errorf("dead letters = %v, want one of reason %q", letters, stream.DeadDeleted)
		}
	})
}
