package stream

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// slotLearner is a hook of a Redis Cluster's client that has the map of its slots read again where a command failed for
// want of the right server. By itself the library does so when a server names another one, and once a minute: the
// servers of a master that has died are asked in vain for so long.
type slotLearner struct{ servers *redis.ClusterClient }

// newClusterClient returns a client of the Redis Cluster that follows its slots.
func newClusterClient(options *redis.ClusterOptions) *redis.ClusterClient {
	// Routing policies would ask every node for COMMAND first, which a narrow ACL refuses.
	options.DisableRoutingPolicies = true
	servers := redis.NewClusterClient(options)
	servers.AddHook(slotLearner{servers})
	return servers
}

// learn has the map read again, in the background, if err may come from an old one. While that is under way, and for
// 200 ms after it, other calls come to no more than one further reading.
func (l slotLearner) learn(ctx context.Context, err error) {
	if err != nil && isPassing(err) {
		l.servers.ReloadState(ctx)
	}
}

// DialHook changes nothing.
func (slotLearner) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook learns from what became of a command.
func (l slotLearner) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		err := next(ctx, command)
		l.learn(ctx, err)
		return err
	}
}

// ProcessPipelineHook learns from what became of a pipeline.
func (l slotLearner) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		err := next(ctx, commands)
		l.learn(ctx, err)
		return err
	}
}
