package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// resumedWithin is how long after the network is whole again every group of every process may take to work again.
const resumedWithin = 5 * time.Second

// blackholeTrial makes the network of all processes silent for so many seconds, while events come in.
type blackholeTrial struct{ hole disturbance }

func (*blackholeTrial) plan() trialPlan {
	return trialPlan{name: "blackhole", size: 30, consumers: 3, every: 10 * time.Millisecond, errand: blackholeErrand}
}

func blackholeErrand(random *rand.Rand) errand { return errand{WorkMicroseconds: random.IntN(20_000)} }

func (t *blackholeTrial) unfold(ctx context.Context, w *world, size int) error {
	if err := rest(ctx, lease); err != nil { // until there is work in hand
		return err
	}
	t.hole.from = time.Now()
	for place := range w.fleet.size() {
		w.fleet.proxy(place).Blackhole()
	}
	err := rest(ctx, time.Duration(size)*time.Second)
	for place := range w.fleet.size() {
		w.fleet.proxy(place).Heal()
	}
	t.hole.to = time.Now()
	return errors.Join(err, rest(ctx, resumedWithin))
}

func (t *blackholeTrial) judge(ctx context.Context, w *world, all []sighting, out io.Writer) error {
	handlings := handlingsOf(all)
	around := disturbance{from: t.hole.from.Add(-unacked), to: t.hole.to}
	for _, each := range handlings {
		if each.ok && each.during(around) {
			w.history.InFlight(each.group, each.eventID)
		}
	}
	var resumed []time.Duration
	var faults []error
	for place := range w.fleet.size() {
		for _, group := range groupNames() {
			took, worked := t.resumed(handlings, w.fleet.at(place).name, group)
			if !worked || took > resumedWithin {
				faults = append(faults, fmt.Errorf("%s began with nothing of %s within %v of healing", w.fleet.at(place).name, group, resumedWithin))
				continue
			}
			resumed = append(resumed, took)
		}
	}
	most, middle := longest(resumed)
	fmt.Fprintf(out, "a blackhole of %v: every group of every process worked again within %v, %v in the middle, %v allowed\n",
		t.hole.to.Sub(t.hole.from).Round(time.Millisecond), most.Round(time.Millisecond), middle.Round(time.Millisecond), resumedWithin)
	return errors.Join(append(faults, w.judgeLosses(ctx, handlings, out, none))...)
}

// resumed is how long after the healing a consumer's group began with an event; false: it never did.
func (t *blackholeTrial) resumed(handlings []*witnessed, consumer, group string) (time.Duration, bool) {
	for _, each := range handlings {
		if each.consumer == consumer && each.group == group && each.at.After(t.hole.to) {
			return each.at.Sub(t.hole.to), true
		}
	}
	return 0, false
}
