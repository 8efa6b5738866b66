package history

import (
	"maps"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/stream"
)

// at returns the time so many seconds into the test's run.
func at(second int) time.Time { return time.Unix(1_700_000_000+int64(second), 0) }

// handled records one handling of event e in group g.
func handled(h *History, consumer string, start, end int, outcome Outcome) {
	h.Started("g", "e", consumer, at(start))
	h.Ended("g", "e", consumer, at(end), outcome)
}

// found returns the non-empty lists of a group's report by name.
func found(group GroupReport) map[string][]string {
	lists := map[string][]string{}
	for _, fault := range group.faults() {
		lists[fault.name] = fault.events
	}
	maps.DeleteFunc(lists, func(_ string, events []string) bool { return len(events) == 0 })
	return lists
}

// TestCheckFindsEachFault feeds histories of one event e in one group g. A case without faults is sound.
func TestCheckFindsEachFault(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		fill   func(h *History)
		faults []string
	}{
		{"acknowledged and nothing else", func(h *History) {
			h.Published("e", Acknowledged)
		}, []string{"lost"}},
		{"acknowledged, failed, then nothing", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Failed)
		}, []string{"lost"}},
		{"acknowledged, its consumer died, then nothing", func(h *History) {
			h.Published("e", Acknowledged)
			h.Started("g", "e", "a", at(1))
			h.Died("a", at(2))
		}, []string{"lost"}},
		{"unknown, then acknowledged, never handled", func(h *History) {
			h.Published("e", Acknowledged)
			h.Published("e", Unknown)
		}, []string{"lost"}},
		{"acked without a handling", func(h *History) {
			h.Published("e", Acknowledged)
			h.Acked("g", "e")
		}, []string{"lost", "acked unhandled"}},
		{"acked after a failure", func(h *History) {
			h.Published("e", Unknown)
			handled(h, "a", 1, 2, Failed)
			h.Acked("g", "e")
		}, []string{"acked unhandled"}},
		{"acked after its consumer died", func(h *History) {
			h.Published("e", Unknown)
			h.Started("g", "e", "a", at(1))
			h.Died("a", at(2))
			h.Acked("g", "e")
		}, []string{"acked unhandled"}},
		{"pending at the end", func(h *History) {
			h.Published("e", Acknowledged)
			h.Pending("g", "e")
		}, []string{"undrained"}},
		{"succeeded and still pending", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Succeeded)
			h.Pending("g", "e")
		}, []string{"undrained"}},
		{"succeeded twice", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Succeeded)
			handled(h, "b", 3, 4, Succeeded)
		}, []string{"duplicated"}},
		{"succeeded twice with one consumer", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Succeeded)
			handled(h, "a", 3, 4, Succeeded)
		}, []string{"duplicated"}},
		{"succeeded, then failed", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Succeeded)
			handled(h, "b", 3, 4, Failed)
		}, []string{"duplicated"}},
		{"started again at the instant of the success", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Succeeded)
			handled(h, "b", 2, 3, Failed)
		}, []string{"duplicated"}},
		{"succeeded twice at one instant", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 1, Succeeded)
			handled(h, "b", 1, 1, Succeeded)
		}, []string{"duplicated"}},
		{"succeeded, started again, died", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Succeeded)
			h.Started("g", "e", "b", at(3))
			h.Died("b", at(4))
		}, []string{"duplicated"}},
		{"handled and never published", func(h *History) {
			handled(h, "a", 1, 2, Succeeded)
		}, []string{"unexpected"}},
		{"started and never published", func(h *History) {
			h.Started("g", "e", "a", at(1))
		}, []string{"unexpected"}},
		{"handled though refused", func(h *History) {
			h.Published("e", Refused)
			handled(h, "a", 1, 2, Succeeded)
		}, []string{"unexpected"}},
		{"dead and never published", func(h *History) {
			h.Dead("g", "e", stream.DeadUndecodable)
		}, []string{"unexpected"}},
		{"two consumers at once", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 4, Failed)
			handled(h, "b", 3, 5, Succeeded)
		}, []string{"concurrent"}},
		{"one handling within another", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 9, Succeeded)
			handled(h, "b", 3, 5, Succeeded)
		}, []string{"concurrent"}},
		{"two that start at one instant", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 3, Failed)
			handled(h, "b", 1, 2, Succeeded)
		}, []string{"concurrent"}},
		{"one consumer twice at once", func(h *History) {
			h.Published("e", Acknowledged)
			h.Started("g", "e", "a", at(1))
			handled(h, "a", 2, 3, Succeeded)
		}, []string{"concurrent"}},
		{"taken over before the owner died", func(h *History) {
			h.Published("e", Acknowledged)
			h.Started("g", "e", "a", at(1))
			handled(h, "b", 2, 4, Succeeded)
			h.Died("a", at(3))
		}, []string{"concurrent"}},
		{"taken over from an owner that never returned", func(h *History) {
			h.Published("e", Acknowledged)
			h.Started("g", "e", "a", at(1))
			handled(h, "b", 200, 201, Succeeded)
		}, []string{"concurrent"}},
		{"dead without a handling", func(h *History) {
			h.Published("e", Acknowledged)
			h.Dead("g", "e", stream.DeadMaxDeliveries)
		}, []string{"dead without reason"}},
		{"deleted from the stream by somebody", func(h *History) {
			h.Published("e", Acknowledged)
			h.Dead("g", "e", stream.DeadDeleted)
		}, []string{"dead without reason"}},
		{"dead twice", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Failed)
			h.Dead("g", "e", stream.DeadPermanent)
			h.Dead("g", "e", stream.DeadPermanent)
		}, []string{"dead twice"}},
		{"undecodable twice", func(h *History) {
			h.Published("e", Acknowledged)
			h.Dead("g", "e", stream.DeadUndecodable)
			h.Dead("g", "e", stream.DeadUndecodable)
		}, []string{"dead twice"}},
		{"dead twice without a handling", func(h *History) {
			h.Published("e", Acknowledged)
			h.Dead("g", "e", stream.DeadMaxDeliveries)
			h.Dead("g", "e", stream.DeadMaxDeliveries)
		}, []string{"dead twice", "dead without reason"}},
		{"dead and acked as done", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Succeeded)
			h.Acked("g", "e")
			h.Dead("g", "e", stream.DeadPermanent)
		}, []string{"dead though handled"}},
		{"repeated twice, in flight once", func(h *History) {
			h.Published("e", Acknowledged)
			h.InFlight("g", "e")
			for second := range 3 {
				handled(h, "a", 2*second, 2*second+1, Succeeded)
			}
		}, []string{"duplicated"}},
		{"repeated, in flight in another group", func(h *History) {
			h.Published("e", Acknowledged)
			h.InFlight("other", "e")
			handled(h, "a", 1, 2, Succeeded)
			handled(h, "b", 3, 4, Succeeded)
		}, []string{"duplicated"}},
		{"dead though it succeeded", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Failed)
			handled(h, "b", 3, 4, Succeeded)
			h.Dead("g", "e", stream.DeadMaxDeliveries)
		}, []string{"dead though handled"}},
		{"too large though it succeeded", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Succeeded)
			h.Dead("g", "e", stream.DeadTooLarge)
		}, []string{"dead though handled"}},
		{"mixed: refused, two at once, again after the success, dead, pending", func(h *History) {
			h.Published("e", Refused)
			handled(h, "a", 1, 4, Failed)
			handled(h, "b", 3, 5, Succeeded)
			handled(h, "c", 6, 7, Succeeded)
			h.Dead("g", "e", stream.DeadMaxDeliveries)
			h.Pending("g", "e")
		}, []string{"unexpected", "concurrent", "duplicated", "dead though handled", "undrained"}},
		{"mixed: never published, acked and failed", func(h *History) {
			handled(h, "a", 1, 2, Failed)
			h.Acked("g", "e")
		}, []string{"unexpected", "acked unhandled"}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			checkFaults(t, test.fill, test.faults)
		})
	}
}

// TestCheckKeepsTheSoundQuiet feeds histories that look suspicious and are not.
func TestCheckKeepsTheSoundQuiet(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		fill func(h *History)
	}{
		{"handled once", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Succeeded)
			h.Acked("g", "e")
		}},
		{"handled before the producer had its answer", func(h *History) {
			handled(h, "a", 1, 2, Succeeded)
			h.Published("e", Acknowledged)
		}},
		{"repeated as often as it was in flight", func(h *History) {
			h.Published("e", Acknowledged)
			for second := range 3 {
				handled(h, "a", 2*second, 2*second+1, Succeeded)
				h.InFlight("g", "e")
			}
		}},
		{"unknown and not handled", func(h *History) { h.Published("e", Unknown) }},
		{"unknown and handled", func(h *History) {
			h.Published("e", Unknown)
			handled(h, "a", 1, 2, Succeeded)
		}},
		{"unknown and dead", func(h *History) {
			h.Published("e", Unknown)
			h.Dead("g", "e", stream.DeadDataDestroyed)
		}},
		{"refused and not handled", func(h *History) { h.Published("e", Refused) }},
		{"unknown, then refused, and handled", func(h *History) {
			h.Published("e", Unknown)
			h.Published("e", Refused)
			handled(h, "a", 1, 2, Succeeded)
		}},
		{"refused, then acknowledged", func(h *History) {
			h.Published("e", Refused)
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Succeeded)
		}},
		{"failed twice, then succeeded", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Failed)
			handled(h, "a", 3, 4, Failed)
			handled(h, "b", 5, 6, Succeeded)
		}},
		{"taken over at the instant of the failure", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Failed)
			handled(h, "b", 2, 3, Succeeded)
		}},
		{"taken over at the instant of the death", func(h *History) {
			h.Published("e", Acknowledged)
			h.Started("g", "e", "a", at(1))
			handled(h, "b", 2, 3, Succeeded)
			h.Died("a", at(2))
		}},
		{"died while handling, told three times", func(h *History) {
			h.Published("e", Acknowledged)
			h.Died("a", at(9))
			h.Died("a", at(2))
			h.Died("a", at(8))
			h.Started("g", "e", "a", at(1))
			handled(h, "b", 3, 4, Succeeded)
		}},
		{"its consumer died after the success", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Succeeded)
			h.Died("a", at(2))
		}},
		{"failed, tried again and succeeded at one instant", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "b", 1, 1, Succeeded)
			handled(h, "a", 1, 1, Failed)
		}},
		{"one consumer failed and began again at one instant", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Failed)
			handled(h, "a", 2, 3, Succeeded)
		}},
		{"the end recorded before the start", func(h *History) {
			h.Ended("g", "e", "a", at(2), Succeeded)
			h.Started("g", "e", "a", at(1))
			h.Published("e", Acknowledged)
		}},
		{"the start never recorded", func(h *History) {
			h.Published("e", Acknowledged)
			h.Ended("g", "e", "a", at(2), Succeeded)
		}},
		{"never returned, and never taken over", func(h *History) {
			h.Published("e", Acknowledged)
			h.Started("g", "e", "a", at(1))
			h.Dead("g", "e", stream.DeadMaxDeliveries)
		}},
		{"dead after failures, and acked", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Failed)
			h.Dead("g", "e", stream.DeadPermanent)
			h.Acked("g", "e")
		}},
		{"dead after it killed its consumer", func(h *History) {
			h.Published("e", Acknowledged)
			h.Started("g", "e", "a", at(1))
			h.Died("a", at(2))
			h.Dead("g", "e", stream.DeadMaxDeliveries)
		}},
		{"undecodable", func(h *History) {
			h.Published("e", Acknowledged)
			h.Dead("g", "e", stream.DeadUndecodable)
			h.Acked("g", "e")
		}},
		{"too large", func(h *History) {
			h.Published("e", Acknowledged)
			h.Dead("g", "e", stream.DeadTooLarge)
			h.Acked("g", "e")
		}},
		{"too large for a consumer that began after others had failed", func(h *History) {
			h.Published("e", Acknowledged)
			handled(h, "a", 1, 2, Failed)
			h.Dead("g", "e", stream.DeadTooLarge)
		}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			checkFaults(t, test.fill, nil)
		})
	}
}

// checkFaults checks the history that fill makes for exactly these faults of event e. Around it stand two sound
// events, and a second group in which all is well.
func checkFaults(t *testing.T, fill func(h *History), faults []string) {
	t.Helper()
	history := New(1, "g", "other")
	neighbours(history, "before")
	fill(history)
	neighbours(history, "after")
	if history.publishes[history.event("e")] == Acknowledged {
		finish(history, "other", "e")
	}
	report := history.Check()
	want := map[string][]string{}
	for _, fault := range faults {
		want[fault] = []string{"e"}
	}
	if got := found(report.Groups[0]); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("Check() in group g = %v, want %v", got, want)
	}
	if got := found(report.Groups[1]); len(got) != 0 {
		t.Errorf("Check() in group other = %v, want no fault", got)
	}
	if err := report.Sound(); (err == nil) != (len(faults) == 0) {
		t.Errorf("Sound() = %v with faults %v", err, faults)
	}
}

func neighbours(h *History, id string) {
	h.Published(id, Acknowledged)
	finish(h, "g", id)
	finish(h, "other", id)
}

// finish lets a group handle an event as it should.
func finish(h *History, group, id string) {
	h.Started(group, id, "neighbour", at(1))
	h.Ended(group, id, "neighbour", at(2), Succeeded)
	h.Acked(group, id)
}

func TestADeathEndsAllHandlingsOfItsConsumerAlone(t *testing.T) {
	t.Parallel()
	history := New(1, "g", "other")
	for _, id := range []string{"one", "two"} {
		history.Published(id, Acknowledged)
		for _, group := range []string{"g", "other"} {
			history.Started(group, id, "killed", at(1))
			history.Started(group, id, "heir", at(5))
			history.Ended(group, id, "heir", at(6), Succeeded)
		}
	}
	history.Died("bystander", at(2))
	if got := history.Check().Groups[0].Concurrent; !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("Concurrent before the death = %q, want one and two", got)
	}
	history.Died("killed", at(3))
	if err := history.Check().Sound(); err != nil {
		t.Errorf("Sound() after the death = %v, want nil", err)
	}
}

func TestCheckCounts(t *testing.T) {
	t.Parallel()
	history := New(7, "g")
	for id, result := range map[string]Publish{
		"handled": Acknowledged, "dead": Acknowledged, "recovered": Unknown, "vanished": Unknown, "refused": Refused,
	} {
		history.Published(id, result)
	}
	for second := range 3 {
		history.Started("g", "handled", "a", at(2*second))
		history.Ended("g", "handled", "a", at(2*second+1), Succeeded)
	}
	history.InFlight("g", "handled")
	history.InFlight("g", "dead")
	history.Started("g", "dead", "a", at(1))
	history.Ended("g", "dead", "a", at(2), Outcome(9))
	history.Dead("g", "dead", stream.DeadPermanent)
	history.Started("g", "recovered", "a", at(1))
	history.Ended("g", "recovered", "a", at(2), Succeeded)
	got := history.Check().Groups[0]
	want := GroupReport{Published: 2, Unknown: 2, Recovered: 1, Started: 5, Handled: 2, Dead: 1, InFlight: 2, Repeated: 2}
	if got.Published != want.Published || got.Unknown != want.Unknown || got.Recovered != want.Recovered ||
		got.Started != want.Started || got.Handled != want.Handled || got.Dead != want.Dead ||
		got.InFlight != want.InFlight || got.Repeated != want.Repeated {
		t.Errorf("Check() counts = %+v, want %+v", got, want)
	}
}

func TestAGroupThatNewDidNotNameIsChecked(t *testing.T) {
	t.Parallel()
	history := New(1, "g")
	neighbours(history, "e")
	history.Published("missed", Unknown)
	history.Published("missed", Acknowledged)
	finish(history, "g", "missed")
	report := history.Check()
	if len(report.Groups) != 2 || !slices.Equal(report.Groups[1].Lost, []string{"missed"}) {
		t.Errorf("Check() = %+v, want a second group that lost the event missed", report)
	}
}

func TestDeadLettersBeyondTheCounter(t *testing.T) {
	t.Parallel()
	history := New(1, "g")
	history.Published("e", Acknowledged)
	for range math.MaxUint16 + 2 {
		history.Dead("g", "e", stream.DeadUndecodable)
	}
	if got := history.Check().Groups[0].DeadTwice; !slices.Equal(got, []string{"e"}) {
		t.Errorf("DeadTwice of 65,537 dead letters = %q, want e", got)
	}
}

func TestSeveralGoroutinesRecord(t *testing.T) {
	t.Parallel()
	history := New(1, "g", "other")
	var recorders sync.WaitGroup
	for recorder := range 8 {
		recorders.Go(func() {
			for event := range 500 {
				id := string(rune('a'+recorder)) + string(rune('0'+event))
				neighbours(history, id)
			}
			history.Check()
		})
	}
	recorders.Wait()
	report := history.Check()
	if err := report.Sound(); err != nil || report.Groups[1].Handled != 4000 {
		t.Errorf("Sound() = %v with %d handled, want nil with 4000", err, report.Groups[1].Handled)
	}
}
