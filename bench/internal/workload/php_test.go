package workload

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/bench/internal/php"
	"github.com/millrace/millrace/bench/internal/round"
)

func TestAWayWithoutItsProgramIsLeftOutAndNamed(t *testing.T) {
	ways, missing := installed([]phpWay{
		{name: "fastcgi", find: func() (string, error) { return "", errors.New("PHP-FPM is not there") }},
		{name: "webhook", find: func() (string, error) { return "/usr/bin/php", nil }},
		{name: "without PHP"},
	})
	if got, want := names(ways), []string{"webhook", "without PHP"}; !slices.Equal(got, want) {
		t.Errorf("installed leaves %v, want %v", got, want)
	}
	results, err := round.Run(t.Context(), 1, names(ways), func(context.Context, int, string) (round.Measure, error) {
		return round.Measure{"deliveries/s": 1000, "client CPU": 50, "PHP CPU": 70}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	table := phpTable(results, ways, missing)
	if want := "Not measured: fastcgi: PHP-FPM is not there."; !strings.Contains(table.Note, want) {
		t.Errorf("the note is %q, want one that says %q", table.Note, want)
	}
	for row, ofPHP := range []string{"70.0", "-"} {
		if len(table.Rows) != 2 || len(table.Rows[row]) != len(table.Columns) || table.Rows[row][len(table.Columns)-1] != ofPHP {
			t.Fatalf("the rows are %v under %v, want 2, of which row %d ends with %s", table.Rows, table.Columns, row+1, ofPHP)
		}
	}
}

// journalled is a handler that has noted something before.
func journalled(t *testing.T, line string) func(context.Context, string, int) (phpHost, error) {
	return func(ctx context.Context, source string, atOnce int) (phpHost, error) {
		host, err := startPersistent(ctx, source, atOnce)
		if err != nil {
			return nil, err
		}
		script := host.(*phpCommand).handler.Script()
		if err := os.WriteFile(filepath.Join(filepath.Dir(script), "journal"), []byte(line), 0o600); err != nil {
			t.Error(err)
		}
		return host, nil
	}
}

func TestWhatPHPDoesNotDoOnceIsAFault(t *testing.T) {
	if _, err := php.FindCLI(); err != nil {
		if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	bench := newBench(t)
	for _, test := range []struct{ journal, fault string }{
		{"", ""}, {"1795275000000000000-7\n", "0 of 50 events missing, 1 doubled"},
	} {
		run, err := bench.newRun(t.Context(), program)
		if err != nil {
			t.Fatal(err)
		}
		measure, err := run.drainPHP(t.Context(), phpWay{atOnce: 2, events: 50, start: journalled(t, test.journal)})
		switch {
		case test.fault == "" && (err != nil || measure["PHP CPU"] <= 0 || measure["deliveries/s"] <= 0):
			t.Errorf("a handler that notes each event once: got %v, %v, want figures", measure, err)
		case test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)):
			t.Errorf("a handler that notes an event twice: got %v, want an error that says %q", err, test.fault)
		}
	}
}
