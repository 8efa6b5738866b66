// Package claim decides who owns a delivery, and for how long.
//
// Whoever is handed an entry holds a lease on it. Leases renews everything that a consumer holds, running or buffered,
// every third of a lease and without raising a delivery count; where it finds an entry lost, it ends the context of the
// handler that works on it. Sweeper takes over what a consumer left behind when it died, and what has waited long enough
// for its retry. Policy says when to try again and when to give up. Leave ends a consumer without a trace.
//
// The package decides; what it decides is written by package stream, in scripts that check the owner. Pending entries in
// Redis are the one truth: nothing here survives the process, and nothing has to.
package claim
