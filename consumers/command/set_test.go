package command_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/command"
	"github.com/millrace/millrace/internal/redistest"
	"github.com/millrace/millrace/stream"
)

// workload is events that a group handles while its processes are killed.
type workload struct {
	*testing.T
	client *stream.Client

	mu       sync.Mutex
	outcomes map[consumers.Outcome]int
}

func (w *workload) observe(result consumers.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcomes[result.Outcome]++
}

func (w *workload) count(outcome consumers.Outcome) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outcomes[outcome]
}

// publish adds events with the IDs first to last.
func (w *workload) publish(first, last int) {
	w.Helper()
	pipe := w.client.Redis().Pipeline()
	for id := first; id <= last; id++ {
		pipe.Do(w.Context(), "XADD", "event_stream", "*", "event", "ORDER", "event_id", fmt.Sprint(id), "data", `{"order_id":1}`)
	}
	if _, err := pipe.Exec(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// run has a Set with the handler at work until wait returns.
func (w *workload) run(handler consumers.Handler, wait func()) {
	w.Helper()
	group := consumers.GroupOptions{Name: "g", Events: []string{"*"}, Handler: handler, Concurrency: 4, MaxDeliveries: 1000}
	group.Backoff.Min, group.Backoff.Max = 10*time.Millisecond, 50*time.Millisecond
	set, err := consumers.NewSet(w.client, consumers.Options{
		Consumer: "test", Logger: zaptest.NewLogger(w, zaptest.Level(zap.ErrorLevel)), Observe: w.observe,
	}, group)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = set.Run(ctx) })
	wait()
	cancel()
	running.Wait()
}

// children are the living processes that this one has started with that script.
func children(t *testing.T, script string) []string {
	t.Helper()
	own, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(own) == 0 {
		t.Skip("the kernel does not tell which children a process has")
	}
	var found []string
	for _, path := range own {
		read, _ := os.ReadFile(path) // a thread may have ended
		for child := range strings.FieldsSeq(string(read)) {
			if line, _ := os.ReadFile("/proc/" + child + "/cmdline"); strings.Contains(string(line), script) {
				found = append(found, child)
			}
		}
	}
	return found
}

// proven are those of the processes that have handled an event: to kill all others too would be a program that ends at its
// start, which is another test's.
func proven(processes []string, journal string) []string {
	read, _ := os.ReadFile(journal) // it may not be there yet
	return slices.DeleteFunc(processes, func(process string) bool { return !strings.Contains(string(read), " "+process+"\n") })
}

// TestKilledProcessesLoseNothing runs alone: it counts goroutines and descriptors.
func TestKilledProcessesLoseNothing(t *testing.T) {
	php := requireTool(t, "php", "php-cli")
	server := redistest.Start(t)
	client, err := stream.Open(stream.Options{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	load := &workload{T: t, client: client, outcomes: map[consumers.Outcome]int{}}
	journal := filepath.Join(t.TempDir(), "journal")
	handler := newHandler(t, command.Options{
		Argv: []string{php, "testdata/journal.php"}, Mode: command.Persistent, MaxEvents: 200,
		Environment: []string{"JOURNAL=" + journal, "PATH=" + os.Getenv("PATH")},
	})
	goroutines, descriptors := runtime.NumGoroutine(), openDescriptors(t)

	const kills, batch = 100, 100
	published := 0
	load.run(handler, func() {
		deadline := time.Now().Add(2 * time.Minute)
		for killed := 0; killed < kills && time.Now().Before(deadline); {
			if load.count(consumers.Acked) > published-batch {
				load.publish(published+1, published+batch)
				published += batch
			}
			victims := proven(children(t, "journal.php"), journal)
			if len(victims) > 0 && kill(t, victims[rand.IntN(len(victims))]) {
				killed++
			}
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		}
		for load.count(consumers.Acked) < published && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
	})
	_ = handler.Close()
	_ = client.Close() // its connections are as many as were ever needed at once

	handled := map[string]int{}
	for line := range strings.Lines(content(t, journal)) {
		id, _, _ := strings.Cut(line, " ")
		handled[id]++
	}
	for id := 1; id <= published; id++ {
		if handled[fmt.Sprint(id)] == 0 {
			t.Errorf("event %d was not handled", id)
		}
	}
	if got := load.count(consumers.Acked); got != published {
		t.Errorf("acked: got %d, want %d", got, published)
	}
	if got := load.count(consumers.Retried); got > kills {
		t.Errorf("retried after %d kills: got %d, want one for each kill at most", kills, got)
	}
	if left := children(t, "journal.php"); len(left) > 0 {
		t.Errorf("processes after Close: got %v, want none", left)
	}
	t.Logf("%d kills in %d events: %d were retried", kills, published, load.count(consumers.Retried))
	wantNoMore(t, "goroutines", goroutines, runtime.NumGoroutine)
	wantNoMore(t, "descriptors", descriptors, func() int { return openDescriptors(t) })
}

// wantNoMore waits until there are no more of something than before.
func wantNoMore(t *testing.T, what string, before int, count func() int) {
	t.Helper()
	const slack = 5 // of the connections to Redis
	deadline := time.Now().Add(20 * time.Second)
	for count() > before+slack {
		if time.Now().After(deadline) {
			t.Errorf("%s: got %d, want those from before, %d, and %d more at most", what, count(), before, slack)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}
