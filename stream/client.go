package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// MaxBlock is the longest that a read may wait in Redis for entries. It is short because a context cannot end a blocked
// read: a program that is told to stop waits for the reply.
const MaxBlock = 2 * time.Second

const (
	// commandTimeout bounds the dial, the write and the reply of a command that does not block.
	commandTimeout = 3 * time.Second
	// blockedGrace is how much later than the end of a blocked read its reply may come before the link counts as dead.
	blockedGrace = 1500 * time.Millisecond
)

// Options says which stream of which Redis a Client speaks to.
type Options struct {
	// URL is where Redis is: redis:// or rediss:// (TLS) with one host, unix:// with the path of a socket, redis-cluster://
	// and redis-sentinel:// with several hosts, and both with rediss for TLS. There is no default. The error of a URL
	// that is none of them shows each form.
	URL string
	// Stream is the stream's name; empty means DefaultName.
	Stream string
	// Dialer opens the connections; nil means the net package. TLS is added on top of it where the URL asks for it.
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client speaks to one stream. It is safe for use by several goroutines. A call is one round trip unless it says otherwise,
// and blocks for 3 s at most where Redis does not answer.
type Client struct {
	keys    Keys
	write   redis.UniversalClient // everything that does not block; its pool is shared by all groups
	read    redis.UniversalClient // blocked reads alone, which would drain a shared pool
	scripts scripts
	address string
}

// Open checks the options and returns a client for them. It dials nothing: the first command does. What is wrong with
// the URL is named without repeating any of its secrets. The caller ends the client with Close.
func Open(options Options) (*Client, error) {
	keys, err := NewKeys(cmp.Or(options.Stream, DefaultName))
	if err != nil {
		return nil, err
	}
	server, err := parseURL(options.URL)
	if err != nil {
		return nil, fmt.Errorf("redis URL: %w", err)
	}
	dialer, err := server.dialer(options.Dialer)
	if err != nil {
		return nil, fmt.Errorf("redis URL: %w", err)
	}
	return &Client{
		keys:    keys,
		write:   server.connect(writeOptions(dialer)),
		read:    server.connect(readOptions(dialer)),
		scripts: loadScripts(),
		address: server.String(),
	}, nil
}

// Close closes every connection. Commands under way fail; so end blocked reads first, since Redis may just have handed
// over entries to them.
func (c *Client) Close() error {
	return errors.Join(c.read.Close(), c.write.Close())
}

// Keys names what the client keeps in Redis.
func (c *Client) Keys() Keys { return c.keys }

// Redis is the client for commands that do not block, for whoever keeps keys of its own in the same Redis. It retries
// nothing by itself, except in a Redis Cluster, where commands other than the scripts of this package are sent again
// when a connection breaks.
func (c *Client) Redis() redis.UniversalClient { return c.write }

// Address is where Redis is, for logs: the URL without user name, password and TLS files.
func (c *Client) Address() string { return c.address }

// writeOptions never retries: a command whose reply was lost may have been run, and a second XADD is a second event.
func writeOptions(dialer dialFunc) *redis.UniversalOptions {
	options := commonOptions(dialer)
	options.ReadTimeout = commandTimeout
	options.PoolSize = 256
	options.PoolTimeout = 4 * time.Second
	options.ContextTimeoutEnabled = true
	return options
}

// readOptions ignores deadlines of contexts: one that ends a blocked read loses the entries that Redis has just handed
// over to it.
func readOptions(dialer dialFunc) *redis.UniversalOptions {
	options := commonOptions(dialer)
	options.ReadTimeout = MaxBlock + blockedGrace
	options.PoolSize = 1024
	options.PoolTimeout = commandTimeout
	return options
}

// commonOptions keeps the handshake to one HELLO: the other commands that the library would send are refused by Redis
// 7.0. A dial is tried once; whoever called has a backoff of its own.
func commonOptions(dialer dialFunc) *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Dialer:          dialer,
		Protocol:        2,
		MaxRetries:      -1,
		DialerRetries:   1,
		DialTimeout:     commandTimeout,
		WriteTimeout:    commandTimeout,
		DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{
			Mode: maintnotifications.ModeDisabled,
		},
	}
}

// once is a command that is sent a single time. A Redis Cluster's client otherwise sends a command again when its
// connection breaks, whatever MaxRetries says; redirects are followed all the same.
type once struct{ *redis.Cmd }

// NoRetry tells the client not to send the command again.
func (once) NoRetry() bool { return true }

// readBlocked runs a read that may block for up to MaxBlock, such as XREADGROUP, on the read client; key is where in words
// the stream's key stands, which a Redis Cluster's client routes by. The typed methods of the library would wait 10 s
// longer than the block before they take a link for dead; this waits blockedGrace. The context is looked at before the
// command is sent and not again.
func (c *Client) readBlocked(ctx context.Context, key int, words ...any) *redis.Cmd {
	command := redis.NewCmd(ctx, words...)
	command.SetFirstKeyPos(int8(key))
	_ = c.read.Process(ctx, once{command}) // the error stays in the command
	return command
}
