package history

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// mostShown is how many event IDs of one fault an error or a text names: enough to begin with, few enough to read.
const mostShown = 5

// Report is what Check found.
type Report struct {
	// Seed repeats the run.
	Seed uint64
	// Groups are in the order in which New named them.
	Groups []GroupReport
}

// GroupReport is what Check found in one group. Its lists name each event once, in the order in which the history
// first heard of them; an event may stand in several. The package comment defines each fault.
type GroupReport struct {
	Group string

	// Published counts the events whose publish was acknowledged.
	Published int
	// Unknown counts the events of which no publish was acknowledged and at least one is of unknown result.
	Unknown int
	// Recovered counts those of Unknown that reached the group, so that they were published after all.
	Recovered int
	// Started counts the handlings that began, the repeated ones included.
	Started int
	// Handled counts the events of which a handling succeeded.
	Handled int
	// Dead counts the events that have a dead letter.
	Dead int
	// InFlight counts how often an event was in flight when something was killed or cut off.
	InFlight int
	// Repeated counts the handlings that started after one of the same event had succeeded.
	Repeated int

	Lost           []string
	Undrained      []string
	Duplicated     []string // repeated more often than they were in flight
	Unexpected     []string
	Concurrent     []string
	AckedUnhandled []string
	DeadTwice      []string
	DeadHandled    []string
	DeadUnreasoned []string
}

func (g *GroupReport) count(judged finding) {
	g.Published += number(judged.published == Acknowledged)
	g.Unknown += number(judged.published == Unknown)
	g.Recovered += number(judged.recovered())
	g.Started += judged.handlings
	g.Handled += number(judged.succeeded)
	g.Dead += number(judged.dead())
	g.InFlight += judged.inFlight
	g.Repeated += judged.repeats
}

func (g *GroupReport) list(eventID string, judged finding) {
	appendIf(&g.Lost, eventID, judged.lost())
	appendIf(&g.Undrained, eventID, judged.pending)
	appendIf(&g.Duplicated, eventID, judged.duplicated())
	appendIf(&g.Unexpected, eventID, judged.unexpected())
	appendIf(&g.Concurrent, eventID, judged.overlap)
	appendIf(&g.AckedUnhandled, eventID, judged.ackedUnhandled())
	appendIf(&g.DeadTwice, eventID, judged.deadTwice())
	appendIf(&g.DeadHandled, eventID, judged.deadHandled())
	appendIf(&g.DeadUnreasoned, eventID, judged.deadUnreasoned())
}

func number(holds bool) int {
	if holds {
		return 1
	}
	return 0
}

func appendIf(list *[]string, eventID string, holds bool) {
	if holds {
		*list = append(*list, eventID)
	}
}

// fault is one kind of fault with the events that have it.
type fault struct {
	name   string
	events []string
}

// faults are those that no run may have.
func (g *GroupReport) faults() []fault {
	return []fault{
		{"lost", g.Lost},
		{"undrained", g.Undrained},
		{"duplicated", g.Duplicated},
		{"unexpected", g.Unexpected},
		{"concurrent", g.Concurrent},
		{"acked unhandled", g.AckedUnhandled},
		{"dead twice", g.DeadTwice},
		{"dead though handled", g.DeadHandled},
		{"dead without reason", g.DeadUnreasoned},
	}
}

// Faulty returns the events that have a fault, each once, and of each fault only the first most.
func (g *GroupReport) Faulty(most int) []string {
	var events []string
	for _, fault := range g.faults() {
		for _, event := range fault.events[:min(most, len(fault.events))] {
			if !slices.Contains(events, event) {
				events = append(events, event)
			}
		}
	}
	return events
}

// Repeated returns how many handlings of all groups started after one of the same event and group had succeeded.
func (r Report) Repeated() int {
	sum := 0
	for _, group := range r.Groups {
		sum += group.Repeated
	}
	return sum
}

// InFlight returns how often an event of any group was in flight when something was killed or cut off: no sound run
// repeats more.
func (r Report) InFlight() int {
	sum := 0
	for _, group := range r.Groups {
		sum += group.InFlight
	}
	return sum
}

// Sound returns nil where no group has a fault. Otherwise its error names the seed and every fault of every group, with
// the first few event IDs of each. A history without an acknowledged publish is not sound: it proves nothing.
func (r Report) Sound() error {
	faults := r.faults()
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("run with seed %d is not sound: %w", r.Seed, errors.Join(faults...))
}

func (r Report) faults() []error {
	var faults []error
	if len(r.Groups) == 0 || r.Groups[0].Published == 0 {
		faults = append(faults, errors.New("no group or no acknowledged publish: nothing was checked"))
	}
	for _, group := range r.Groups {
		for _, fault := range group.faults() {
			if len(fault.events) > 0 {
				faults = append(faults, fmt.Errorf("group %q: %s", group.Group, fault))
			}
		}
	}
	return faults
}

// String returns the count and the first events. IDs are quoted, since they may hold anything.
func (f fault) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %d", f.name, len(f.events))
	for position, event := range f.events[:min(mostShown, len(f.events))] {
		separator := ", "
		if position == 0 {
			separator = ": "
		}
		fmt.Fprintf(&text, "%s%q", separator, event)
	}
	if more := len(f.events) - mostShown; more > 0 {
		fmt.Fprintf(&text, " and %d more", more)
	}
	return text.String()
}

// String returns the seed, a table of all counts with a line for each group, and a line for each fault with its first
// few event IDs.
func (r Report) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "seed %d\n", r.Seed)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "group\tpublished\tunknown\trecovered\tstarted\thandled\tdead\tin flight\trepeated\tfaults")
	for _, group := range r.Groups {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", group.Group, group.Published, group.Unknown,
			group.Recovered, group.Started, group.Handled, group.Dead, group.InFlight, group.Repeated, group.countFaults())
	}
	_ = table.Flush() // a strings.Builder takes everything
	for _, group := range r.Groups {
		for _, fault := range group.faults() {
			if len(fault.events) > 0 {
				fmt.Fprintf(&text, "%s: %s\n", group.Group, fault)
			}
		}
	}
	return text.String()
}

// countFaults returns how many events stand in lists of faults; one that has two counts twice.
func (g *GroupReport) countFaults() int {
	sum := 0
	for _, fault := range g.faults() {
		sum += len(fault.events)
	}
	return sum
}
