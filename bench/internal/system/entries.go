package system

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/wire"
)

// fillAtOnce is how many entries are stored in one go while a backlog is built.
const fillAtOnce = 500

// newClient is go-redis with its defaults, but for its patience and the handshake that Redis 7.0 refuses.
func newClient(target Target) (*redis.Client, error) { return newPool(target, 0) }

// readTimeout outlasts a machine that stands still for some seconds: the library sends a read again whose reply is late, and what
// the first one was handed would be missing.
const readTimeout = 30 * time.Second

// newPool is newClient with up to as many connections; zero is go-redis' default, ten for each processor.
func newPool(target Target, connections int) (*redis.Client, error) {
	options, err := redis.ParseURL(target.URL)
	if err != nil {
		return nil, fmt.Errorf("parse the server's URL: %w", err)
	}
	options.PoolSize = connections
	options.ReadTimeout = readTimeout
	options.Protocol = 2
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(options), nil
}

// createGroups makes each group begin at the stream's beginning.
func createGroups(ctx context.Context, target Target) error {
	client, err := newClient(target)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, group := range target.Groups {
		if err := client.XGroupCreateMkStream(ctx, target.Stream, group, "0").Err(); err != nil {
			return fmt.Errorf("create group %q: %w", group, err)
		}
	}
	return nil
}

// Fill stores a backlog in the system's own way, or as plain entries.
func Fill(ctx context.Context, system System, target Target, events iter.Seq[order.Event]) error {
	if filler, has := system.(Filler); has {
		return filler.Fill(ctx, target, events)
	}
	sender, err := Dial(ctx, system, target)
	if err != nil {
		return err
	}
	var chunk []order.Event
	for event := range events {
		if chunk = append(chunk, event); len(chunk) == fillAtOnce {
			err = errors.Join(err, sender.Send(chunk))
			chunk = chunk[:0]
		}
	}
	return errors.Join(err, sender.Send(chunk), sender.Close())
}

// Dial connects a producer that sends in the system's own way, or plain XADDs.
func Dial(ctx context.Context, system System, target Target) (Sender, error) {
	if producer, has := system.(Producer); has {
		return producer.Dial(ctx, target)
	}
	return wire.NewSender(ctx, target.URL, func(to []byte, event order.Event) []byte {
		return wire.AppendXADD(to, target.Stream, event)
	})
}

// Unsettled is how many deliveries are not handed over or not acked yet.
func Unsettled(ctx context.Context, system System, target Target) (int, error) {
	if settler, has := system.(Settler); has {
		return settler.Unsettled(ctx, target)
	}
	client, err := newClient(target)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	groups, err := client.XInfoGroups(ctx, target.Stream).Result()
	if err != nil {
		return 0, fmt.Errorf("look at the groups: %w", err)
	}
	sum := 0
	for _, group := range groups {
		sum += int(group.Pending + group.Lag)
	}
	return sum, nil
}

// isNoEntries tells whether a read has blocked in vain.
func isNoEntries(err error) bool { return errors.Is(err, redis.Nil) }
