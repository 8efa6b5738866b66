package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

const (
	// lease is short, so that a run does not wait long for what a lost ack leaves behind.
	lease = 2 * time.Second
	// eventName is the name of every event.
	eventName = "ORDER"
	// work is how long a handling takes, and longWork every slowOne-th.
	work     = time.Millisecond
	longWork = 400 * time.Millisecond
	slowOne  = 50
	// mostPublishing is how many publishes may wait for Redis at once.
	mostPublishing = 4000
)

func groupNames() []string { return []string{"inventory", "label", "notify"} }

// loadSettings are what a load is told.
type loadSettings struct {
	url       string
	consumers int
	rate      int // events a second
	// waited is the share of the events that are published with WAIT: every waited-th; 0 is none.
	waited int
	wait   int // for how many replicas these wait
	log    *zap.Logger
}

// publish is what came of one publish.
type publish struct {
	event    string
	waited   bool
	began    time.Time
	answered time.Time
	err      error
}

// handling is one run of a handler.
type handling struct {
	group, event, consumer string
	began, ended           time.Time
	failed                 bool
}

// load publishes at a steady pace and handles what it publishes, in some groups and by some consumers.
type load struct {
	settings  loadSettings
	publisher *stream.Client
	members   []*stream.Client
	stop      context.CancelFunc
	silence   context.CancelFunc
	consuming sync.WaitGroup
	pacing    sync.WaitGroup

	mu        sync.Mutex
	publishes []publish
	handlings []handling
	faults    []error
}

// startLoad starts consumers and the producer. The caller ends it with quiet and close.
func startLoad(ctx context.Context, settings loadSettings) (*load, error) {
	l := &load{settings: settings, stop: func() {}, silence: func() {}}
	var err error
	if l.publisher, err = l.open(); err != nil {
		return l, err
	}
	consuming, stop := context.WithCancel(ctx)
	l.stop = stop
	for i := range settings.consumers {
		if err := l.consume(consuming, fmt.Sprintf("c%d", i)); err != nil {
			return l, err
		}
	}
	publishing, silence := context.WithCancel(ctx)
	l.silence = silence
	l.pacing.Go(func() { l.pace(publishing, context.WithoutCancel(ctx)) })
	return l, nil
}

func (l *load) open() (*stream.Client, error) {
	return stream.Open(stream.Options{URL: l.settings.url})
}

// consume starts a consumer of all groups, with a client of its own as if it were another process.
func (l *load) consume(ctx context.Context, name string) error {
	client, err := l.open()
	if err != nil {
		return err
	}
	l.members = append(l.members, client)
	var groups []consumers.GroupOptions
	for _, group := range groupNames() {
		groups = append(groups, consumers.GroupOptions{
			Name: group, Events: []string{eventName}, Concurrency: 8, From: stream.FromBeginning(),
			Backoff: claim.Backoff{Min: 50 * time.Millisecond, Max: time.Second},
			Handler: consumers.HandlerFunc(func(ctx context.Context, delivery *consumers.Delivery) error {
				return l.handle(ctx, name, delivery)
			}),
		})
	}
	set, err := consumers.NewSet(client, consumers.Options{
		Consumer: name, Lease: lease, Grace: 5 * time.Second, Logger: l.settings.log,
	}, groups...)
	if err != nil {
		return err
	}
	l.consuming.Go(func() {
		if err := set.Run(ctx); err != nil {
			l.fault(err)
		}
	})
	return nil
}

func (l *load) handle(ctx context.Context, consumer string, delivery *consumers.Delivery) error {
	done := handling{group: delivery.Group, event: delivery.ID, consumer: consumer, began: time.Now()}
	pause := work
	if string(delivery.Data) == "slow" {
		pause = longWork
	}
	err := rest(ctx, pause)
	done.ended, done.failed = time.Now(), err != nil
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handlings = append(l.handlings, done)
	return err
}

func (l *load) fault(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, err)
}

// pace begins a publish at every due time until ctx ends, and waits for their ends; they last for as long as Publish asks.
func (l *load) pace(ctx, publishing context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, mostPublishing)
	began := time.Now()
	for number := 0; ; number++ {
		due := began.Add(time.Second * time.Duration(number) / time.Duration(l.settings.rate))
		if rest(ctx, time.Until(due)) != nil {
			return
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			l.publish(publishing, number)
		})
	}
}

func (l *load) publish(ctx context.Context, number int) {
	options := stream.PublishOptions{}
	one := publish{event: fmt.Sprintf("e%d", number), began: time.Now()}
	if l.settings.waited > 0 && number%l.settings.waited == 0 {
		one.waited, options.Wait = true, l.settings.wait
	}
	event := stream.Event{Name: eventName, ID: one.event, Data: []byte("quick"), Time: one.began}
	if number%slowOne == 0 {
		event.Data = []byte("slow")
	}
	_, one.err = l.publisher.Publish(ctx, event, options)
	one.answered = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.publishes = append(l.publishes, one)
}

// quiet ends the producer and waits for its last publish.
func (l *load) quiet() {
	l.silence()
	l.pacing.Wait()
}

// close ends everything and returns what was wrong with a consumer.
func (l *load) close() error {
	l.quiet()
	l.stop()
	l.consuming.Wait()
	for _, client := range append(l.members, l.publisher) {
		if client != nil {
			client.Close()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fault := range l.faults {
		return fault
	}
	return nil
}
