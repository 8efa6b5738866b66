// Package consumers runs handlers, each as a consumer group of its own on one Redis stream.
//
// Delivery is at-least-once: every event that a group subscribes to is at last acked, or stands in the group's dead-letter
// stream with the reason. A handler that may be called twice for one event, after a crash or a lost lease, makes its
// effect idempotent with the event's Name and ID; GroupOptions.Dedupe helps where events are published twice. Nothing is
// promised about order.
//
// One event's way: the intake takes a free slot and reads or claims a delivery (intake.go), decodes it and passes it by
// where the group does not subscribe (admit.go); a worker calls the handler (work.go); the verdict follows from what it
// returned (verdict.go) and is carried out (settle.go): an ack in a batch (acker.go), a retry or a dead letter in a script of
// its own. What became of it is counted and logged (report.go). While an entry is in hand its lease is renewed (package
// claim).
//
// A Set runs any number of groups in one process. Groups share nothing but the process: one that fails, hangs or retries
// does not delay another.
package consumers
