package embedded

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// answers are the commands that are answered here and not, or not always, by miniredis. Each returns whether it has;
// script is what guard.ask takes.
var answers = map[string]func(g *guard, peer, script *server.Peer, args []string) bool{
	"CLIENT":   answerClient,
	"INFO":     answerInfo,
	"XGROUP":   completeStart,
	"XINFO":    answerInfoStream,
	"XPENDING": answerPending,
}

// answerClient answers what client libraries send about themselves, which miniredis takes for errors.
func answerClient(g *guard, peer, _ *server.Peer, args []string) bool {
	switch strings.ToUpper(args[0]) {
	case "ID":
		g.mu.Lock()
		id := g.clients[peer]
		g.mu.Unlock()
		peer.WriteInt(id)
		return true
	case "SETINFO":
		peer.WriteOK()
		return true
	}
	return false
}

// answerInfo answers INFO with what clients and Millrace look for in it: that the server is ready and since when.
func answerInfo(g *guard, peer, _ *server.Peer, _ []string) bool {
	lines := []string{
		"# Server",
		"redis_version:7.0.0", // the version whose commands come nearest to what is here
		"redis_mode:standalone",
		"server_name:millrace-embedded",
		fmt.Sprintf("uptime_in_seconds:%d", int(time.Since(g.started).Seconds())),
		"# Clients",
		fmt.Sprintf("connected_clients:%d", g.server.ClientsLen()),
		"# Memory",
		"maxmemory:0",
		"maxmemory_policy:noeviction",
		"# Persistence",
		"loading:0",
		"aof_enabled:0",
		"# Replication",
		"role:master",
		"connected_slaves:0",
		"# Cluster",
		"cluster_enabled:0",
	}
	peer.WriteBulk(strings.Join(lines, "\r\n") + "\r\n")
	return true
}

// completeStart has a group begin at a whole ID, 5-0 for 5 and for 05-00, and at the last ID given out for $. miniredis
// keeps what it is given, and shows it as the last ID delivered to whoever expects one of two halves; and it takes the last
// entry that is left for the last that there was.
func completeStart(g *guard, peer, script *server.Peer, args []string) bool {
	if !strings.EqualFold(args[0], "CREATE") {
		return false
	}
	start := g.lastGenerated(script, args[1])
	if args[3] != "$" {
		start = completeID(args[3])
	}
	if start == "" {
		return false
	}
	completed := slices.Clone(args)
	completed[3] = start
	g.run(peer, append([]string{"XGROUP"}, completed...))
	return true
}

// answerInfoStream answers XINFO STREAM, in which miniredis shows no last ID of a stream that never had an entry.
func answerInfoStream(g *guard, peer, script *server.Peer, args []string) bool {
	if !strings.EqualFold(args[0], "STREAM") {
		return false
	}
	last := g.lastGenerated(script, args[1])
	length, isStream := g.ask(script, "XLEN", args[1]).(int)
	if last == "" || !isStream {
		return false // an error is miniredis's to tell
	}
	peer.WriteMapLen(2)
	peer.WriteBulk("length")
	peer.WriteInt(length)
	peer.WriteBulk("last-generated-id")
	peer.WriteBulk(last)
	return true
}

// lastGenerated is the last ID that the stream gave out, of an entry that may be gone, or 0-0; "" where there is no stream.
func (g *guard) lastGenerated(script *server.Peer, key string) string {
	facts, _ := g.ask(script, "XINFO", "STREAM", key).([]any)
	if len(facts) != 4 {
		return ""
	}
	last, _ := facts[3].(string)
	return cmp.Or(last, "0-0")
}

// answerPending answers the short form of XPENDING, whose reply miniredis makes without the entries that were deleted
// from the stream while they were pending: they are pending until somebody acks them, as in Redis.
func answerPending(g *guard, peer, script *server.Peer, args []string) bool {
	if len(args) != 2 {
		return false
	}
	reply := g.ask(script, "XPENDING", args[0], args[1], "IDLE", sinceEver, "-", "+", strconv.Itoa(math.MaxInt32))
	list, isList := reply.([]any)
	if !isList {
		return false // an error is miniredis's to tell
	}
	writePending(peer, list)
	return true
}

// writePending writes how many of the pending entries in list there are, the first and the last one's ID, and how many
// each consumer has (XPENDING command page).
func writePending(peer *server.Peer, list []any) {
	peer.WriteLen(4)
	peer.WriteInt(len(list))
	if len(list) == 0 {
		peer.WriteNull()
		peer.WriteNull()
		peer.WriteLen(-1)
		return
	}
	counts := map[string]int{}
	for _, entry := range list {
		counts[pendingPart(entry, 1)]++
	}
	peer.WriteBulk(pendingPart(list[0], 0))
	peer.WriteBulk(pendingPart(list[len(list)-1], 0))
	peer.WriteLen(len(counts))
	for _, consumer := range slices.Sorted(maps.Keys(counts)) {
		peer.WriteLen(2)
		peer.WriteBulk(consumer)
		peer.WriteBulk(strconv.Itoa(counts[consumer]))
	}
}

// pendingPart is the ID, 0, or the consumer, 1, of an entry in a reply of XPENDING.
func pendingPart(entry any, part int) string {
	parts, _ := entry.([]any)
	if part >= len(parts) {
		return ""
	}
	text, _ := parts[part].(string)
	return text
}
