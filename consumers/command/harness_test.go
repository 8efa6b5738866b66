package command_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/consumers/command"
	"github.com/millrace/millrace/stream"
)

// requireTool returns where a program is. The test is skipped where it is not installed, and fails where
// MILLRACE_REQUIRE_TOOLS is 1.
func requireTool(t testing.TB, tool, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err == nil {
		return path
	}
	if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s is not installed, and MILLRACE_REQUIRE_TOOLS is 1: install %s", tool, debianPackage)
	}
	t.Skipf("%s is not installed", tool)
	return ""
}

// newHandler makes a handler that is closed at the end of the test.
func newHandler(t testing.TB, options command.Options) *command.Handler {
	t.Helper()
	handler, err := command.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handler.Close() })
	return handler
}

// delivery is one with this data.
func delivery(data string) *consumers.Delivery {
	return &consumers.Delivery{
		Event: stream.Event{
			Name: "ORDER_PAID", ID: "o-1", Data: []byte(data), AggregateID: "12345",
			Time: time.Date(2026, 11, 21, 10, 0, 0, 250e6, time.UTC), Headers: map[string]string{"shop": "north"},
		},
		Group: "erp", EntryID: stream.ID{Ms: 1700000000000, Seq: 1}, Deliveries: 2,
	}
}

// message is what an error says, "" where there is none.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// wantGone waits until there is no process of that ID.
func wantGone(t testing.TB, process string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for syscall.Kill(number(t, process), 0) == nil {
		if time.Now().After(deadline) {
			t.Errorf("process %s is still there", process)
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// kill kills a process as the kernel does that has no memory left, and tells whether it was still there.
func kill(t testing.TB, process string) (isKilled bool) {
	t.Helper()
	err := syscall.Kill(number(t, process), syscall.SIGKILL)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("kill %s: %v", process, err)
	}
	return err == nil
}

func number(t testing.TB, text string) int {
	t.Helper()
	found, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || found <= 1 {
		t.Fatalf("expected the ID of a process, got %q", text)
	}
	return found
}

// lines counts the lines of a file.
func lines(t testing.TB, path string) int {
	t.Helper()
	return strings.Count(content(t, path), "\n")
}

// verdict is what becomes of an event whose handler returns err. Only the package consumers can look into its errors, so it
// goes by the names of their types.
func verdict(err error) string {
	for ; err != nil; err = errors.Unwrap(err) {
		switch fmt.Sprintf("%T", err) {
		case "*consumers.permanentError":
			return "permanent"
		case "*consumers.retryError":
			return "retry after " + time.Duration(reflect.ValueOf(err).Elem().FieldByName("delay").Int()).String()
		}
	}
	return "retry"
}

func content(t testing.TB, path string) string {
	t.Helper()
	read, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(read)
}

// untilLines waits until a file has that many lines. It may be called by any goroutine.
func untilLines(t testing.TB, path string, count int) {
	deadline := time.Now().Add(20 * time.Second)
	for {
		if read, _ := os.ReadFile(path); strings.Count(string(read), "\n") >= count {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("waited 20s for %d lines in %s", count, path)
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}
