package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestScheduledStandsAsOftenAsItStrikes(t *testing.T) {
	t.Parallel()
	count := map[string]int{}
	order := func(seed uint64) (names []string) {
		for _, each := range scheduled(lanes()[0], map[string]int{"kill": 20, "pause": 3, "redis": 5}, rand.New(rand.NewPCG(seed, 1))) {
			names = append(names, each.name())
		}
		return names
	}
	for _, name := range order(7) {
		count[name]++
	}
	if count["kill"] != 20 || count["pause"] != 3 || len(count) != 2 {
		t.Errorf("a lane of kills and pauses has %v, want 20 kills, 3 pauses, and nothing of another lane", count)
	}
	if !slices.Equal(order(7), order(7)) || slices.Equal(order(7), order(8)) {
		t.Error("the order is not the seed's alone")
	}
}

func TestProducerPublishesSeveralWhereOneByOneIsTooSlow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		events            int
		over              time.Duration
		largest, smallest int64
	}{
		{24_000, 2 * time.Minute, 1, 1},
		{1_000_000, 9 * time.Minute, 17, 1},
		{10_000_000, time.Minute, mostAtOnce, 1},
	} {
		p := &producer{events: c.events, over: c.over}
		random := rand.New(rand.NewPCG(7, 0))
		smallest, largest := int64(mostAtOnce), int64(0)
		for range 20_000 {
			size := p.size(random)
			smallest, largest = min(smallest, size), max(largest, size)
		}
		if smallest != c.smallest || largest != c.largest {
			t.Errorf("%d events over %v: calls publish %d to %d, want %d to %d",
				c.events, c.over, smallest, largest, c.smallest, c.largest)
		}
	}
}

func TestEventNumber(t *testing.T) {
	t.Parallel()
	if got, isOurs := eventNumber(eventID(123)); got != 123 || !isOurs {
		t.Errorf("eventNumber(eventID(123)) = %d, %v, want 123, true", got, isOurs)
	}
	for _, other := range []string{"", "e", "e-1", "x5", "e5x"} {
		if got, isOurs := eventNumber(other); isOurs {
			t.Errorf("eventNumber(%q) = %d, want that it is none", other, got)
		}
	}
}
