package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/stream"
)

// FuzzParse feeds Parse with anything: it answers with a file that holds what it promises, or with faults that can be
// read, and never panics.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/faults/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte("handlers: {a: {events: [A], run: label}}"))
	f.Add([]byte("handlers: {a: {events: [A], run: label, emit: {acked: B}}, b: {events: ['*'], run: label, emit: {dead_lettered: A}}}"))
	f.Add([]byte("handlers:\n  a:\n    events:\n    - 'A'\n    run: >-\n      label\n    backoff: {min: 1s}\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := Parse("f", content, defaults())
		if err != nil {
			checkFaults(t, content, err)
			return
		}
		if len(file.Handlers) == 0 {
			t.Errorf("Parse(%q) has no handlers and no fault", content)
		}
		for _, spec := range file.Handlers {
			checkSpec(t, spec)
		}
	})
}

// checkFaults tests that the faults can be found and printed.
func checkFaults(t *testing.T, content []byte, err error) {
	t.Helper()
	var faults Faults
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatalf("Parse(%q) = %v, want Faults", content, err)
	}
	last := strings.Count(string(content), "\n") + 1
	lines := make([]int, 0, len(faults))
	for _, fault := range faults {
		lines = append(lines, fault.Line)
		if fault.Line < 0 || fault.Line > last {
			t.Errorf("Parse(%q) found a fault in line %d of %d: %v", content, fault.Line, last, fault)
		}
		if text := fault.Error(); len(text) > 700 || strings.ContainsAny(text, "\n\r\x1b") {
			t.Errorf("Parse(%q) found a fault that is long or no line of text: %q", content, text)
		}
	}
	if !slices.IsSorted(lines) {
		t.Errorf("Parse(%q) found faults in lines %v, want them sorted", content, lines)
	}
}

// checkSpec tests that a handler can be run as it is.
func checkSpec(t *testing.T, spec Spec) {
	t.Helper()
	if err := stream.CheckGroup(spec.Name); err != nil {
		t.Error(err)
	}
	if len(spec.Events) == 0 || spec.construct == nil || !slices.Contains(kindNames(), spec.Kind) {
		t.Errorf("handler %s has events %q and kind %q, want both", spec.Name, spec.Events, spec.Kind)
	}
	if spec.Concurrency < 1 || spec.MaxDeliveries < 1 || spec.Timeout <= 0 || spec.Dedupe < 0 {
		t.Errorf("handler %s is out of range: %+v", spec.Name, spec.GroupOptions)
	}
	if err := spec.Backoff.Validate(); err != nil {
		t.Errorf("handler %s: %v", spec.Name, err)
	}
}
