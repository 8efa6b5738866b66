// Package remotetest is what the tests of the kinds share that ask a remote program: servers that answer anything, and what an
// error means for the event.
package remotetest

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"time"
)

// Verdict is `success`, `retry`, `retry after 30s` or `permanent`. Only the package consumers can look into its errors, so it
// goes by their types' names.
func Verdict(err error) string {
	if err == nil {
		return "success"
	}
	for ; err != nil; err = errors.Unwrap(err) {
		switch fmt.Sprintf("%T", err) {
		case "*consumers.permanentError":
			return "permanent"
		case "*consumers.retryError":
			delay := time.Duration(reflect.ValueOf(err).Elem().FieldByName("delay").Int())
			return "retry after " + delay.String()
		}
	}
	return "retry"
}

// Until waits until holds does, and ends the test where it does not within 30 s.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30s until %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Goroutines waits until no more goroutines run than did before, and ends the test with their stacks where that does not come.
// The test must not be parallel.
func Goroutines(t testing.TB, before int) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines are left, want %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(2 * time.Millisecond)
	}
}
