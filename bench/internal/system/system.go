// Package system holds the ways to handle events that are compared, one file each, all behind one interface and each set
// up as its users would at its best.
package system

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/server"
)

// System is one way to handle events. Its methods are called in processes of their own: a value holds no state between
// them. Which optional interfaces it may have besides is said below.
type System interface {
	Name() string
	// Prepare makes the groups (or queues, subscriptions) ready on an empty server, before anything is published.
	Prepare(ctx context.Context, target Target) error
	// Publish adds events one call after the other, or in batches where batch > 1. A system that cannot do batches returns
	// an error that wraps errors.ErrUnsupported.
	Publish(ctx context.Context, target Target, events iter.Seq[order.Event], batch int) error
	// Consume connects and handles events in every group until ctx ends; then it acks what was handled and returns nil.
	// handle is called by many goroutines at once; decoding into order.Event is part of the system's cost.
	Consume(ctx context.Context, target Target, handle Handle) error
}

// Handle does the work for one event in the group with this index of Target.Groups. The event may share memory that the
// system uses again when the call has returned. An error ends the run as a failure.
type Handle func(group int, event order.Event) error

// Target says where the events are and how they are to be handled. It travels to the child processes as JSON.
type Target struct {
	// URL is the server's, as a Redis URL or in the form that the system's own server gives it.
	URL string
	// Stream is the key of the stream, or the base of whatever the system keeps.
	Stream string
	Groups []string
	// Concurrency is how many handlings may run at once in each group; zero leaves it to what suits the system best (to
	// Millrace's default, and inline in the bare loops).
	Concurrency int
	// Slow is how many of the groups, counted from the last, handle one event at a time, whatever Concurrency says; only
	// Millrace heeds it.
	Slow int
	// Lease is how long a silent consumer keeps what it was handed, where the system knows leases; zero is its default.
	Lease time.Duration
	// ReadAtOnce is how many entries the bare loops ask for with one read; zero is 1,000. Large events need fewer.
	ReadAtOnce int
	// Events is how many events the run has. The control without a queue needs it; the others must not use it.
	Events int
	// Process of Processes is this one among those that share the groups; 0 of 1 where it is alone.
	Process, Processes int
}

// NewTarget names as many groups on the server at url.
func NewTarget(url string, groups, events int) Target {
	target := Target{URL: url, Stream: "event_stream", Events: events, Processes: 1}
	for number := range groups {
		target.Groups = append(target.Groups, "group_"+strconv.Itoa(number+1))
	}
	return target
}

// IsSlow tells whether the group with this index is one of the slow ones.
func (t Target) IsSlow(group int) bool { return group >= len(t.Groups)-t.Slow }

// Filler is a System whose backlog is not entries that plain XADDs of the fields make (order.Event's, see wire).
type Filler interface {
	// Fill stores events as fast as it likes; it is not measured.
	Fill(ctx context.Context, target Target, events iter.Seq[order.Event]) error
}

// Settler is a System that keeps what is not acked elsewhere than in the groups of Target.Stream.
type Settler interface {
	// Unsettled is how many deliveries, over all groups, are not handed over or not acked yet.
	Unsettled(ctx context.Context, target Target) (int, error)
}

// Sender sends events that are due, without waiting for the replies to those before.
type Sender interface {
	Send(events []order.Event) error
	// Close waits until everything has been stored, and returns what was refused.
	Close() error
}

// Producer is a System whose open-loop producer does not send plain XADDs of the fields.
type Producer interface {
	Dial(ctx context.Context, target Target) (Sender, error)
}

// Hosted is a System with a server of its own in place of redis-server.
type Hosted interface {
	StartServer(ctx context.Context) (server.Server, error)
}

// All lists every system; the order is that of the tables.
func All() []System {
	return append(Own(), Peers()...)
}

// Own lists Millrace and the bare loops it is measured against.
func Own() []System {
	return []System{Millrace{}, GoRedis{}, RESP{}, Goroutines{}, Inventory{}, Service{}}
}

// Peers lists the other libraries, which run where they are asked for.
func Peers() []System {
	return []System{JetStream{}, RedisQueue{}, Watermill{}, Asynq{}}
}

// ByName finds a system.
func ByName(name string) (System, error) {
	for _, system := range All() {
		if system.Name() == name {
			return system, nil
		}
	}
	return nil, fmt.Errorf("there is no system %q: `go run . -list` names them", name)
}
