package order_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/millrace/millrace/bench/internal/order"
)

func TestEventTravelsInItsFields(t *testing.T) {
	want := order.New(12345, time.UnixMilli(1_763_700_000_123), order.DefaultDataBytes)
	var got order.Event
	for field, value := range map[string]string{
		"event": want.Name, "data": want.Data, "event_id": want.ID, "aggregate_id": want.AggregateID,
		"timestamp": "1763700000123", "unknown": "x",
	} {
		if err := got.Set(field, value); err != nil {
			t.Fatal(err)
		}
	}
	if got != want {
		t.Errorf("the fields make %+v, want %+v", got, want)
	}
}

func TestEventsOfOtherRunsAreRefused(t *testing.T) {
	for _, id := range []string{"", "1763700000000-0x", "e-5", "1763700000000"} {
		var event order.Event
		if event.SetID(id) == nil {
			t.Errorf("the ID %q was taken for sequence number %d", id, event.Sequence)
		}
	}
}

func TestSize(t *testing.T) {
	for _, size := range []int{100, order.DefaultDataBytes, 1 << 10, 100 << 10} {
		event := order.New(123456, time.Now(), size)
		if got := len(event.Data); got < size-10 || got > size+10 {
			t.Errorf("data of %d bytes has %d", size, got)
		}
		if !json.Valid([]byte(event.Data)) {
			t.Errorf("data is not JSON: %s", event.Data[:90])
		}
	}
	event := order.New(123456, time.Now(), order.DefaultDataBytes)
	size := len("event"+"data"+"event_id"+"timestamp"+"aggregate_id"+"1763700000000") +
		len(event.Name+event.Data+event.ID+event.AggregateID)
	if size < 240 || size > 270 {
		t.Errorf("an entry has %d bytes, want about 250", size)
	}
}
