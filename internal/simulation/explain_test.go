package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// explain shows what was planned, what struck and what was handled, in the order of time, and how to run it alone.
func (w *world) explain() {
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	for _, strike := range w.adversary.strikes {
		lines = append(lines, line{strike.from, strike.what})
	}
	for _, each := range w.handlings {
		what := fmt.Sprintf("%s %s, delivery %d, process %d", each.group, each.eventID, each.deliveries, each.process.number)
		lines = append(lines, line{each.started, "began " + what})
		if !each.ended.IsZero() {
			lines = append(lines, line{each.ended, fmt.Sprintf("ended %s, succeeded: %v", what, each.succeeded)})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at.Sub(b.at), 0) })
	var text strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&text, "%10.4fs  %s\n", line.at.Sub(w.begun).Seconds(), line.text)
	}
	w.Logf("plan: %+v\nrates: %+v\n%sto run it alone: go test ./internal/simulation -seed %d -v", w.plan, w.adversary.rates,
		text.String(), w.plan.seed)
}
