package workload

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/bench/internal/child"
	"github.com/millrace/millrace/bench/internal/order"
	"github.com/millrace/millrace/bench/internal/system"
)

// TestMain lets the test's binary be its own child.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == child.Argument {
		if err := child.Main(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// newBench is closed with the test.
func newBench(t *testing.T, systems ...string) *Bench {
	bench := NewBench(Options{Rounds: 1, Quick: true, Systems: systems, Patience: time.Minute})
	t.Cleanup(bench.Close)
	return bench
}

func TestEveryTableHasARowForEverySystem(t *testing.T) {
	bench := newBench(t, "resp")
	for _, workload := range []Workload{drain(), latency(), slow(), publish()} {
		tables, err := workload.Run(t.Context(), bench)
		if err != nil {
			t.Errorf("%s: %v", workload.Name, err)
		}
		for _, table := range tables {
			if len(table.Rows) != 1 || len(table.Rows[0]) != len(table.Columns) || table.Rows[0][0] != "resp" {
				t.Errorf("%s: the rows of %q are %v under %v, want one row of resp", workload.Name, table.Title, table.Rows, table.Columns)
			}
		}
	}
}

// store makes the groups of a run ready and stores these events in place of the run's own.
func store(t *testing.T, run *run, target system.Target, events []order.Event) {
	t.Helper()
	if err := run.prepare(t.Context(), child.Spec{Target: target}); err != nil {
		t.Fatal(err)
	}
	if err := system.Fill(t.Context(), run.system, target, slices.Values(events)); err != nil {
		t.Fatal(err)
	}
}

func TestWhatDoesNotComeOnceIsAFault(t *testing.T) {
	const expected = 500
	complete := order.Many(expected, 0)
	missing := slices.Delete(slices.Clone(complete), 77, 78)
	doubled := append(slices.Clone(complete), complete[77])
	nameless := append([]order.Event{{Data: "{}", ID: "1-1"}}, complete...)
	tests := []struct {
		system, what string
		stored       []order.Event
		fault        string
	}{
		{"resp", "missing", missing, "group 2: 1 of 500 events missing, 0 doubled"},
		{"resp", "doubled", doubled, "group 2: 0 of 500 events missing, 1 doubled"},
		{"resp", "nameless", nameless, "came without its name"},
		{"go-redis", "doubled", doubled, "group 2: 0 of 500 events missing, 1 doubled"},
		{"millrace", "doubled", doubled, "group 2: 0 of 500 events missing, 1 doubled"},
	}
	bench := newBench(t)
	for _, test := range tests {
		t.Run(test.system+" "+test.what, func(t *testing.T) {
			run, err := bench.newRun(t.Context(), test.system)
			if err != nil {
				t.Fatal(err)
			}
			if test.what == "missing" {
				run.patience = 2 * time.Second
			}
			target := run.target(2, expected)
			store(t, run, target, test.stored)
			_, err = run.consume(t.Context(), child.Spec{Target: target, Events: expected}, 1)
			if err == nil || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("the fault is %v, want one that says %q", err, test.fault)
			}
		})
	}
}

func TestProcessesShareTheGroups(t *testing.T) {
	const expected = 2000
	bench := newBench(t)
	for _, name := range []string{"resp", "go-redis", "millrace", "goroutines"} {
		run, err := bench.newRun(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		spec := child.Spec{Target: run.target(2, expected), Events: expected, Work: time.Millisecond}
		spec.Target.Concurrency = 8
		if err := run.fill(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
		consumed, err := run.consume(t.Context(), spec, 2)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		// Either process takes 125 ms for its half, and no process could do all in less than 250 ms.
		if elapsed := consumed.elapsed(); elapsed < 125*time.Millisecond {
			t.Errorf("%s: two processes took %v, which is faster than they can be", name, elapsed)
		}
	}
}

func TestAChildThatDiesIsAFault(t *testing.T) {
	bench := newBench(t)
	run, err := bench.newRun(t.Context(), "resp")
	if err != nil {
		t.Fatal(err)
	}
	spec := child.Spec{Target: run.target(1, 10), Events: 10}
	if err := run.prepare(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	consumers, err := run.startConsumers(t.Context(), spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer consumers.kill()
	consumers.processes[0].Kill()
	if _, err := consumers.finish(t.Context()); err == nil || !strings.Contains(err.Error(), "consume of resp: it is gone") {
		t.Errorf("the fault is %v, want one that says who is gone", err)
	}
}
