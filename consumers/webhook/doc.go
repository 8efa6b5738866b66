// Package webhook hands each event to an HTTP endpoint.
//
// The event is sent by POST, as CloudEvents 1.0 in binary mode: its data is the body, what else is known of it stands in the
// headers that package remote describes. A status of 2xx is success, and the answer's body the handling's result; 408, 409, 425,
// 429 and 5xx are tried again, Retry-After is honoured, and every other status makes a dead letter at once. Redirects are not
// followed. An answer that is not read to its end in time, or to 1 MiB, is none: the event is tried again, also after 200.
//
// Where secrets are set, each request is signed as Standard Webhooks 1.0 describes, once with each of them, so that a receiver
// can go from one to the next while both are valid.
//
// Where a template is set, its text is the body in place of the data. This is how the chat systems are reached which take a
// small JSON document of their own making.
//
// A delivery may come twice, and a connection that turns out to be dead is replaced within one delivery: the receiver makes its
// effect idempotent with Idempotency-Key. The key tells the group and the event's ID; where a producer's IDs are unique only
// together with the event's name, the receiver adds ce-type to it.
package webhook
