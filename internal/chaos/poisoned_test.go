package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// rolePoisoned is the argument that makes the test's binary a consumer process whose handler is poisoned by some events;
// the next one is its consumerSpec.
const rolePoisoned = "poisoned"

// poison is how an event's handler misbehaves, at every delivery.
type poison string

const (
	poisonPanic  poison = "panic"
	poisonExit   poison = "exit"   // ends its process
	poisonLoop   poison = "loop"   // never returns, whatever becomes of its context
	poisonMemory poison = "memory" // takes 1 GB
)

func poisons() []poison { return []poison{poisonPanic, poisonExit, poisonLoop, poisonMemory} }

const (
	poisonedGroup         = "poisoned"
	poisonedTimeout       = time.Second
	poisonedMaxDeliveries = 3
	// exitPoisoned is the status of a process that an event ended, exitUnhealthy of one that ended since it was not live.
	exitPoisoned  = 3
	exitUnhealthy = 4
)

// dose is the data of an event.
type dose struct {
	Poison           poison `json:"poison,omitempty"`
	WorkMicroseconds int    `json:"work_us"`
}

// runPoisoned is a consumer process, and returns its exit status. It ends by itself where it is not live any more, as
// Kubernetes would have it end.
func runPoisoned(text string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	unhealthy, err := consumePoisoned(ctx, text)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	case unhealthy != nil:
		fmt.Fprintln(os.Stderr, unhealthy)
		return exitUnhealthy
	}
	return 0
}

// consumePoisoned works until ctx ends or the set is not live any more, and says in unhealthy why it is not.
func consumePoisoned(ctx context.Context, text string) (unhealthy, err error) {
	var spec consumerSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return nil, fmt.Errorf("read what to consume: %w", err)
	}
	notes, err := os.OpenFile(spec.Journal, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	defer notes.Close()
	client, err := stream.Open(stream.Options{URL: spec.URL})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	set, err := newPoisonedSet(client, spec.Name, poisoned{notes})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	probing := make(chan struct{})
	go func() {
		defer close(probing)
		stop(probe(ctx, set))
	}()
	err = set.Run(ctx)
	<-probing
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		unhealthy = cause
	}
	return unhealthy, err
}

func newPoisonedSet(client *stream.Client, consumer string, handler consumers.Handler) (*consumers.Set, error) {
	logger, err := zap.NewDevelopment(zap.IncreaseLevel(zap.InfoLevel))
	if err != nil {
		return nil, fmt.Errorf("make a logger: %w", err)
	}
	return consumers.NewSet(client,
		consumers.Options{Consumer: consumer, Lease: lease, Grace: 2 * time.Second, Logger: logger},
		consumers.GroupOptions{
			Name: poisonedGroup, Handler: handler, Events: []string{eventName}, Concurrency: concurrency,
			Timeout: poisonedTimeout, MaxDeliveries: poisonedMaxDeliveries, From: stream.FromBeginning(),
			Backoff: claim.Backoff{Min: 50 * time.Millisecond, Max: 500 * time.Millisecond},
		})
}

// probe asks every half second whether the set is live, and returns why it is not, or nil when ctx ends.
func probe(ctx context.Context, set *consumers.Set) error {
	for rest(ctx, 500*time.Millisecond) == nil {
		if err := set.Live(); err != nil {
			return err
		}
	}
	return nil
}

// poisoned is a handler that does as the event's data says, and notes when it begins and when it has succeeded:
// "start EVENT_ID DELIVERIES", and the same with "ok". All processes write to one file, each line in one piece.
type poisoned struct{ notes *os.File }

// Handle takes the event's dose.
func (p poisoned) Handle(ctx context.Context, delivery *consumers.Delivery) error {
	var taken dose
	if err := json.Unmarshal(delivery.Data, &taken); err != nil {
		return consumers.Permanent(err)
	}
	if err := p.note(wordStart, delivery); err != nil {
		return err
	}
	if err := rest(ctx, time.Duration(taken.WorkMicroseconds)*time.Microsecond); err != nil {
		return err
	}
	switch taken.Poison {
	case poisonPanic:
		panic(errTold)
	case poisonExit:
		os.Exit(exitPoisoned)
	case poisonLoop:
		loop()
	case poisonMemory:
		hoard()
	}
	return p.note(wordOK, delivery)
}

func (p poisoned) note(word string, delivery *consumers.Delivery) error {
	if _, err := fmt.Fprintf(p.notes, "%s %s %d\n", word, delivery.ID, delivery.Deliveries); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// loop never returns. It takes a fifth of a processor, so that several of them leave something to the rest of the machine.
func loop() {
	for {
		for began := time.Now(); time.Since(began) < time.Millisecond; {
		}
		time.Sleep(4 * time.Millisecond)
	}
}

// hoard takes 1 GB, piece by piece, uses every page of it, and holds it for ever.
func hoard() {
	const piece, pieces = 16 << 20, 64
	var held [pieces][]byte
	for n := range held {
		held[n] = make([]byte, piece)
		for at := 0; at < piece; at += 4096 {
			held[n][at] = 1
		}
		time.Sleep(time.Millisecond) // no process can take it all between two looks of whoever watches its memory
	}
	for {
		time.Sleep(time.Second)
		held[0][0]++
	}
}
