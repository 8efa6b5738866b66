package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/millrace/millrace/stream"
)

// patience is how long a command waits for Redis to answer at all.
const patience = 5 * time.Second

// withClient hands act a client of a Redis that answers. Without a URL it looks for the embedded server of another
// process, and starts nothing.
func (p *program) withClient(ctx context.Context, act func(context.Context, *stream.Client) error) error {
	config, err := p.config()
	if err != nil {
		return err
	}
	client, err := stream.Open(stream.Options{
		URL:    p.redisURL(),
		Stream: config.Stream,
	})
	if err != nil {
		return &usageError{err}
	}
	defer client.Close()
	if err := p.reach(ctx, client); err != nil {
		return err
	}
	return act(ctx, client)
}

// reach tells in words why Redis does not answer.
func (p *program) reach(ctx context.Context, client *stream.Client) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := client.Registered(limited)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ECONNREFUSED) && p.Config.RedisURL == "":
		return fmt.Errorf("nothing answers at %s: `millrace run`, which starts the embedded server there, is probably not "+
			"running: start it, or set MILLRACE_REDIS_URL to use a Redis", where(client))
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing answers at %s: is Redis running, and MILLRACE_REDIS_URL right?", where(client))
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return fmt.Errorf("no answer from %s within %s: is MILLRACE_REDIS_URL right, and can this machine reach it? (%w)",
			where(client), Spell(patience), err)
	default:
		return fmt.Errorf("%s: %w", where(client), err)
	}
}

// where is the Redis of a client, for people: the database that everybody uses goes without saying.
func where(client *stream.Client) string { return strings.TrimSuffix(client.Address(), "/0") }
