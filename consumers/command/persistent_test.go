package command_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/command"
)

// ask hands a handler an event that says what to do, and returns the result.
func ask(t testing.TB, handler *command.Handler, do string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, consumers.ErrTimeout)
	defer cancel()
	event := delivery(`{"do":` + strconv.Quote(do) + `}`)
	err := handler.Handle(ctx, event)
	return string(event.Result), err
}

// mustAsk is ask where an error ends the test.
func mustAsk(t testing.TB, handler *command.Handler, do string) string {
	t.Helper()
	result, err := ask(t, handler, do)
	if err != nil {
		t.Fatalf("event %q: %v", do, err)
	}
	return result
}

func TestProcessIsKept(t *testing.T) {
	t.Parallel()
	handler := actor(t, "well", nil)
	first := mustAsk(t, handler, "")
	for range 100 {
		if got := mustAsk(t, handler, ""); got != first {
			t.Fatalf("a later event was handled by process %s, want the first, %s", got, first)
		}
	}
	if err := handler.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	wantGone(t, first)
	if _, err := ask(t, handler, ""); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("an event after Close: got %v, want an error that says it is closed", err)
	}
}

func TestAsManyProcessesAsEventsAtOnce(t *testing.T) {
	t.Parallel()
	handler := actor(t, "well", nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	processes := map[string]bool{}
	for range 4 {
		all.Go(func() {
			for range 50 {
				event := delivery(`{}`)
				if err := handler.Handle(t.Context(), event); err != nil {
					t.Error(err)
				}
				mu.Lock()
				processes[string(event.Result)] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(processes) > 4 {
		t.Errorf("four at a time were handled by %d processes, want at most 4", len(processes))
	}
	_ = handler.Close()
	for process := range processes {
		wantGone(t, process)
	}
}

func TestAnswersOfAProcess(t *testing.T) {
	t.Parallel()
	handler := actor(t, "well", nil)
	tests := []struct {
		do, result, fault string
		kept              bool // the process goes on
	}{
		{do: "shout", result: "shouted", kept: true},
		{do: `{"ok":true}`, kept: true},
		{do: `{"ok":true,"result":{"booked":[1,2]}}`, result: `{"booked":[1,2]}`, kept: true},
		{do: `{"ok":true,"result":"` + strings.Repeat("王", 2000) + `"}`, result: strings.Repeat("王", 340) + "...", kept: true},
		{do: `{"error":"no such customer"}`, fault: ": no such customer", kept: true},
		{do: `{"error":"\u001b[31mred\u0000"}`, fault: ": \ufffd[31mred\ufffd", kept: true},
		{do: `{"ok":true,"error":"well, no"}`, fault: ": well, no", kept: true},
		{do: "die", fault: "ended without an answer (signal: killed): out of memory"},
		{do: "exit", fault: "ended without an answer (exit status 3): had enough"},
		{do: "half", fault: "ended without an answer (exit status 0)"},
		{do: "mute", fault: "closed its standard input or output"},
		{do: "long", fault: "answered with a line of more than 1 MiB"},
		{do: `{"ok":true,"ignored":"` + strings.Repeat("x", 900_000) + `"}`, kept: true},
		{do: "PHP Warning: something", fault: "answered with what is no answer"},
		{do: `{"ok":false}`, fault: "answered with what is no answer"},
		{do: `[]`, fault: "answered with what is no answer"},
	}
	for _, test := range tests {
		t.Run(test.do[:min(30, len(test.do))], func(t *testing.T) {
			before := mustAsk(t, handler, "")
			result, err := ask(t, handler, test.do)
			if result != test.result {
				t.Errorf("result of %q: got %q, want %q", test.do, result, test.result)
			}
			if message := message(err); (message == "") != (test.fault == "") || !strings.HasSuffix(message, test.fault) &&
				!strings.Contains(message, test.fault) {
				t.Errorf("error of %q: got %q, want one with %q", test.do, message, test.fault)
			}
			after := mustAsk(t, handler, "")
			if kept := before == after; kept != test.kept {
				t.Errorf("after %q the process was kept: got %t, want %t", test.do, kept, test.kept)
			}
			if !test.kept {
				wantGone(t, before)
			}
		})
	}
}

func TestVerdictOfAnAnswer(t *testing.T) {
	t.Parallel()
	handler := actor(t, "well", nil)
	boom := errors.New("boom")
	tests := []struct {
		do   string
		same error // an error of which the package consumers thinks the same
	}{
		{`{"error":"x"}`, boom},
		{`{"error":"x","permanent":true}`, consumers.Permanent(boom)},
		{`{"permanent":true}`, consumers.Permanent(boom)},
		{`{"error":"x","retry_after":"30s"}`, consumers.RetryAfter(30*time.Second, boom)},
		{`{"error":"x","retry_after":1.5}`, consumers.RetryAfter(1500*time.Millisecond, boom)},
		{`{"retry_after":"1m"}`, consumers.RetryAfter(time.Minute, boom)},
		{`{"retry_after":1e300}`, consumers.RetryAfter(consumers.MaxRetryAfter, boom)},
		{`{"error":"x","retry_after":"soon"}`, boom},
		{`{"error":"x","retry_after":-1}`, boom},
		{`{"error":"x","permanent":true,"retry_after":"30s"}`, consumers.Permanent(boom)},
	}
	for _, test := range tests {
		_, err := ask(t, handler, test.do)
		if err == nil {
			t.Errorf("%s: got success, want an error", test.do)
			continue
		}
		if got, want := verdict(err), verdict(test.same); got != want {
			t.Errorf("%s: got %v, which is %s; want %s", test.do, err, got, want)
		}
	}
}

func TestProcessThatHangsIsReplaced(t *testing.T) {
	t.Parallel()
	handler := actor(t, "well", nil)
	before := mustAsk(t, handler, "")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := handler.Handle(ctx, delivery(`{"do":"hang"}`))
	if err == nil || !strings.Contains(err.Error(), "gave no answer in time") {
		t.Errorf("an event that hangs: got %v, want an error that says so", err)
	}
	wantGone(t, before)
	if after := mustAsk(t, handler, ""); after == before {
		t.Errorf("the process that hung handled another event")
	}
}

// An event that hangs says nothing of the program's start, even where it is the first one of its process: others get theirs.
func TestEventThatHangsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	handler := actor(t, "well", func(o *command.Options) { o.Dir = directory })
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for hangs := range 2 {
		all.Go(func() { _ = handler.Handle(ctx, delivery(`{"do":"hang"}`)) })
		untilLines(t, filepath.Join(directory, "hangs"), hangs+1)
		if hangs == 0 {
			cancel()
			all.Wait()
			ctx, cancel = context.WithCancel(t.Context())
		}
	}
	defer all.Wait()
	defer cancel()
	patience, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	if err := handler.Handle(patience, delivery(`{}`)); err != nil {
		t.Errorf("an event beside one that hangs: %v", err)
	}
}

func TestWhatNobodyAskedForIsNoAnswer(t *testing.T) {
	t.Parallel()
	handler := actor(t, "well", nil)
	before := mustAsk(t, handler, "")
	mustAsk(t, handler, "twice")
	if result := mustAsk(t, handler, ""); result == before || result == "of another" {
		t.Errorf("the event after two answers at once: got the result %q, want that of another process", result)
	}
}

func TestProcessThatDiesIdleCostsNoEvent(t *testing.T) {
	t.Parallel()
	handler := actor(t, "well", nil)
	for range 20 {
		process := mustAsk(t, handler, "")
		kill(t, process)
		wantGone(t, process)
		if after := mustAsk(t, handler, ""); after == process {
			t.Fatalf("process %s was killed and answered", process)
		}
	}
}

func TestProcessThatHearsNothingIsReplaced(t *testing.T) {
	t.Parallel()
	handler := actor(t, "well", nil)
	deaf := mustAsk(t, handler, "deaf")
	if _, err := ask(t, handler, ""); err == nil || !strings.Contains(err.Error(), "closed its standard input") {
		t.Errorf("the event after the process closed its standard input: got %v, want an error that says so", err)
	}
	wantGone(t, deaf)
	mustAsk(t, handler, "")
}

func TestMaxEvents(t *testing.T) {
	t.Parallel()
	handler := actor(t, "well", func(o *command.Options) { o.MaxEvents = 3 })
	counts := map[string]int{}
	for range 9 {
		counts[mustAsk(t, handler, "")]++
	}
	_ = handler.Close()
	if len(counts) != 3 {
		t.Errorf("9 events at 3 for a process: got %v, want 3 processes", counts)
	}
	for process, count := range counts {
		if count != 3 {
			t.Errorf("process %s handled %d events, want 3", process, count)
		}
		wantGone(t, process)
	}
}

func TestLargeEvent(t *testing.T) {
	t.Parallel()
	handler := actor(t, "well", nil)
	if err := handler.Handle(t.Context(), delivery(`{"x":"`+strings.Repeat("x", 1<<20)+`"}`)); err != nil {
		t.Errorf("an event of 1 MiB: %v", err)
	}
}

func TestProgramThatFailsAtItsStartIsStartedLessOften(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	handler := actor(t, "badly", func(o *command.Options) { o.Dir = directory })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				err := handler.Handle(ctx, delivery(`{}`))
				if err == nil || ctx.Err() == nil && !strings.Contains(err.Error(), "no configuration") {
					t.Errorf("a program that fails at its start: got %v, want its own words", err)
				}
			}
		})
	}
	all.Wait()
	// 8 at once before the first failure is known, and then one after 100, 200, 400 ms.
	if starts := lines(t, filepath.Join(directory, "starts")); starts > 12 {
		t.Errorf("a program that fails at its start was started %d times in a second, want at most 12", starts)
	}
	if err := os.WriteFile(filepath.Join(directory, "mended"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		all.Go(func() {
			if err := handler.Handle(t.Context(), delivery(`{}`)); err != nil {
				t.Errorf("after it was mended: %v", err)
			}
		})
	}
	all.Wait()
}

func TestPersistentProcessEndsByItself(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	handler := actor(t, "well", func(o *command.Options) { o.Dir = directory })
	mustAsk(t, handler, "")
	_ = handler.Close()
	if got := lines(t, filepath.Join(directory, "ended")); got != 1 {
		t.Errorf("processes that came to the end of their loop: got %d, want 1", got)
	}
}
