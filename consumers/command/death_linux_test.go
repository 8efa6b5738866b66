package command_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestProcessesDieWithTheService(t *testing.T) {
	t.Parallel()
	service := exec.Command(os.Args[0])
	service.Dir, service.Env = t.TempDir(), []string{startVariable + "=service"}
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	starts := filepath.Join(service.Dir, "starts")
	untilLines(t, starts, 2)
	_ = service.Process.Kill()
	_ = service.Wait()
	for process := range strings.Lines(content(t, starts)) {
		wantGone(t, process)
	}
}

// TestProcessOutlivesTheThreadThatAskedForIt ends the thread from which a process was asked for: the kernel sends the signal
// that ends a process with its parent when the thread ends that has forked it.
func TestProcessOutlivesTheThreadThatAskedForIt(t *testing.T) {
	t.Parallel()
	handler := actor(t, "well", nil)
	first := make(chan string)
	var thread int
	onThreadThatEnds(func() {
		thread = syscall.Gettid()
		event := delivery("{}")
		if err := handler.Handle(t.Context(), event); err != nil {
			t.Error(err)
		}
		first <- string(event.Result)
	})
	process := <-first
	untilNoThread(t, thread)
	for range 100 {
		if got := mustAsk(t, handler, ""); got != process {
			t.Fatalf("after the thread's end the event was handled by process %s, want the first, %s", got, process)
		}
	}
}

// onThreadThatEnds starts run on a thread that ends with it. The first thread of a process never does.
func onThreadThatEnds(run func()) {
	go func() {
		runtime.LockOSThread()
		if syscall.Gettid() != os.Getpid() {
			run()
			return // without unlocking, which ends the thread
		}
		onThreadThatEnds(run)
		runtime.UnlockOSThread()
	}()
}

// untilNoThread waits until a thread of this process has ended.
func untilNoThread(t *testing.T, thread int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread)); err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited 20s until thread %d has ended", thread)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// TestOrphansAreReaped has this process be what the first one of a container is: parentless processes become its children, and
// stay zombies where it does not wait for them. No other test runs meanwhile.
func TestOrphansAreReaped(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Skipf("become the parent of orphans: %v", err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	handler, directory := script(t, tree+"while [ $(wc -l <pids) -lt 3 ]; do :; done")
	if err := handler.Handle(t.Context(), delivery("{}")); err != nil {
		t.Fatal(err)
	}
	for process := range strings.Lines(content(t, filepath.Join(directory, "pids"))) {
		wantGone(t, process)
	}
}
