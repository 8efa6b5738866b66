package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// settings is what a round is told.
type settings struct {
	scenario string
	rate     int           // events a second
	wait     int           // for how many replicas every second event waits
	lag      time.Duration // how far replicas are behind, where the scenario lets them be
	needed   int           // how many replicas a master with sentinels must have to take a write
	flow     time.Duration // how long all goes well before the blow, and again after it
	log      *zap.Logger
}

// outcome is what a round came to.
type outcome struct {
	verdict

	struck time.Time
	change fell
	// published, first and last are how long it took from the moment of the new master on until a new event was published,
	// handled by one consumer and handled by every consumer in every group.
	published, first, last time.Duration
	drained                time.Duration
}

// deployment is some servers, of which one has the stream, and what happens to them.
type deployment interface {
	// url is what a client is told.
	url() string
	// strike makes another server the master, and returns when that began and what came of it.
	strike(ctx context.Context) (struck time.Time, change fell, err error)
	// mend brings back what strike took away, and returns when all is whole.
	mend(ctx context.Context) error
	// close kills everything; it is the last thing.
	close() error
}

// play is one round: servers are started, events flow, a blow falls, events flow on, and all of it is judged.
func play(ctx context.Context, dir string, settings settings) (came outcome, err error) {
	deployed, err := deploy(ctx, dir, settings)
	if err != nil {
		return came, err
	}
	defer func() { err = errors.Join(err, deployed.close()) }()
	l, err := startLoad(ctx, loadSettings{
		url: deployed.url(), consumers: 2, rate: settings.rate, waited: 2, wait: settings.wait, log: settings.log,
	})
	defer func() { err = errors.Join(err, l.close()) }()
	if err != nil {
		return came, err
	}
	return l.endure(ctx, deployed, settings.flow)
}

func (l *load) endure(ctx context.Context, deployed deployment, flow time.Duration) (came outcome, err error) {
	if err := l.resumed(ctx, time.Now()); err != nil {
		return came, err
	}
	if err := rest(ctx, flow); err != nil {
		return came, err
	}
	if came.struck, came.change, err = deployed.strike(ctx); err != nil {
		return came, err
	}
	if err := l.resumed(ctx, came.change.agreed); err != nil {
		return came, fmt.Errorf("after the change of the master: %w", err)
	}
	if err := deployed.mend(ctx); err != nil {
		return came, err
	}
	// Until then the old master may live on and answer acks, which ack nothing: what acks may learn of the new one later than
	// what reads.
	whole := time.Now()
	if err := rest(ctx, flow); err != nil {
		return came, err
	}
	l.quiet()
	if came.drained, err = l.drained(ctx); err != nil {
		return came, err
	}
	came.verdict, err = l.judge(ctx, window{came.struck.Add(-unsure), whole})
	l.time(&came)
	return came, err
}

// time measures from the moment of the new master on, by what is in the stream that it has now.
func (l *load) time(came *outcome) {
	came.published = l.published(came.change.at, came.entries)
	if begins := l.firstHandlings(came.change.at, came.entries); len(begins) > 0 {
		came.first, came.last = begins[0].Sub(came.change.at), begins[len(begins)-1].Sub(came.change.at)
	}
}

// String is the times.
func (o outcome) String() string {
	return fmt.Sprintf("new master after %v, known to all after %v; after it, published %v, handled %v, handled everywhere %v; "+
		"drained %v", short(o.change.at.Sub(o.struck)), short(o.change.agreed.Sub(o.struck)), short(o.published),
		short(o.first), short(o.last), short(o.drained))
}

// slower takes over each time of another outcome that is longer.
func (o *outcome) slower(other outcome) {
	promoted := max(o.change.at.Sub(o.struck), other.change.at.Sub(other.struck))
	agreed := max(o.change.agreed.Sub(o.struck), other.change.agreed.Sub(other.struck))
	o.struck = other.struck
	o.change.at, o.change.agreed = o.struck.Add(promoted), o.struck.Add(agreed)
	o.published, o.first = max(o.published, other.published), max(o.first, other.first)
	o.last, o.drained = max(o.last, other.last), max(o.drained, other.drained)
}
