// Package command hands events to a program in any language.
//
// No shell reads the command, and nothing of an event gets into its arguments. The program finds the event on its standard
// input, as one line of JSON:
//
//	{"event":"ORDER_PAID","event_id":"o-1","data":{"order_id":1},"entry_id":"1700000000000-0",
//	 "timestamp":"2026-11-21T10:00:00.000Z","aggregate_id":"1","headers":{},"group":"erp","deliveries":1}
//
// `data` is the event's data where that is JSON, else a string; bytes that are no text stand in `data_base64` in its place.
// `replay_of` and `traceparent` are there where the event has them, and `headers` holds every other field of the entry.
//
// # Once
//
// The program is started anew for each event. MILLRACE_EVENT, MILLRACE_EVENT_ID and MILLRACE_DELIVERIES stand in its
// environment. Exit code 0 is success and 65 (EX_DATAERR of sysexits) a permanent error; any other, and a signal, means
// that the event is tried again. The end of standard error is the error. The result is the value of `result` in the last
// line of standard output that is a JSON object with such a key, else the text. A `retry_after` there says when a failed
// event is tried again.
//
// # Persistent
//
// Processes are kept, each of which reads a line, handles the event, writes one line with its answer to standard output,
// and reads the next; MILLRACE_MODE is `persistent` in their environment. There are as many as there are events in hand at
// once. The answers:
//
//	{"ok":true}
//	{"ok":true,"result":"booked as 4711"}
//	{"error":"no such customer","permanent":true}
//	{"error":"the ERP is down","retry_after":"30s"}
//
// A process ends when its standard input does. One that ends before, says something that is no answer, writes without being
// asked or answers not in time is replaced, and the event that it had in hand, no other, is tried again.
//
// # Ends
//
// Each process leads a process group of its own. When the context ends, the group gets SIGTERM, and SIGKILL 2 s later. When
// the program itself has ended, what is left of its group is killed too: what is to live on takes a session of its own
// (setsid). On Linux the program dies with the process that has started it, however that dies.
package command
