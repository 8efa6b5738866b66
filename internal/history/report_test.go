package history

import (
	"fmt"
	"strings"
	"testing"
)

func TestSoundPermitsWhatWasInFlight(t *testing.T) {
	t.Parallel()
	history := New(42, "g", "other")
	neighbours(history, "e")
	for _, group := range []string{"g", "other"} {
		for _, second := range []int{3, 5} {
			history.Started(group, "e", "late", at(second))
			history.Ended(group, "e", "late", at(second+1), Succeeded)
			history.InFlight(group, "e")
		}
	}
	report := history.Check()
	if err := report.Sound(); err != nil || report.Repeated() != 4 || report.InFlight() != 4 {
		t.Errorf("Sound() = %v with %d repeated and %d in flight, want nil with 4 and 4", err, report.Repeated(), report.InFlight())
	}
	history.Started("other", "e", "late", at(7))
	history.InFlight("g", "e")
	want := `run with seed 42 is not sound: group "other": duplicated 1: "e"`
	if err := history.Check().Sound(); err == nil || err.Error() != want {
		t.Errorf("Sound() = %v, want %q: what was in flight in one group excuses nothing in another", err, want)
	}
}

func TestSoundNamesTheFirstEventsOfEachFault(t *testing.T) {
	t.Parallel()
	history := New(42, "g")
	for event := range 8 {
		history.Published(fmt.Sprintf("lost-%d\n", event), Acknowledged)
	}
	history.Pending("g", "left")
	history.Started("g", "ghost", "a", at(1))
	err := history.Check().Sound()
	if err == nil {
		t.Fatal("Sound() = nil, want an error")
	}
	want := strings.Join([]string{
		`run with seed 42 is not sound: group "g": lost 8: "lost-0\n", "lost-1\n", "lost-2\n", "lost-3\n", "lost-4\n" and 3 more`,
		`group "g": undrained 1: "left"`,
		`group "g": unexpected 1: "ghost"`,
	}, "\n")
	if got := err.Error(); got != want {
		t.Errorf("Sound() =\n%s\nwant\n%s", got, want)
	}
}

func TestSoundRefusesAHistoryThatProvesNothing(t *testing.T) {
	t.Parallel()
	unanswered := New(1, "g")
	unanswered.Published("e", Unknown)
	for name, history := range map[string]*History{
		"no group": New(1), "no publish": New(1, "g"), "no acknowledged publish": unanswered,
	} {
		if err := history.Check().Sound(); err == nil || !strings.Contains(err.Error(), "nothing was checked") {
			t.Errorf("Sound() with %s = %v, want an error that says that nothing was checked", name, err)
		}
	}
}
