package stream

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// runAndWait runs a script and WAIT, one behind the other on one connection: WAIT counts the replicas that have what its
// own connection wrote (WAIT command page), and any other connection would be told "all of them" at once.
func (c *Client) runAndWait(
	ctx context.Context, program script, keys []string, args []any, options PublishOptions,
) (reply *redis.Cmd, replicas int, err error) {
	reply, replicas, err = c.evaluateAndWait(ctx, "evalsha", program.sha1, keys, args, options)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		reply, replicas, err = c.evaluateAndWait(ctx, "eval", program.source, keys, args, options)
	}
	return reply, replicas, err
}

func (c *Client) evaluateAndWait(
	ctx context.Context, verb, program string, keys []string, args []any, options PublishOptions,
) (*redis.Cmd, int, error) {
	node, err := c.masterOf(ctx, keys[0])
	if err != nil {
		return nil, 0, err
	}
	reply := newEvaluation(ctx, verb, program, keys, args)
	wait := redis.NewIntCmd(ctx, "wait", options.Wait, options.WaitTimeout.Milliseconds())
	pipeline := node.Pipeline()
	_ = pipeline.Process(ctx, reply)
	_ = pipeline.Process(ctx, wait)
	_, _ = pipeline.Exec(ctx) // each command keeps its own error
	if err := reply.Err(); err != nil {
		c.learnSlots(ctx, err)
		return nil, 0, err
	}
	if err := wait.Err(); err != nil {
		return nil, 0, fmt.Errorf("wait for %d replicas: %w", options.Wait, err)
	}
	return reply, int(wait.Val()), nil
}

// masterOf is the client of the one server that holds key: WAIT has no key by which a Redis Cluster's client could find
// the server.
func (c *Client) masterOf(ctx context.Context, key string) (redis.UniversalClient, error) {
	servers, ok := c.write.(*redis.ClusterClient)
	if !ok {
		return c.write, nil
	}
	return servers.MasterForKey(ctx, key)
}

// learnSlots is slotLearner's work for what is sent to one server of a Redis Cluster, past the hooks of the client of all.
func (c *Client) learnSlots(ctx context.Context, err error) {
	if servers, ok := c.write.(*redis.ClusterClient); ok {
		slotLearner{servers}.learn(ctx, err)
	}
}
