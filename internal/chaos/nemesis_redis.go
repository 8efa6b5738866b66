package main

import (
	"context"
	"errors"
	"time"

	"github.com/millrace/millrace/stream"
)

// killRedis ends Redis by kill -9 and starts it again, at once or up to 3 s later, from what it had written.
type killRedis struct{}

func (killRedis) name() string { return "redis" }

func (killRedis) strike(ctx context.Context, w *world) error {
	from := time.Now()
	err := errors.Join(w.server.Kill(), rest(ctx, time.Duration(w.draw(3000))*time.Millisecond), w.server.Restart())
	w.disturbed.add("", from, time.Now())
	return errors.Join(err, w.countHandedOut())
}

// killClients closes the connections of all clients at once (CLIENT KILL).
type killClients struct{}

func (killClients) name() string { return "clients" }

func (killClients) strike(ctx context.Context, w *world) error {
	return notFault(w.client.Redis().Do(ctx, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err())
}

// pauseClients has Redis answer nobody, or run no writes, for up to twice a lease (CLIENT PAUSE).
type pauseClients struct{}

func (pauseClients) name() string { return "clientpause" }

func (pauseClients) strike(ctx context.Context, w *world) error {
	mode := []string{"ALL", "WRITE"}[w.draw(2)]
	length := time.Duration(1+w.draw(int(2*lease/time.Millisecond))) * time.Millisecond
	from := time.Now()
	err := notFault(w.client.Redis().Do(ctx, "CLIENT", "PAUSE", length.Milliseconds(), mode).Err())
	err = errors.Join(err, rest(ctx, length))
	w.disturbed.add("", from, time.Now())
	return err
}

// flushScripts has Redis forget every script (SCRIPT FLUSH).
type flushScripts struct{}

func (flushScripts) name() string { return "scripts" }

func (flushScripts) strike(ctx context.Context, w *world) error {
	return notFault(w.client.Redis().ScriptFlush(ctx).Err())
}

// noMemory has Redis refuse what needs memory for up to a lease (maxmemory, policy noeviction).
type noMemory struct{}

func (noMemory) name() string { return "memory" }

func (noMemory) strike(ctx context.Context, w *world) error {
	from := time.Now()
	err := w.configure(ctx, "maxmemory", "1")
	err = errors.Join(err, rest(ctx, time.Duration(1+w.draw(int(lease)))), w.configure(ctx, "maxmemory", "0"))
	w.disturbed.add("", from, time.Now())
	return err
}

// configure sets an option of Redis, again until Redis answers.
func (w *world) configure(ctx context.Context, name, value string) error {
	return w.insist(ctx, "CONFIG", "SET", name, value)
}

// insist sends a command until Redis does it: what a nemesis has broken must be mended.
func (w *world) insist(ctx context.Context, words ...any) error {
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	return untilDone(ctx, func() error { return w.client.Redis().Do(ctx, words...).Err() })
}

// untilDone tries until it succeeds, the stream's group is found to be gone, or ctx ends.
func untilDone(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil || stream.IsNoGroup(err) || rest(ctx, 20*time.Millisecond) != nil {
			return err
		}
	}
}

// replica makes Redis a read-only replica of a master that is not there, for up to a lease (REPLICAOF). It strikes alone.
type replica struct{}

func (replica) name() string { return "replica" }

func (replica) strike(ctx context.Context, w *world) error {
	from := time.Now()
	err := w.insist(ctx, "REPLICAOF", "127.0.0.1", "1")
	err = errors.Join(err, rest(ctx, time.Duration(1+w.draw(int(lease)))), w.insist(ctx, "REPLICAOF", "NO", "ONE"))
	w.disturbed.add("", from, time.Now())
	return err
}
