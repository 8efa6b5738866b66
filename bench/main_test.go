package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/millrace/millrace/bench/internal/round"
	"github.com/millrace/millrace/bench/internal/workload"
)

// asProgram in the environment makes the test's binary the program itself.
const asProgram = "BENCH_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program runs the program with args and no redis-server to be found.
func program(t *testing.T, args ...string) (printed string, code int) {
	t.Helper()
	command := exec.Command(os.Args[0], args...)
	command.Env = []string{asProgram + "=1", "PATH="}
	output, err := command.CombinedOutput()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return string(output), command.ProcessState.ExitCode()
}

func TestExitCode(t *testing.T) {
	tests := []struct {
		args    []string
		code    int
		printed string
	}{
		{[]string{"-list"}, 0, "drain"},
		{[]string{"-quick", "drain"}, 1, "start redis-server"},
		{[]string{"weather"}, 1, `there is no workload "weather"`},
		{[]string{"-systems", "resp,abacus"}, 1, `there is no system "abacus"`},
		{[]string{"-rounds", "0"}, 1, "-rounds: expected at least 1"},
	}
	for _, test := range tests {
		printed, code := program(t, test.args...)
		if code != test.code || !strings.Contains(printed, test.printed) {
			t.Errorf("bench %v exits with %d and prints %q, want %d and %q", test.args, code, printed, test.code, test.printed)
		}
	}
}

func TestAFaultDoesNotHideTheOtherTables(t *testing.T) {
	answer := func(title string, err error) workload.Workload {
		return workload.Workload{Name: title, Run: func(context.Context, *workload.Bench) ([]round.Table, error) {
			return []round.Table{{Title: title, Columns: []string{"system"}, Rows: [][]string{{"a"}}}}, err
		}}
	}
	var printed strings.Builder
	err := measure(t.Context(), workload.Options{Rounds: 1}, []workload.Workload{
		answer("first", errors.New("1 doubled")), answer("second", nil),
	}, &printed)
	if err == nil || err.Error() != "first: 1 doubled" {
		t.Errorf("the fault is %v, want that of the first workload", err)
	}
	for _, title := range []string{"## first", "## second"} {
		if !strings.Contains(printed.String(), title) {
			t.Errorf("%q is missing in %q", title, printed.String())
		}
	}
}
