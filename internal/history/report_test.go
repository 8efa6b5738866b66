package history

import (
	"fmt"
	"strings"
	"testing"
)

func TestSoundPermitsDuplicatesUpToTheGivenNumber(t *testing.T) {
	t.Parallel()
	history := New(42, "g", "other")
	neighbours(history, "e")
	for _, group := range []string{"g", "other"} {
		for _, second := range []int{3, 5} {
			history.Started(group, "e", "late", at(second))
			history.Ended(group, "e", "late", at(second+1), Succeeded)
		}
	}
	report := history.Check()
	if err := report.Sound(4); err != nil {
		t.Errorf("Sound(4) with 4 repeated handlings = %v, want nil", err)
	}
	err := report.Sound(3)
	if err == nil {
		t.Fatal("Sound(3) with 4 repeated handlings = nil, want an error")
	}
	for _, want := range []string{"seed 42", "4 handlings repeated", "at most 3", `group "g": duplicated 1: "e"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Sound(3) = %q, want it to say %q", err, want)
		}
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
	err := history.Check().Sound(1000)
	if err == nil {
		t.Fatal("Sound(1000) = nil, want an error")
	}
	want := strings.Join([]string{
		`run with seed 42 is not sound: group "g": lost 8: "lost-0\n", "lost-1\n", "lost-2\n", "lost-3\n", "lost-4\n" and 3 more`,
		`group "g": undrained 1: "left"`,
		`group "g": unexpected 1: "ghost"`,
	}, "\n")
	if got := err.Error(); got != want {
		t.Errorf("Sound(1000) =\n%s\nwant\n%s", got, want)
	}
}

func TestSoundRefusesAHistoryThatProvesNothing(t *testing.T) {
	t.Parallel()
	unanswered := New(1, "g")
	unanswered.Published("e", Unknown)
	for name, history := range map[string]*History{
		"no group": New(1), "no publish": New(1, "g"), "no acknowledged publish": unanswered,
	} {
		if err := history.Check().Sound(0); err == nil || !strings.Contains(err.Error(), "nothing was checked") {
			t.Errorf("Sound(0) with %s = %v, want an error that says that nothing was checked", name, err)
		}
	}
}
