package notify

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// TestDataIsDecodedOnce is not parallel: it counts allocations. A template that asks for the data in a loop over a large event
// would take hours otherwise.
func TestDataIsDecodedOnce(t *testing.T) {
	data := `{"order_id":1,"items":[` + strings.Repeat(`{"product_id":1,"quantity":1},`, 50) + `{"product_id":1,"quantity":1}]}`
	view := newView(&consumers.Delivery{Event: stream.Event{Data: []byte(data)}})
	asks := map[string]func() error{
		"Data":     func() error { _, err := view.Data(); return err },
		"Order":    func() error { _, err := view.Order(); return err },
		"Shipment": func() error { _, err := view.Shipment(); return err },
	}
	for name, ask := range asks {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		if got := testing.AllocsPerRun(10, func() { _ = ask() }); got > 0 {
			t.Errorf("%s asked for again makes %v allocations, want none", name, got)
		}
	}
}
