// Package stream speaks to Redis: everything that Millrace keeps there, and nothing of what handlers do with it.
//
// One stream holds the events, as any client adds them with XADD. Every handler is a consumer group, so Redis itself keeps
// for each of them what it has been handed and not acked; that list of pending entries is the one truth about who owns
// what. Beside it stand, readable with redis-cli, the note of an entry's last failed try, a stream of dead letters for
// each group, and the hash of registered groups; Keys names them all, and all of them share the stream's hash slot.
//
// A Client publishes events (Publish), decodes them (Decode), trims what everybody has finished (Trim) and looks at how
// things stand (Inspect, Pending, Event, DeadLetters). A Group is one consumer of one group: it reads, acks, renews,
// releases and sweeps. What must not come apart is one Lua script (scripts/), which checks the owner first and may be
// repeated when its reply was lost.
//
// The package knows no handlers and decides nothing: package claim does, and package consumers runs it all.
package stream
