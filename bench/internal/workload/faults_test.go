package workload

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/bench/internal/check"
	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/system"
)

func TestLateness(t *testing.T) {
	late, err := lateness([]int64{1000, 2000}, []int64{1_500_000_000, 2_000_000_000})
	if err != nil || late[0] != 0 || late[1] != 500*time.Millisecond {
		t.Errorf("lateness: got %v, %v, want 0s and 500ms", late, err)
	}
	if _, err := lateness([]int64{1000, 2000}, []int64{1_500_000_000, 1_999_000_000}); err == nil {
		t.Error("a try that began 1ms too early: want an error")
	}
}

func TestCheckSlow(t *testing.T) {
	seen := check.New(1, 10)
	if _, err := checkSlow(seen.Account()); err == nil {
		t.Error("a slow group that has seen nothing: want an error")
	}
	seen.Saw(0, 3)
	if handled, err := checkSlow(seen.Account()); err != nil || handled != 1 {
		t.Errorf("a slow group that has seen one event: got %d, %v", handled, err)
	}
	seen.Saw(0, 3)
	if _, err := checkSlow(seen.Account()); err == nil {
		t.Error("a slow group that has seen an event twice: want an error")
	}
}

func TestWhatTheProgramDoesNotDoOnceIsAFault(t *testing.T) {
	const events = 20
	bench := newBench(t)
	run, err := bench.newRun(t.Context(), program)
	if err != nil {
		t.Fatal(err)
	}
	spec := child.Spec{Target: run.target(1, events), Events: events}
	if err := run.fill(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	running, err := run.startProgram(t.Context(), spec.Target)
	if err != nil {
		t.Fatal(err)
	}
	defer running.Kill()
	if err := run.awaitNothingLeft(t.Context(), spec.Target); err != nil {
		t.Fatal(err)
	}
	if err := system.CheckStock(t.Context(), spec.Target, events); err != nil {
		t.Errorf("CheckStock of %d orders that were reserved: %v", events, err)
	}
	err = endProgram(t.Context(), running, spec.Target, events+1)
	for _, fault := range []string{
		"has reserved 20 orders of 21", "expected 21 deliveries, all acked, got map[acked:20]",
	} {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("one order less than expected: got %v, want an error that says %q", err, fault)
		}
	}
}
