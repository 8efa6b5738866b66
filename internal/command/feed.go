package command

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/consumers"
)

// feedLines is how many lines may wait for a slow terminal; what comes after them is counted and not printed.
const feedLines = 1000

// feedPatience is how long the last lines may take when the service has stopped.
const feedPatience = time.Second

// feed prints what came of each event, for somebody who watches. It never holds up a handler, nor the end of the service.
type feed struct {
	width   int // of the longest handler's name
	lines   chan string
	dropped atomic.Int64
	end     chan struct{} // closed by close
	printed chan struct{} // closed when the last line is printed
}

// startFeed prints to w until close.
func startFeed(w io.Writer, names []string) *feed {
	f := &feed{lines: make(chan string, feedLines), end: make(chan struct{}), printed: make(chan struct{})}
	for _, name := range names {
		f.width = max(f.width, len(name))
	}
	go f.run(w)
	return f
}

// close prints what is left and returns, at the latest after feedPatience: a terminal that takes nothing is given up.
// What is said after it is not printed.
func (f *feed) close() {
	close(f.end)
	select {
	case <-f.printed:
	case <-time.After(feedPatience):
	}
}

func (f *feed) run(w io.Writer) {
	defer close(f.printed)
	for {
		select {
		case line := <-f.lines:
			f.print(w, line)
		case <-f.end:
			for range len(f.lines) {
				f.print(w, <-f.lines)
			}
			return
		}
	}
}

func (f *feed) print(w io.Writer, line string) {
	fmt.Fprintln(w, line)
	if dropped := f.dropped.Swap(0); dropped > 0 {
		fmt.Fprintf(w, "... and %s that this terminal was too slow for\n", whole(int(dropped), "line"))
	}
}

// say prints a line after those before it. It does not block.
func (f *feed) say(line string) {
	select {
	case f.lines <- line:
	default:
		f.dropped.Add(1)
	}
}

// outcome prints one result.
func (f *feed) outcome(result consumers.Result) { f.say(f.line(time.Now(), result)) }

func (f *feed) line(now time.Time, result consumers.Result) string {
	return fmt.Sprintf("%s  %-*s  %-13s  %s  %s  %s", now.Format("15:04:05"), f.width, result.Group,
		result.Outcome, result.EntryID, brief(orDash(result.Event), 40), ending(result))
}

// ending is how long a handling took, and what follows from its failure.
func ending(result consumers.Result) string {
	took, fault := "in "+roughly(result.Took), ""
	if result.Err != nil {
		fault = brief(withoutReason(result.Reason, result.Err.Error()), 200)
	}
	switch result.Outcome {
	case consumers.Retried:
		return fmt.Sprintf("try %d failed, the next in %s: %s", result.Deliveries, roughly(result.Delay), fault)
	case consumers.DeadLettered:
		return fmt.Sprintf("after %s (%s): %s", tries(result.Deliveries), result.Reason, fault)
	case consumers.Skipped:
		return "handled before"
	case consumers.Lost:
		return "another consumer has it now"
	default:
		return took
	}
}

// tries counts deliveries.
func tries(deliveries int) string {
	if deliveries == 1 {
		return "1 try"
	}
	return digits(deliveries) + " tries"
}
