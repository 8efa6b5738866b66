package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/stream"
)

// resumeWithin is how long the groups may take to read again after somebody has destroyed what they read with.
const resumeWithin = 15 * time.Second

// destroyer is a nemesis that loses events by nature: it says which command, and waits until all groups read again.
type destroyer struct {
	word    string
	command func(w *world) []any
}

func (d destroyer) name() string { return d.word }

func (d destroyer) strike(ctx context.Context, w *world) error {
	if err := w.insist(ctx, d.command(w)...); err != nil {
		return err
	}
	return w.resumed(ctx)
}

// destroyers are what loses by nature; they run in a mode of their own.
func destroyers() []nemesis {
	return []nemesis{
		destroyer{"flushall", func(*world) []any { return []any{"FLUSHALL"} }},
		destroyer{"unlink", func(w *world) []any { return []any{"DEL", w.client.Keys().Stream()} }},
		destroyer{"group", func(w *world) []any {
			return []any{"XGROUP", "DESTROY", w.client.Keys().Stream(), w.anyGroup()}
		}},
		deleteAlive{},
		killConsumer{},
		killRedis{},
		killClients{},
		flushScripts{},
	}
}

func (w *world) anyGroup() string {
	names := groupNames()
	return names[w.draw(len(names))]
}

// deleteAlive deletes a consumer's name under a process that uses it (XGROUP DELCONSUMER).
type deleteAlive struct{}

func (deleteAlive) name() string { return "consumer" }

func (deleteAlive) strike(ctx context.Context, w *world) error {
	group, prefix := w.anyGroup(), w.fleet.at(w.draw(w.fleet.size())).name+"-"
	consumers, err := w.client.Redis().XInfoConsumers(ctx, w.client.Keys().Stream(), group).Result()
	if err != nil {
		return notFault(err)
	}
	for _, consumer := range consumers {
		if strings.HasPrefix(consumer.Name, prefix) {
			err = w.insist(ctx, "XGROUP", "DELCONSUMER", w.client.Keys().Stream(), group, consumer.Name)
		}
	}
	if err != nil {
		return err
	}
	return w.resumed(ctx)
}

// resumed publishes an event and waits until every group has read it and all before it.
func (w *world) resumed(ctx context.Context) error {
	deadline := time.Now().Add(resumeWithin)
	probe, err := w.client.Publish(ctx, stream.Event{Name: eventName}, stream.PublishOptions{})
	if err != nil {
		return err
	}
	for {
		groups, err := w.client.Groups(ctx)
		if err == nil && len(groups) == len(groupNames()) && haveRead(groups, probe.ID) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not all groups read again within %v: %s", resumeWithin, describe(groups, err))
		}
		if err := rest(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func haveRead(groups []stream.GroupStatus, id stream.ID) bool {
	for _, group := range groups {
		if !group.Exists || group.LastDelivered.Compare(id) < 0 {
			return false
		}
	}
	return true
}
