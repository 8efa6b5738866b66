// Command bench measures Millrace beside bare Redis loops and, with -peers, beside other libraries.
//
//	go run . -list                       what can be measured
//	go run .                             everything, Millrace and the bare loops, 5 rounds
//	go run . -peers drain latency        two workloads, the other libraries too
//	go run . -systems millrace,go-redis -cpuprofile cpu.prof drain
//	go run . -quick                      a smoke test; its figures mean nothing
//
// It needs redis-server and the go command, which builds the program, on the PATH, and Linux, whose /proc says how much
// memory a process has held. It starts servers of its own on loopback ports, without persistence, and prints Markdown
// tables. The workload php needs php and PHP-FPM besides; what is not installed it leaves out, and says so. The exit code
// is 1 where anything went wrong.
//
// # What is measured against what
//
//   - millrace is a program that uses the packages stream and consumers with their defaults; metrics are counted and the
//     log is written.
//   - go-redis is the loop that an experienced user of that client writes who wants nothing but speed: it reads 1,000
//     entries at once and acks them with the next read. It retries nothing, and nobody takes over what it held when it died.
//     What Millrace costs is the distance to it.
//   - resp is the ceiling: a loop on a bare socket that parses replies where they lie and allocates nothing. What redis-server
//     can deliver on this machine is what it gets.
//   - goroutines is the control for slow handlers: as many goroutines as may handle at once and no queue at all.
//   - millrace-service is the real program, run as an operator would: environment variables, a handlers file, signals. It has
//     no handler that does nothing, so its handlers reserve stock in Redis; millrace-inventory is the same through the
//     packages.
//   - In the workload php it is the program that hands orders to one handler in PHP, in each way that there is, with the
//     settings of php that the system's packages bring.
//   - The other libraries are each set up as fast as their documentation allows.
//
// All of them handle the same event, an order of about 250 bytes, and each decodes it into the same struct.
//
// # How it is measured
//
// Every run of a system is a process of its own, so that processor time, allocations and memory are that system's alone;
// the process that started it waits without polling. What the handlers did in each group is checked: an event that is
// missing, that came twice or that was never sent fails the run, as do acks that do not follow within seconds. A run's time
// goes from the moment at which the started process begins to connect to the end of the last handling.
//
// In each round every system has one turn, and each round begins with another one. What the machine does meanwhile falls
// on all of them, so a ratio is always taken between two runs of one round.
//
// # How to read it
//
// Read the ratios, which hold from machine to machine far better than anything else: each is the median over the rounds of
// the ratios within a round, and the brackets hold the smallest and the largest of them. Where the brackets are wide, the
// machine was busy or the system is uneven; where they reach across 1, the order of the two is open. The absolute figures
// are medians for orientation: they say as much of the machine as of the system.
//
// Client and server CPU are seconds of one processor for each million deliveries. They tell more than the speed where
// processors are scarce: redis-server uses one at most, so a system whose client needs little there runs as fast as the
// server lets it. The peak of memory belongs to the whole life of the process; the runtime, the code of all systems and the
// notes of the check are part of it, about 15 to 20 MB, and the same for all.
//
// Latency comes from an open loop: each event has a time at which it is to be sent and carries it, whatever has become of
// those before. So an event that waits, wherever it does, counts as late; a producer that waited for its answers would hide
// that. How late the producer itself was stands in a column of its own.
package main
