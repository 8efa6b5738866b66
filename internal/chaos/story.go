package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/history"
)

// mostTold is how many events of a group's fault have their story told.
const mostTold = 3

// around is how long before its first handling, and after its last, what struck belongs to an event's story.
const around = 2 * lease

// clockLayout is how the log of strikes and the stories tell a time.
const clockLayout = "15:04:05.000"

// tellFaults writes to out how the first events of each fault were handled, and what struck meanwhile: a run on another
// machine has to be understood by what it printed.
func (w *world) tellFaults(out io.Writer, report history.Report) error {
	for _, group := range report.Groups {
		for _, event := range group.Faulty(mostTold) {
			if err := w.tell(out, group.Group, event); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell writes the story of one event in one group.
func (w *world) tell(out io.Writer, group, event string) error {
	var story []handling
	for _, process := range w.fleet.all {
		err := readJournal(process.journal, process.name, func(done handling) {
			if done.group == group && done.eventID == event {
				story = append(story, done)
			}
		})
		if err != nil {
			return err
		}
	}
	slices.SortFunc(story, func(a, b handling) int { return a.started.Compare(b.started) })
	fmt.Fprintf(out, "%s %s:\n", group, event)
	for _, done := range story {
		fmt.Fprintf(out, "  %s %s\n", done.consumer, done.describe())
	}
	if len(story) == 0 {
		return nil
	}
	return w.tellStrikes(out, story[0].started.Add(-around), story[len(story)-1].started.Add(around))
}

// describe says when a handling went on and how it ended.
func (h handling) describe() string {
	end := "ended with its process"
	switch {
	case h.succeeded:
		end = h.ended.Format(clockLayout) + " ok"
	case !h.ended.IsZero():
		end = h.ended.Format(clockLayout) + " failed"
	}
	return h.started.Format(clockLayout) + " " + end
}

// tellStrikes writes what struck between two times, as the log of strikes has it. It compares times of day, which is right
// but for a run over midnight.
func (w *world) tellStrikes(out io.Writer, from, to time.Time) error {
	file, err := os.Open(w.strikeLog.Name())
	if err != nil {
		return fmt.Errorf("read what struck: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) >= 2 && words[0] <= to.Format(clockLayout) && words[1] >= from.Format(clockLayout) {
			fmt.Fprintln(out, "  ", lines.Text())
		}
	}
	return lines.Err()
}
