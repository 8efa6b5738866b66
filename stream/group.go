package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Group is one consumer of one consumer group: what a process reads, acks, renews, releases and sweeps with. Every call
// is one round trip unless it says otherwise, blocks no longer than the connection's timeouts, and may be made by many
// goroutines at once. Errors leave it open whether the server has carried the call out; each call is safe to repeat.
type Group struct {
	client   *Client
	name     string
	consumer string
	lease    time.Duration
}

// Group returns the consumer called consumer of the group called name. Two processes must never share a consumer's name.
// lease is how long a silent consumer keeps what it was handed. Nothing is sent: EnsureGroups creates the group.
func (c *Client) Group(name, consumer string, lease time.Duration) (*Group, error) {
	if err := CheckGroup(name); err != nil {
		return nil, err
	}
	if consumer == "" || consumer == Waiting {
		return nil, fmt.Errorf("consumer name %q: expected a name of its own other than %q", consumer, Waiting)
	}
	if lease < time.Millisecond {
		return nil, fmt.Errorf("lease %v: expected at least 1ms", lease)
	}
	return &Group{client: c, name: name, consumer: consumer, lease: lease}, nil
}

// Consumer is the consumer's name.
func (g *Group) Consumer() string { return g.consumer }

// Lease is how long the consumer keeps what it was handed without renewing it.
func (g *Group) Lease() time.Duration { return g.lease }

// Read hands new entries to the consumer, at most count of them (XREADGROUP). It waits for the first one up to block,
// which is capped at MaxBlock; zero or less does not wait. No entry is no error.
//
// An end of ctx is seen before the read is sent and not during it: cutting a blocked read short would lose what the
// server has just handed over. After an error that may have happened as well, and Adopt takes it up.
func (g *Group) Read(ctx context.Context, count int, block time.Duration) ([]Delivery, error) {
	args := make([]any, 0, 11)
	args = append(args, "XREADGROUP", "GROUP", g.name, g.consumer, "COUNT", count)
	if block >= time.Millisecond {
		args = append(args, "BLOCK", min(block, MaxBlock).Milliseconds())
	}
	args = append(args, "STREAMS", g.client.keys.Stream(), ">")
	sent := time.Now()
	reply, err := g.client.readBlocked(ctx, len(args)-2, args...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, g.failed("read", err)
	}
	deliveries, err := parseRead(reply, sent.Add(g.lease))
	if err != nil {
		return nil, g.failed("read", err)
	}
	return deliveries, nil
}

// settleKeys are the keys that every script takes which may write a dead letter.
func (g *Group) settleKeys() []string {
	keys := g.client.keys
	return []string{keys.Stream(), keys.Dead(g.name), keys.Attempts(g.name)}
}

func (g *Group) failed(operation string, err error) error {
	return fmt.Errorf("%s group %q: %w", operation, g.name, explain(err))
}
