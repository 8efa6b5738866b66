package stream

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Group is one consumer of one consumer group: what a process reads, acks, renews, releases and sweeps with. Every call
// is one round trip unless it says otherwise, blocks no longer than the connection's timeouts, and may be made by many
// goroutines at once. Errors leave it open whether the server has carried the call out; each call is safe to repeat.
type Group struct {
	client   *Client
	name     string
	consumer string
	lease    time.Duration
	emit     Emit
	spare    *atomic.Pointer[idWords] // for the next ack, or nil while one is under way
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
	return &Group{client: c, name: name, consumer: consumer, lease: lease, spare: &atomic.Pointer[idWords]{}}, nil
}

// Consumer is the consumer's name.
func (g *Group) Consumer() string { return g.consumer }

// Lease is how long the consumer keeps what it was handed without renewing it.
func (g *Group) Lease() time.Duration { return g.lease }

// settleKeys are the keys that every script takes which may write a dead letter.
func (g *Group) settleKeys() []string {
	keys := g.client.keys
	return []string{keys.Stream(), keys.Dead(g.name), keys.Attempts(g.name)}
}

func (g *Group) failed(operation string, err error) error {
	return fmt.Errorf("%s group %q: %w", operation, g.name, explain(err))
}
