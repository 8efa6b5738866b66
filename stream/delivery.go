package stream

import (
	"encoding/json"
	"time"
)

// Delivery is one handing-over of an entry to a consumer of a group.
type Delivery struct {
	Entry
	// Deliveries counts how often the entry has been handed over in this group, this time included. Redis stores it,
	// and stored it before this delivery was returned.
	Deliveries int
	// Note is what the last failed try left, or nil where no try has failed.
	Note *Note
	// LeaseEnds is the local time at which, unless it is renewed, another consumer may claim the entry.
	LeaseEnds time.Time
}

// Orphaned tells whether the last delivery ended without anybody noting how: its process was killed or stalled, perhaps by
// this very event.
func (d *Delivery) Orphaned() bool {
	noted := 0
	if d.Note != nil {
		noted = d.Note.Tries
	}
	return d.Deliveries >= 2 && noted != d.Deliveries-1
}

// Note is what a failed try leaves beside an entry that stays pending: a field of the hash `{S}:attempts:<group>`, in
// JSON, gone when the entry is settled.
type Note struct {
	// Tries is the delivery count of the try that failed.
	Tries int `json:"tries"`
	// Reason is one of the Retry constants.
	Reason string `json:"reason"`
	// Error is the error of that try, at most MaxErrorBytes of it.
	Error string `json:"error"`
	// Consumer is who tried.
	Consumer string `json:"consumer"`
	// Next is when the next try is due, in milliseconds since 1970 by the server's clock.
	Next int64 `json:"next"`
}

// parseRead reads the reply of XREADGROUP for one stream: [[stream, [[ID, [name, value...]]...]]].
func parseRead(reply any, leaseEnds time.Time) ([]Delivery, error) {
	streams := replyList(reply)
	if len(streams) != 1 {
		return nil, errUnexpectedReply
	}
	pair := replyList(streams[0])
	if len(pair) != 2 {
		return nil, errUnexpectedReply
	}
	entries := replyList(pair[1])
	deliveries := make([]Delivery, 0, len(entries))
	for _, element := range entries {
		record := replyList(element)
		if len(record) != 2 {
			return nil, errUnexpectedReply
		}
		entry, err := parseEntry(record[0], record[1])
		if err != nil {
			return nil, err
		}
		deliveries = append(deliveries, Delivery{Entry: entry, Deliveries: 1, LeaseEnds: leaseEnds})
	}
	return deliveries, nil
}

// parseDeliveries reads what the scripts adopt and sweep hand over: [[ID, delivery count, note, [name, value...]]...].
func parseDeliveries(reply any, leaseEnds time.Time) ([]Delivery, error) {
	records, isList := reply.([]any)
	if !isList {
		return nil, errUnexpectedReply
	}
	deliveries := make([]Delivery, 0, len(records))
	for _, element := range records {
		record := replyList(element)
		if len(record) != 4 {
			return nil, errUnexpectedReply
		}
		entry, err := parseEntry(record[0], record[3])
		if err != nil {
			return nil, err
		}
		deliveries = append(deliveries, Delivery{
			Entry: entry, Deliveries: replyNumber(record[1]),
			Note: parseNote(replyText(record[2])), LeaseEnds: leaseEnds,
		})
	}
	return deliveries, nil
}

// parseNote reads a note; one that somebody has spoilt by hand counts as none, as it does in the script sweep.
func parseNote(text string) *Note {
	var note Note
	if text == "" || json.Unmarshal([]byte(text), &note) != nil || note.Consumer == "" || note.Next <= 0 {
		return nil
	}
	return &note
}
