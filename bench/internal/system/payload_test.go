package system

import (
	"testing"
	"time"

	"github.com/millrace/millrace/bench/internal/order"
)

func TestPayloadKeepsAnEventWhole(t *testing.T) {
	want := order.New(1234, time.Now(), 300)
	payload := appendPayload(nil, want)
	if got, err := parsePayload(payload); err != nil || got != want {
		t.Errorf("parsePayload(appendPayload(event)) = %+v, %v, want %+v", got, err, want)
	}
}

func TestPayloadThatEndsEarlyIsAnError(t *testing.T) {
	payload := appendPayload(nil, order.New(1234, time.Now(), 300))
	for length := range payload {
		if event, err := parsePayload(payload[:length]); err == nil {
			t.Errorf("parsePayload of the first %d of %d bytes = %+v, want an error", length, len(payload), event)
		}
	}
}
