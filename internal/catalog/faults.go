package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Fault is one thing that is wrong in a handlers file.
type Fault struct {
	// File is the file's name, as it was given to Parse.
	File string
	// Line is where the fault stands, counted from 1; 0 where it concerns the file as a whole.
	Line int
	// Place is the handler and the key, as in `check_inventory: backoff: min`, or "" outside every handler.
	Place string
	// Problem says what is wrong, what was expected and what stands there instead.
	Problem string
}

// Error prints the fault as `file:line: place: problem`, which editors can jump to.
func (f Fault) Error() string {
	parts := []string{f.File}
	if f.Line > 0 {
		parts[0] += ":" + strconv.Itoa(f.Line)
	}
	if f.Place != "" {
		parts = append(parts, f.Place)
	}
	return strings.Join(append(parts, f.Problem), ": ")
}

// Faults is everything that is wrong in a handlers file, sorted by line.
type Faults []Fault

// maxPrinted is how many faults Faults.Error prints: a file with more is not mended by reading them all.
const maxPrinted = 50

// Error prints one fault a line; after the first 50 it says how many more there are.
func (f Faults) Error() string {
	lines := make([]string, 0, min(len(f), maxPrinted+1))
	for _, fault := range f[:min(len(f), maxPrinted)] {
		lines = append(lines, fault.Error())
	}
	if more := len(f) - maxPrinted; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// report collects the faults of one file while it is read.
type report struct {
	file   string
	faults Faults
}

// add notes a fault.
func (r *report) add(line int, place, format string, arguments ...any) {
	fault := Fault{File: r.file, Line: line, Place: place, Problem: fmt.Sprintf(format, arguments...)}
	r.faults = append(r.faults, fault)
}

// err is the faults so far, sorted by line, or nil where there is none.
func (r *report) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(r.faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return r.faults
}

// has tells whether a fault stands in line already.
func (r *report) has(line int) bool {
	return slices.ContainsFunc(r.faults, func(fault Fault) bool { return fault.Line == line })
}
