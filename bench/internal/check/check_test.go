package check_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/bench/internal/check"
)

// see makes notes for two groups; the first sees what is said, the second everything once.
func see(expected int, first ...int) *check.Seen {
	seen := check.New(2, expected)
	for _, sequence := range first {
		seen.Saw(0, sequence)
	}
	for sequence := range expected {
		seen.Saw(1, sequence)
	}
	return seen
}

func upTo(count int) []int {
	all := make([]int, count)
	for sequence := range all {
		all[sequence] = sequence
	}
	return all
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name  string
		first []int // what the first group saw, of 100 events
		fault string
	}{
		{"everything once", upTo(100), ""},
		{"backwards", func() []int { all := upTo(100); all[0], all[99] = 99, 0; return all }(), ""},
		{"the last one missing", upTo(99), "group 1: 1 of 100 events missing, 0 doubled, 0 that were never sent"},
		{"one in the middle twice", append(upTo(100), 64), "group 1: 0 of 100 events missing, 1 doubled, 0 that were never sent"},
		{"one twice in another's place", append(upTo(99), 5), "group 1: 1 of 100 events missing, 1 doubled, 0 that were never sent"},
		{"one of another run", append(upTo(100), 100, -1), "group 1: 0 of 100 events missing, 0 doubled, 2 that were never sent"},
		{"nothing", nil, "group 1: 100 of 100 events missing, 0 doubled, 0 that were never sent"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := check.Faults(100, see(100, test.first...).Account())
			if got := text(err); got != test.fault {
				t.Errorf("Faults said %q, want %q", got, test.fault)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestFaultsOfProcessesThatShareGroups(t *testing.T) {
	one, other := check.New(1, 100), check.New(1, 100)
	for sequence := range 100 {
		if sequence%2 == 0 {
			one.Saw(0, sequence)
		} else {
			other.Saw(0, sequence)
		}
	}
	if err := check.Faults(100, one.Account(), other.Account()); err != nil {
		t.Errorf("each event was seen by one of two processes, got %v", err)
	}
	other.Saw(0, 10)
	if err := check.Faults(100, one.Account(), other.Account()); !strings.Contains(text(err), "1 doubled") {
		t.Errorf("an event was seen by both processes, got %v", err)
	}
	if err := check.Faults(100, one.Account()); !strings.Contains(text(err), "50 of 100 events missing") {
		t.Errorf("half of the events were seen, got %v", err)
	}
}

func TestFaultsWithoutAnAccount(t *testing.T) {
	if check.Faults(100) == nil {
		t.Error("nobody gave an account, got no error")
	}
}

func TestComplete(t *testing.T) {
	seen := see(100, append(upTo(99), 3)...)
	select {
	case <-seen.Complete():
		t.Fatal("complete while an event is missing")
	default:
	}
	seen.Saw(0, 99)
	select {
	case <-seen.Complete():
	default:
		t.Fatal("not complete when every group has seen every event")
	}
	if got := seen.Handled(); got != 200 {
		t.Errorf("Handled is %d, want 200: repeats do not count", got)
	}
	if seen.Ended().IsZero() {
		t.Error("complete without a time")
	}
}
