// Package simulation is a test: it runs consumers in a time of its own, against an adversary whom a seed makes.
//
// One seed is one run of about half a minute of simulated time and some hundredths of a second of real time. One to three
// processes, each a consumers.Set with a client of its own, work one or two groups of a stream on a server in memory, which
// runs the Lua scripts that any Redis would run. All of it stands in one testing/synctest bubble, so that a lease of two
// seconds has passed as soon as nothing else is left to do. The adversary, the handlers and the judgement each have a file:
//
//   - adversary_test.go: what becomes of each command, and who is killed, stopped or cut off and when;
//   - handler_test.go: what each handling of each event comes to;
//   - judge_test.go: what must hold in the end, when all faults have ended and everything was drained.
//
// The others build the world: network_test.go the connections, process_test.go the processes, world_test.go a run.
//
//	go test ./internal/simulation                              # a few seconds
//	go test ./internal/simulation -seeds 10000                 # more seeds
//	go test ./internal/simulation -seed 4711 -v                # one seed, with the log of its processes
//	go test ./internal/simulation -seed 4711 -count 20         # the same adversary against 20 schedules
package simulation
