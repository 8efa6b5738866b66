// Package history judges a run after the fact: what was published, what was handled, and what Redis held at the end.
//
// A [History] is filled while a run goes on, by producers and by whoever watches the consumers, in any order and from
// several goroutines. [History.Check] then says for each group which of these faults it finds; an event may have several:
//
//   - lost: its publish was acknowledged, and it neither succeeded, nor is a dead letter, nor is pending.
//   - undrained: it is still pending.
//   - duplicated: handlings of it started after one had succeeded, more of them than times that it was in flight when a
//     consumer, or Redis, was killed or cut off ([History.InFlight]).
//   - unexpected: it was handled or is a dead letter, though it was never published or its publish was refused.
//   - concurrent: two handlings of it overlapped in time. One that ends at the instant at which the next starts does not.
//   - acked unhandled: it is acked, and no handling of it succeeded and no dead letter of it was written.
//   - dead twice: it has more than one dead letter.
//   - dead though handled: it has a dead letter and a handling of it succeeded.
//   - dead without reason: it has a dead letter though no handling of it failed, died or never returned, and the reason is
//     none that is found by decoding it.
//
// A publish of unknown result may have happened or not, so that handled and not handled are both right. The names of
// the first faults and this rule are those of Jepsen's total-queue checker (jepsen.checker/total-queue), which counts
// per queue what this package counts per group. Every group is expected to handle every event.
//
// The cost is bounded: Check is linear in the number of handlings but for sorting those of one event, and a handling
// takes 48 bytes. Nothing of the payloads is kept.
package history
