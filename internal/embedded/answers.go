package embedded

import (
	"fmt"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// answers are the commands that are answered here and not, or not always, by miniredis. Each returns whether it has.
var answers = map[string]func(g *guard, peer *server.Peer, args []string) bool{
	"CLIENT": answerClient,
	"INFO":   answerInfo,
}

// answerClient answers what client libraries send about themselves, which miniredis takes for errors.
func answerClient(g *guard, peer *server.Peer, args []string) bool {
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
func answerInfo(g *guard, peer *server.Peer, _ []string) bool {
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
