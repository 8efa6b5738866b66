package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// followUpsTrial kills processes at random moments, and Redis too, while groups emit events with their outcomes: exactly one
// follows whatever is settled, also where the process died between the work and the reply of Redis.
type followUpsTrial struct{ killed, redis, refusals, requeued int }

// roleFollowed is the argument that makes this program a consumer process of that trial.
const roleFollowed = "followed"

func (*followUpsTrial) plan() trialPlan {
	return trialPlan{
		name: "followups", size: 1000, consumers: 6, every: 10 * time.Millisecond, errand: followUpsErrand, role: roleFollowed,
	}
}

// followUpsErrand draws work of up to 20 ms; of ten events one is given up, and one fails at first or until it is.
func followUpsErrand(random *rand.Rand) errand {
	drawn := errand{WorkMicroseconds: random.IntN(20_000)}
	switch random.IntN(20) {
	case 0, 1:
		drawn.Failures, drawn.Permanent = always, true
	case 2:
		drawn.Failures = 1 + random.IntN(2)
	case 3:
		drawn.Failures = always
	}
	return drawn
}

// The events of the trial beside eventName. What follows a group's outcomes is for others, and notify has all of it.
const (
	reserved  = "RESERVED"
	notInTime = "NOT_RESERVED"
	labelled  = "LABELLED"
	closed    = "CLOSED"
	notClosed = "NOT_CLOSED"
)

// followed are the groups of the trial: what two of them emit comes to the third one.
func followed(handler consumers.Handler) []consumers.GroupOptions {
	all := groups(handler)
	all[0].Emit = stream.Emit{Acked: reserved, DeadLettered: notInTime}
	all[1].Emit = stream.Emit{Acked: labelled}
	all[2].Emit = stream.Emit{Acked: closed, DeadLettered: notClosed}
	all[2].Events = []string{eventName, "*RESERVED"}
	for i := range all {
		all[i].Timeout, all[i].MaxDeliveries = longErrand, 5 // so that kills alone exhaust some
		all[i].KeepResults = i == 0
	}
	return all
}

func (t *followUpsTrial) unfold(ctx context.Context, w *world, size int) error {
	if err := rest(ctx, lease); err != nil { // until there is work in hand
		return err
	}
	for ; t.killed < size; t.killed++ {
		if err := rest(ctx, time.Duration(w.draw(500))*time.Millisecond); err != nil {
			return err
		}
		w.fleet.at(w.draw(w.fleet.size())).kill()
		if err := t.beside(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// beside is what happens now and then beside the kills.
func (t *followUpsTrial) beside(ctx context.Context, w *world) error {
	switch t.killed % 25 {
	case 5:
		t.redis++
		return killRedis{}.strike(ctx, w)
	case 15:
		t.refusals++
		return noMemory{}.strike(ctx, w)
	case 20:
		t.requeue(ctx, w)
	}
	return nil
}

// requeue has every group try some of its dead letters again. What fails is done the next time.
func (t *followUpsTrial) requeue(ctx context.Context, w *world) {
	for _, group := range groupNames() {
		letters, _ := w.client.DeadLetters(ctx, group, stream.ID{}, 10)
		ids := make([]stream.ID, len(letters))
		for i, letter := range letters {
			ids[i] = letter.ID
		}
		requeued, _ := w.client.Requeue(ctx, group, ids)
		t.requeued += len(requeued)
	}
}

func (t *followUpsTrial) judge(ctx context.Context, w *world, _ []sighting, out io.Writer) error {
	fmt.Fprintf(out, "kill -9 of processes: %d, of Redis: %d, out of memory: %d times, requeued: %d\n", t.killed, t.redis, t.refusals, t.requeued)
	found := newFollowUps(followed(consumers.HandlerFunc(nil)))
	if err := found.read(ctx, w); err != nil {
		return err
	}
	return errors.Join(found.published(w.settings.events), found.judge(out))
}
