// Package remote holds what the kinds share that hand an event to a program over HTTP or FastCGI: the headers that carry the
// event's facts, and the verdict that follows from the status of the answer.
//
// The headers are those of CloudEvents 1.0 in the binary mode of its HTTP binding: the event's data is the body as it is, and
// what else is known stands in headers that begin with `ce-`. To them come `Idempotency-Key`, by which a receiver knows what it
// has done already, `Millrace-Deliveries`, and the trace context of W3C where the event has one.
//
// An answer of 2xx is success. 408, 409, 425, 429 and 5xx are worth another try, at the time that Retry-After names where it
// names one; every other status is permanent, redirects among them. An answer that breaks off is none.
//
// What a server says, whichever protocol it speaks, is quoted in errors by Quote, and by Hiding without what it repeats of our
// secrets; its certificate is judged as Trusting says.
package remote
