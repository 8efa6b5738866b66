package catalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// chainOf is a file of so many handlers, each of which subscribes to what the one before it emits.
func chainOf(length int, last string) string {
	var file strings.Builder
	file.WriteString("handlers:\n")
	for i := range length {
		emitted := fmt.Sprintf("E%d", i+1)
		if i == length-1 {
			emitted = last
		}
		fmt.Fprintf(&file, "  h%d: {events: [E%d], run: label, emit: {acked: %s}}\n", i, i, emitted)
	}
	return file.String()
}

func TestChainsWithoutACycle(t *testing.T) {
	t.Parallel()
	began := time.Now()
	if _, err := Parse("f", []byte(chainOf(1000, "END")), defaults()); err != nil {
		t.Errorf("a chain of 1,000 handlers: got %v, want no fault", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("a chain of 1,000 handlers took %v", took)
	}
	// Two ways from one event to another are no cycle.
	const diamond = "handlers:\n" +
		"  top: {events: [A], run: label, emit: {acked: B}}\n" +
		"  left: {events: [B], run: label, emit: {acked: C, dead_lettered: D}}\n" +
		"  right: {events: [B], run: label, emit: {acked: C, dead_lettered: D}}\n" +
		"  bottom: {events: [C, D], run: label}\n"
	if _, err := Parse("f", []byte(diamond), defaults()); err != nil {
		t.Errorf("two ways: got %v, want no fault", err)
	}
}

func TestLongCycleIsCut(t *testing.T) {
	t.Parallel()
	_, err := Parse("f", []byte(chainOf(20, "E0")), defaults())
	const want = "f:2: h0: emit: its events would cause one another without end: E1 -> handler h1 -> E2 -> handler h2 -> " +
		"E3 -> handler h3 -> E4 -> handler h4 -> ... -> E17 -> handler h17 -> E18 -> handler h18 -> E19 -> handler h19 -> " +
		"E0 -> handler h0 -> E1"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// What is emitted twice is one way, and cycles that have a handler in common are told one by one.
func TestCyclesAreToldOnce(t *testing.T) {
	t.Parallel()
	const file = "handlers:\n" +
		"  a: {events: [A], run: label, emit: {acked: B, dead_lettered: B}}\n" +
		"  b: {events: [B], run: label, emit: {acked: A}}\n" +
		"  c: {events: [C], run: label, emit: {acked: C}}\n"
	_, err := Parse("f", []byte(file), defaults())
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 2 {
		t.Errorf("got %v, want two faults", err)
	}
}
