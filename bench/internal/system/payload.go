package system

import (
	"encoding/binary"
	"errors"

	"github.com/millrace/millrace/bench/internal/order"
)

// errPayload says that bytes are not what appendPayload made.
var errPayload = errors.New("the message is no order event")

// appendPayload packs an event into bytes, for systems that carry one text in place of fields. It is the least work that
// a user could have with it: each text behind its length.
func appendPayload(to []byte, event order.Event) []byte {
	for _, text := range []string{event.Name, event.Data, event.ID, event.AggregateID} {
		to = binary.AppendUvarint(to, uint64(len(text)))
		to = append(to, text...)
	}
	return binary.AppendVarint(to, event.Timestamp)
}

// parsePayload unpacks what appendPayload packed. The event's texts share the payload's memory.
func parsePayload(payload []byte) (order.Event, error) {
	var event order.Event
	var id string
	for _, text := range []*string{&event.Name, &event.Data, &id, &event.AggregateID} {
		length, size := binary.Uvarint(payload)
		if size <= 0 || length > uint64(len(payload)-size) {
			return event, errPayload
		}
		ends := size + int(length)
		*text = order.Alias(payload[size:ends])
		payload = payload[ends:]
	}
	timestamp, size := binary.Varint(payload)
	if size <= 0 {
		return event, errPayload
	}
	event.Timestamp = timestamp
	return event, event.SetID(id)
}
