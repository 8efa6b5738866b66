package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/breakable"
	"github.com/millrace/millrace/stream"
)

// nodes is a Redis Cluster of three masters with a replica each.
type nodes struct {
	servers []*member
	slot    int     // where the stream is
	struck  *member // the master that a blow has met
}

// moveBatch is how many keys of a slot are moved at once.
const moveBatch = 100

// startNodes starts a cluster and returns when all of it is up. The caller ends it with close, also after an error.
func startNodes(ctx context.Context, dir string) (*nodes, error) {
	n := &nodes{}
	var err error
	n.servers, err = startMembers(dir, "node", 6, func(dir string) (*breakable.Server, error) {
		return breakable.StartServer(dir, "--appendonly", "yes", "--repl-diskless-sync-delay", "0", "--cluster-enabled", "yes",
			"--cluster-node-timeout", fmt.Sprint(down.Milliseconds()))
	})
	if err != nil {
		return n, err
	}
	create := []string{"--cluster", "create"}
	for _, server := range n.servers {
		create = append(create, server.Addr())
	}
	create = append(create, "--cluster-replicas", "1", "--cluster-yes")
	if printed, err := exec.CommandContext(ctx, "redis-cli", create...).CombinedOutput(); err != nil {
		return n, fmt.Errorf("create a cluster: %w\n%s", err, printed)
	}
	if _, err := await(ctx, "the cluster is up", func() bool { return n.areUp(ctx) }); err != nil {
		return n, err
	}
	slot, err := n.servers[0].client.ClusterKeySlot(ctx, stream.DefaultName).Result()
	n.slot = int(slot)
	return n, err
}

// areUp tells whether every node takes the cluster for whole, and every replica has everything.
func (n *nodes) areUp(ctx context.Context) bool {
	masters, replicas := 0, 0
	for _, server := range n.servers {
		info, err := server.client.ClusterInfo(ctx).Result()
		if err != nil || !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:6") {
			return false
		}
		switch {
		case server.isMaster(ctx):
			masters++
		case server.isLinked(ctx):
			replicas++
		}
	}
	return masters == 3 && replicas == 3
}

// url is what a client is told.
func (n *nodes) url() string {
	hosts := make([]string, len(n.servers))
	for i, server := range n.servers {
		hosts[i] = server.Addr()
	}
	return "redis-cluster://" + strings.Join(hosts, ",")
}

// owner is the master that has the stream's slot in the eyes of a node.
func (n *nodes) owner(ctx context.Context, eyes *member) *member {
	slots, err := eyes.client.ClusterSlots(ctx).Result() //nolint:staticcheck // the other command names dead masters too
	if err != nil {
		return nil
	}
	for _, some := range slots {
		if some.Start <= n.slot && n.slot <= some.End && len(some.Nodes) > 0 {
			return n.at(some.Nodes[0].Addr)
		}
	}
	return nil
}

func (n *nodes) at(address string) *member {
	for _, server := range n.servers {
		if server.Addr() == address {
			return server
		}
	}
	return nil
}

// kill ends the master that has the stream's slot, and returns when its replica has it.
func (n *nodes) kill(ctx context.Context) (struck time.Time, change fell, err error) {
	return n.disable(ctx, func() error { return n.struck.Kill() })
}

// freeze stops the master that has the stream's slot without ending it, and returns when its replica has the slot.
func (n *nodes) freeze(ctx context.Context) (struck time.Time, change fell, err error) {
	return n.disable(ctx, func() error { return n.struck.Pause() })
}

func (n *nodes) disable(ctx context.Context, disable func() error) (struck time.Time, change fell, err error) {
	if n.struck = n.owner(ctx, n.servers[0]); n.struck == nil {
		return time.Time{}, fell{}, errors.New("no node has the stream's slot")
	}
	struck = time.Now()
	if err := disable(); err != nil {
		return struck, fell{}, err
	}
	change, err = n.awaitChange(ctx)
	return struck, change, err
}

// awaitChange waits until another node than the one that was struck takes itself for the owner of the slot, and all others
// agree.
func (n *nodes) awaitChange(ctx context.Context) (change fell, err error) {
	change.at, err = await(ctx, "the slot has a new master", func() bool {
		for _, server := range n.servers {
			if server != n.struck && n.owner(ctx, server) == server {
				change.promoted = server
				return true
			}
		}
		return false
	})
	if err != nil {
		return change, err
	}
	others := slices.DeleteFunc(slices.Clone(n.servers), func(server *member) bool { return server == n.struck })
	_, err = await(ctx, "every node knows the new master", func() bool {
		return change.tell(others, func(server *member) bool { return n.owner(ctx, server) == change.promoted })
	})
	return change, err
}

// comeBack starts a killed node again, and returns when it is a replica.
func (n *nodes) comeBack(ctx context.Context) error {
	return errors.Join(n.struck.Restart(), n.whole(ctx))
}

// thaw lets a frozen node go on, and returns when it is a replica.
func (n *nodes) thaw(ctx context.Context) error {
	return errors.Join(n.struck.Resume(), n.whole(ctx))
}

// whole waits until three masters and three replicas are up.
func (n *nodes) whole(ctx context.Context) error {
	_, err := await(ctx, "the cluster is whole", func() bool { return n.areUp(ctx) })
	return err
}

// moveSlot moves the stream's slot, with all of its keys, to another master, as resharding does.
func (n *nodes) moveSlot(ctx context.Context) (struck time.Time, change fell, err error) {
	from := n.owner(ctx, n.servers[0])
	for _, server := range n.servers {
		if server != from && server.isMaster(ctx) {
			change.promoted = server
		}
	}
	if from == nil || change.promoted == nil {
		return struck, change, errors.New("move a slot: expected two masters")
	}
	to := change.promoted
	fromID, toID := from.client.Do(ctx, "cluster", "myid").Val(), to.client.Do(ctx, "cluster", "myid").Val()
	struck = time.Now()
	err = errors.Join(
		n.setSlot(ctx, to, "importing", fromID), n.setSlot(ctx, from, "migrating", toID),
		n.moveKeys(ctx, from, to),
		n.setSlot(ctx, to, "node", toID), n.setSlot(ctx, from, "node", toID),
	)
	change.at = time.Now()
	change.announced, change.agreed = change.at, change.at
	return struck, change, err
}

// setSlot tells a node what becomes of the stream's slot (CLUSTER SETSLOT).
func (n *nodes) setSlot(ctx context.Context, node *member, what string, other any) error {
	if err := node.client.Do(ctx, "cluster", "setslot", n.slot, what, other).Err(); err != nil {
		return fmt.Errorf("set the slot of %s to %s: %w", node.Addr(), what, err)
	}
	return nil
}

// moveKeys moves all keys of the slot.
func (n *nodes) moveKeys(ctx context.Context, from, to *member) error {
	for {
		keys, err := from.client.ClusterGetKeysInSlot(ctx, n.slot, moveBatch).Result()
		if err != nil {
			return fmt.Errorf("list the keys of a slot: %w", err)
		}
		if len(keys) == 0 {
			return nil
		}
		words := []any{"migrate", "127.0.0.1", to.Port(), "", 0, 5000, "keys"}
		for _, key := range keys {
			words = append(words, key)
		}
		if err := from.client.Do(ctx, words...).Err(); err != nil {
			return fmt.Errorf("move keys: %w", err)
		}
	}
}

// close kills everything; it is the last thing.
func (n *nodes) close() error { return closeAll(n.servers) }
