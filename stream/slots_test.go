package stream

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/millrace/millrace/internal/redistest"
)

// TestClusterFindsTheNewMaster kills the server that has the stream's slot, after another one has taken the slot over: as
// in a failover, the map that the client knows leads to a dead server, which answers no MOVED.
func TestClusterFindsTheNewMaster(t *testing.T) {
	t.Parallel()
	servers := redistest.StartCluster(t)
	event := Event{Name: "E", ID: "1"}
	options := PublishOptions{Wait: 1, WaitTimeout: time.Millisecond}
	works := map[string]func(ctx context.Context, client *Client) error{
		"a script": func(ctx context.Context, client *Client) error {
			_, err := client.publishOnce(ctx, &event, Encode(event), PublishOptions{})
			return err
		},
		"a script and WAIT": func(ctx context.Context, client *Client) error {
			_, err := client.publishOnce(ctx, &event, Encode(event), options)
			if errors.Is(err, ErrNotReplicated) {
				return nil
			}
			return err
		},
		"a blocked read": func(ctx context.Context, client *Client) error {
			err := client.readBlocked(ctx, 4, "XREAD", "BLOCK", 1, "STREAMS", client.keys.Stream(), "$").Err()
			if errors.Is(err, redis.Nil) {
				return nil
			}
			return err
		},
		"a command": func(ctx context.Context, client *Client) error {
			return client.Redis().XLen(ctx, client.keys.Stream()).Err()
		},
		"a pipeline": func(ctx context.Context, client *Client) error {
			_, err := client.Redis().Pipelined(ctx, func(pipe redis.Pipeliner) error {
				return pipe.XLen(ctx, client.keys.Stream()).Err()
			})
			return err
		},
	}
	clients := map[string]*Client{}
	for name, work := range works {
		clients[name] = open(t, redistest.ClusterURL(servers))
		await(t, name+" works", func() bool { return work(t.Context(), clients[name]) == nil })
	}
	killOwnerOfSlot(t, servers, clients["a command"])
	for name, work := range works {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for err := work(ctx, clients[name]); err != nil; err = work(ctx, clients[name]) {
			if ctx.Err() != nil {
				t.Errorf("%s still does not work 10s after another server took the slot: %v", name, err)
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// killOwnerOfSlot empties the slot of the client's stream, gives it to another server and kills the one that had it.
func killOwnerOfSlot(t *testing.T, servers []*redistest.Server, client *Client) {
	t.Helper()
	ctx := t.Context()
	key := client.Keys().Stream()
	if err := client.Redis().Del(ctx, key, client.Keys().Published("E", "1")).Err(); err != nil {
		t.Fatal(err)
	}
	slot := servers[0].CLI("cluster", "keyslot", key)
	owner := ownerOf(t, servers, client)
	heirs := []*redistest.Server{}
	for _, server := range servers {
		if server != owner {
			heirs = append(heirs, server)
		}
	}
	heir := heirs[0].CLI("cluster", "myid")
	for _, server := range append(heirs, owner) {
		server.CLI("config", "set", "cluster-require-full-coverage", "no")
		if got := server.CLI("cluster", "setslot", slot, "node", heir); got != "OK" {
			t.Fatalf("cluster setslot: %s", got)
		}
	}
	owner.Kill()
}

func ownerOf(t *testing.T, servers []*redistest.Server, client *Client) *redistest.Server {
	t.Helper()
	node, err := client.masterOf(t.Context(), client.Keys().Stream())
	if err != nil {
		t.Fatal(err)
	}
	single, ok := node.(*redis.Client)
	if !ok {
		t.Fatalf("the server of a slot is a %T", node)
	}
	for _, server := range servers {
		if server.Addr() == single.Options().Addr {
			return server
		}
	}
	t.Fatalf("no server at %s", single.Options().Addr)
	return nil
}
