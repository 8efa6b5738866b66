package stream

import "time"

// Field is one name and value of an entry, as the producer sent it: any bytes.
type Field struct {
	Name  string
	Value string
}

// Entry is a record of the stream as Redis holds it: its fields in the order of the XADD, duplicates included.
type Entry struct {
	ID     ID
	Fields []Field
}

// Get returns the value of the first field called name that is not empty, and "" where there is none. PHP's null and
// false arrive as empty values, so an empty value counts as an absent one.
func (e Entry) Get(name string) string {
	for _, field := range e.Fields {
		if field.Name == name && field.Value != "" {
			return field.Value
		}
	}
	return ""
}

// Size is the number of bytes in all names and values.
func (e Entry) Size() int {
	size := 0
	for _, field := range e.Fields {
		size += len(field.Name) + len(field.Value)
	}
	return size
}

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

// Suspect tells whether the last delivery ended without anybody noting how: its process may have been killed by it.
func (d *Delivery) Suspect() bool {
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

// MaxErrorBytes is how much of an error is kept in a note or a dead letter.
const MaxErrorBytes = 2048

// Why a dead letter was written: the values of its `dead_reason`.
const (
	// DeadPermanent: the handler said that trying again cannot help.
	DeadPermanent = "permanent"
	// DeadMaxDeliveries: the last permitted delivery failed, or ended without a word.
	DeadMaxDeliveries = "max_deliveries"
	// DeadUndecodable: the entry has no event name.
	DeadUndecodable = "undecodable"
	// DeadTooLarge: the event is larger than the configured limit.
	DeadTooLarge = "too_large"
	// DeadDataDestroyed: the producer's client replaced the data by a word such as `Array`.
	DeadDataDestroyed = "data_destroyed"
	// DeadDeleted: somebody deleted the entry from the stream while it was pending.
	DeadDeleted = "deleted"
)

// Why a try failed and another follows: the values of a note's reason.
const (
	// RetryFailed: the handler returned an error.
	RetryFailed = "failed"
	// RetryTimeout: the handler did not return in time.
	RetryTimeout = "timeout"
	// RetryPanic: the handler panicked.
	RetryPanic = "panic"
	// RetryShutdown: the process was told to stop while the handler ran.
	RetryShutdown = "shutdown"
	// RetryStuck: the handler ignored the end of its context and was abandoned.
	RetryStuck = "stuck"
	// RetryDuplicate: another entry with the same event is being handled; no try was made.
	RetryDuplicate = "duplicate"
)
