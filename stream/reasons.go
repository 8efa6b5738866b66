package stream

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
