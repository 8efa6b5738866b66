package command

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// checkConfig is a configuration with a handlers file of this content.
func checkConfig(t *testing.T, content string) Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "handlers.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return Config{
		RedisURL: "redis://:hunter2@127.0.0.1:1", Stream: "s", HandlersFile: path, Concurrency: 4,
		Timeout: time.Minute, MaxDeliveries: 3, BackoffMin: time.Second, BackoffMax: time.Hour, MaxEventBytes: 1000,
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	config := checkConfig(t, `
handlers:
  labels:
    events: [E, "order.*"]
    run: label
    dedupe: 24h
  stock:
    events: ["订单"]
    run: inventory
    timeout: 90s
    from: new
  rest:
    events: ["*"]
    run: label
    concurrency: 1000
    from: 1763700000000-0
  all:
    events: ["*"]
    run: label
    from: beginning
`)
	got := execute(t, config, "", "check")
	want := "redis      redis://127.0.0.1:1\nstream     s\nhandlers   " + config.HandlersFile + `

HANDLER   KIND        EVENTS       CONCURRENCY   TIMEOUT   MAX DELIVERIES   BACKOFF    DEDUPE   FROM
labels    label       E, order.*             4        1m                3   1s to 1h   24h      default
stock     inventory   订单                   4     1m30s                3   1s to 1h   -        new
rest      label       *                  1,000        1m                3   1s to 1h   -        1763700000000-0
all       label       *                      4        1m                3   1s to 1h   -        beginning

4 handlers, no faults.
`
	if got.code != exitDone || got.stdout != want {
		t.Errorf("check:\n got %s%s\nwant %s", got.stdout, got.stderr, want)
	}
	if got := execute(t, config, "", "check", "stock", "-o", "json"); strings.Contains(got.stdout, "labels") ||
		!strings.Contains(got.stdout, `"name": "stock"`) {
		t.Errorf("one handler: got %+v", got)
	}
}

// What follows an outcome is shown with those who get it.
func TestCheckShowsWhatFollows(t *testing.T) {
	t.Parallel()
	config := checkConfig(t, `
handlers:
  stock:
    events: [ORDER]
    run: inventory
    emit: {acked: RESERVED, dead_lettered: FAILED}
  label:
    events: [RESERVED]
    run: label
    emit: {dead_lettered: elsewhere}
  sheet:
    events: ["RES*"]
    run: workorder
`)
	got := execute(t, config, "", "check")
	const want = `
HANDLER   OUTCOME         EMITS       HANDLED BY
stock     acked           RESERVED    label, sheet
stock     dead_lettered   FAILED      -
label     dead_lettered   elsewhere   -

3 handlers, no faults.
`
	if got.code != exitDone || !strings.HasSuffix(got.stdout, want) {
		t.Errorf("check:\n got %s%s\nwant at its end %s", got.stdout, got.stderr, want)
	}
}

func TestCheckNamesEveryFault(t *testing.T) {
	t.Parallel()
	config := checkConfig(t, "handlers:\n  labels:\n    run: labl\n    timeout: 30\n")
	var stdout, stderr strings.Builder
	code := Execute(t.Context(), []string{"millrace", "check"}, Process{
		Config: config, ConfigFaults: errors.New("MILLRACE_LEASE: expected a duration\nMILLRACE_STREAM: no"),
		Warnings: []string{"MILLRACE_X is not known"}, Logger: zap.NewNop(), Stdout: &stdout, Stderr: &stderr,
	})
	for _, fault := range []string{
		"warning: MILLRACE_X is not known\n", "millrace: MILLRACE_LEASE: expected a duration\n",
		"millrace: MILLRACE_STREAM: no\n", ":3: labels: run", ":4: labels: timeout", "labels: events",
	} {
		if !strings.Contains(stderr.String(), fault) {
			t.Errorf("stderr lacks %q:\n%s", fault, stderr.String())
		}
	}
	if code != exitUsage || stdout.String() != "" {
		t.Errorf("got code %d, stdout %q, want 2 and nothing", code, stdout.String())
	}
}
