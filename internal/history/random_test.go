package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/stream"
)

// script collects the calls that make a history, so that they can be made in any order.
type script struct {
	random *rand.Rand
	calls  []func(h *History)
	doomed int // consumers killed so far
}

func (s *script) add(call func(h *History)) { s.calls = append(s.calls, call) }

func (s *script) published(id string, result Publish) {
	s.add(func(h *History) { h.Published(id, result) })
}

func (s *script) handled(group, id, consumer string, start, end int64, outcome Outcome) {
	s.add(func(h *History) { h.Started(group, id, consumer, time.Unix(0, start)) })
	s.add(func(h *History) { h.Ended(group, id, consumer, time.Unix(0, end), outcome) })
}

func (s *script) acked(group, id string) { s.add(func(h *History) { h.Acked(group, id) }) }

func (s *script) dead(group, id, reason string) {
	s.add(func(h *History) { h.Dead(group, id, reason) })
}

func (s *script) consumer() string { return fmt.Sprintf("consumer-%d", s.random.IntN(4)) }

// tries adds up to five handlings that fail or die, one after the other, often at the same instant, and returns when
// the last one ended.
func (s *script) tries(group, id string, atLeast int) int64 {
	now := s.random.Int64N(1000)
	for range max(atLeast, s.random.IntN(6)) {
		end := now + s.random.Int64N(3)
		if s.random.IntN(3) == 0 {
			s.doomed++
			name, start := fmt.Sprintf("doomed-%d", s.doomed), now
			s.add(func(h *History) { h.Started(group, id, name, time.Unix(0, start)) })
			s.add(func(h *History) { h.Died(name, time.Unix(0, end)) })
		} else {
			s.handled(group, id, s.consumer(), now, end, Failed)
		}
		now = end + s.random.Int64N(3)
	}
	return now
}

// sound gives an event a life in a group that has no fault.
func (s *script) sound(group, id string) {
	switch s.random.IntN(4) {
	case 0:
		s.tries(group, id, 1)
		s.dead(group, id, stream.DeadMaxDeliveries)
	case 1:
		s.dead(group, id, stream.DeadUndecodable)
	default:
		now := s.tries(group, id, 0)
		s.handled(group, id, s.consumer(), now, now+s.random.Int64N(3), Succeeded)
	}
	s.acked(group, id)
}

// publish adds a publish of any result, and says whether the event is in the stream.
func (s *script) publish(id string) bool {
	switch s.random.IntN(4) {
	case 0:
		s.published(id, Refused)
		return false
	case 1:
		s.published(id, Unknown)
		return s.random.IntN(2) == 0
	}
	s.published(id, Acknowledged)
	return true
}

// history makes the calls in an order of chance.
func (s *script) history(seed uint64, groups []string) *History {
	s.random.Shuffle(len(s.calls), func(a, b int) { s.calls[a], s.calls[b] = s.calls[b], s.calls[a] })
	history := New(seed, groups...)
	for _, call := range s.calls {
		call(history)
	}
	return history
}

// plant is a life with one fault of that name.
type plant struct {
	fault   string
	publish Publish // 0: never
	live    func(s *script, group, id string)
}

func plants() []plant {
	return []plant{
		{"lost", Acknowledged, func(s *script, group, id string) { s.tries(group, id, 0) }},
		{"undrained", Acknowledged, func(s *script, group, id string) {
			s.tries(group, id, 0)
			s.add(func(h *History) { h.Pending(group, id) })
		}},
		{"duplicated", Acknowledged, func(s *script, group, id string) {
			now := s.tries(group, id, 0)
			s.handled(group, id, s.consumer(), now, now+2, Succeeded)
			again := now + 2 + s.random.Int64N(2)
			s.handled(group, id, "late", again, again+1, Outcome(1+s.random.IntN(2)))
		}},
		{"duplicated", Acknowledged, func(s *script, group, id string) {
			now := s.tries(group, id, 0)
			for range 3 {
				s.handled(group, id, s.consumer(), now, now+2, Succeeded)
				now += 2 + s.random.Int64N(2)
			}
			s.add(func(h *History) { h.InFlight(group, id) })
		}},
		{"unexpected", Refused, (*script).sound},
		{"unexpected", 0, (*script).sound},
		{"concurrent", Acknowledged, func(s *script, group, id string) {
			now := s.tries(group, id, 0)
			s.handled(group, id, s.consumer(), now, now+4, Succeeded)
			s.handled(group, id, "rival", now+s.random.Int64N(4), now+4+s.random.Int64N(4), Failed)
		}},
		{"acked unhandled", Unknown, func(s *script, group, id string) {
			s.tries(group, id, 0)
			s.acked(group, id)
		}},
		{"dead without reason", Acknowledged, func(s *script, group, id string) {
			s.dead(group, id, stream.DeadPermanent)
		}},
		{"dead twice", Acknowledged, func(s *script, group, id string) {
			s.tries(group, id, 1)
			s.dead(group, id, stream.DeadMaxDeliveries)
			s.dead(group, id, stream.DeadMaxDeliveries)
		}},
		{"dead though handled", Acknowledged, func(s *script, group, id string) {
			now := s.tries(group, id, 1)
			s.handled(group, id, s.consumer(), now, now, Succeeded)
			s.dead(group, id, stream.DeadMaxDeliveries)
		}},
	}
}

// TestRandomHistoriesHoldThePlantedFaultAlone makes sound histories of chance, plants one fault in one group (or none),
// and makes every call in an order of chance.
func TestRandomHistoriesHoldThePlantedFaultAlone(t *testing.T) {
	t.Parallel()
	groups := []string{"inventory", "labels", "notify"}
	for seed := range uint64(600) {
		made := &script{random: rand.New(rand.NewPCG(seed, 4))}
		for event := range 1 + made.random.IntN(30) {
			id := fmt.Sprintf("event-%d", event)
			if made.publish(id) {
				for _, group := range groups {
					made.sound(group, id)
				}
			}
		}
		made.published("anchor", Acknowledged)
		for _, group := range groups {
			made.sound(group, "anchor")
		}
		want := made.plant(groups)
		got := allFaults(made.history(seed, groups).Check())
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: Check() found %q, want %q", seed, got, want)
		}
	}
}

// plant adds the event planted with one fault in one group, or nothing, and returns the faults to be found.
func (s *script) plant(groups []string) []string {
	choices := plants()
	choice := s.random.IntN(len(choices) + 1)
	if choice == len(choices) {
		return nil
	}
	chosen, target := choices[choice], groups[s.random.IntN(len(groups))]
	if chosen.publish != 0 {
		s.published("planted", chosen.publish)
	}
	chosen.live(s, target, "planted")
	for _, group := range groups {
		if group != target && chosen.publish == Acknowledged {
			s.sound(group, "planted")
		}
	}
	return []string{target + " " + chosen.fault + " planted"}
}

func allFaults(report Report) []string {
	var all []string
	for _, group := range report.Groups {
		for name, events := range found(group) {
			for _, event := range events {
				all = append(all, group.Group+" "+name+" "+event)
			}
		}
	}
	return all
}
