package main

import (
	"context"
	"time"

	"github.com/millrace/millrace/internal/breakable"
)

// link draws whose network is to break: that of one consumer, or of the producer.
func (w *world) link() (proxy *breakable.Proxy, consumer string) {
	place := w.draw(w.fleet.size() + 1)
	proxy, consumer = w.proxy, "producer"
	if place < w.fleet.size() {
		proxy, consumer = w.fleet.proxy(place), w.fleet.at(place).name
	}
	w.logVictim(consumer)
	return proxy, consumer
}

// blackhole lets nothing through a link for up to twice a lease; what was sent meanwhile arrives afterwards.
type blackhole struct{}

func (blackhole) name() string { return "blackhole" }

func (blackhole) strike(ctx context.Context, w *world) error {
	proxy, consumer := w.link()
	from := time.Now()
	proxy.Blackhole()
	err := rest(ctx, time.Duration(1+w.draw(int(2*lease))))
	proxy.Heal()
	w.disturbed.add(consumer, from, time.Now())
	return err
}

// reset breaks the connections of a link, so that the client is told.
type reset struct{}

func (reset) name() string { return "reset" }

func (reset) strike(_ context.Context, w *world) error {
	proxy, _ := w.link()
	proxy.Reset()
	return nil
}

// halfOpen breaks the connections of a link while it is silent: what was sent meanwhile never arrives, and the client
// learns of it late.
type halfOpen struct{}

func (halfOpen) name() string { return "halfopen" }

func (halfOpen) strike(ctx context.Context, w *world) error {
	proxy, consumer := w.link()
	from := time.Now()
	proxy.Blackhole()
	err := rest(ctx, time.Duration(1+w.draw(int(lease))))
	proxy.Reset()
	proxy.Heal()
	w.disturbed.add(consumer, from, time.Now())
	return err
}

// delay makes every reply of a link late by up to 200 ms, for up to a lease.
type delay struct{}

func (delay) name() string { return "delay" }

func (delay) strike(ctx context.Context, w *world) error {
	proxy, _ := w.link()
	proxy.Delay(time.Duration(1+w.draw(200)) * time.Millisecond)
	err := rest(ctx, time.Duration(1+w.draw(int(lease))))
	proxy.Heal()
	return err
}

// dropReplies loses up to 10 replies of a link: Redis has done what it was asked, and the client cannot know.
type dropReplies struct{}

func (dropReplies) name() string { return "replies" }

func (dropReplies) strike(ctx context.Context, w *world) error {
	proxy, _ := w.link()
	proxy.DropReplies(1 + w.draw(10))
	err := rest(ctx, lease/2)
	proxy.Heal()
	return err
}
