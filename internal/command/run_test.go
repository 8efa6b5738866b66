package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

func TestFeedLines(t *testing.T) {
	t.Parallel()
	result := func(outcome consumers.Outcome, reason, fault string) consumers.Result {
		r := consumers.Result{
			Group: "labels", EntryID: stream.ID{Ms: 1763700000000}, Event: "E", Deliveries: 3, Outcome: outcome,
			Reason: reason, Delay: 90 * time.Second, Took: 4200 * time.Microsecond,
		}
		if fault != "" {
			r.Err = errors.New(fault)
		}
		return r
	}
	tests := []struct {
		result consumers.Result
		want   string
	}{
		{result(consumers.Acked, "", ""), "labels    acked          1763700000000-0  E  in 4ms"},
		{result(consumers.Skipped, "", ""), "labels    skipped        1763700000000-0  E  handled before"},
		{result(consumers.Lost, "", ""), "labels    lost           1763700000000-0  E  another consumer has it now"},
		{
			result(consumers.Retried, "failed", "no printer\n\x1b[2Jforged"),
			"labels    retried        1763700000000-0  E  try 3 failed, the next in 1m30s: no printer \ufffd[2Jforged",
		},
		{
			result(consumers.DeadLettered, "undecodable", "undecodable: no name"),
			"labels    dead_lettered  1763700000000-0  E  after 3 tries (undecodable): no name",
		},
	}
	feed := &feed{width: 8}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range tests {
		if got, want := feed.line(now, test.result), "03:04:05  "+test.want; got != want {
			t.Errorf("%s:\n got %q\nwant %q", test.result.Outcome, got, want)
		}
	}
}

// stuckWriter takes nothing until it is let go.
type stuckWriter struct {
	free    chan struct{}
	mu      sync.Mutex
	written bytes.Buffer
}

func (w *stuckWriter) Write(p []byte) (int, error) {
	<-w.free
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written.Write(p)
}

func TestFeedDoesNotWaitForItsTerminal(t *testing.T) {
	t.Parallel()
	w := &stuckWriter{free: make(chan struct{})}
	feed := startFeed(w, []string{"labels"})
	for range feedLines + 500 {
		feed.outcome(consumers.Result{Group: "labels", Outcome: consumers.Acked})
	}
	close(w.free)
	feed.close()
	feed.outcome(consumers.Result{Group: "labels", Outcome: consumers.Retried}) // of a handler that was left behind
	lines := strings.Count(w.written.String(), "acked")
	if lines < feedLines || lines > feedLines+1 || !strings.Contains(w.written.String(), " lines that this terminal was too slow") {
		t.Errorf("got %d lines, want about %d and a word about the others", lines, feedLines)
	}
}

func TestFeedGivesUpAStuckTerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &stuckWriter{free: make(chan struct{})}
		feed := startFeed(w, nil)
		feed.say("a line")
		began := time.Now()
		if feed.close(); time.Since(began) != feedPatience {
			t.Errorf("close took %v, want %v", time.Since(began), feedPatience)
		}
		close(w.free)
	})
}

func TestGauges(t *testing.T) {
	onEach(t, func(b bench) {
		b.add(first, "event", "E")
		b.add(second, "event", "E")
		b.groups()
		b.read("labels", 1)
		asked := 0
		inspect := func(ctx context.Context) (stream.Status, error) {
			asked++
			return b.client.Inspect(ctx)
		}
		registry := prometheus.NewRegistry()
		registry.MustRegister(newGauges(inspect, zap.NewNop()))
		got := gathered(b.T, registry)
		for name, want := range map[string]float64{
			"millrace_stream_length": 2, "millrace_lag labels": 1, "millrace_lag stock": 2, "millrace_pending labels": 1,
			"millrace_pending stock": 0, "millrace_waiting labels": 0, "millrace_dead labels": 0,
			"millrace_lag_is_estimate labels": 0, "millrace_consumers labels": 0, "millrace_oldest_pending_seconds stock": 0,
		} {
			if value, found := got[name]; !found || value != want {
				b.Errorf("%s: got %v (found %v), want %v", name, value, found, want)
			}
		}
		if age := got["millrace_oldest_pending_seconds labels"]; age < 1e6 {
			b.Errorf("oldest pending: got %v s, want its true age", age)
		}
		if gathered(b.T, registry); asked != 1 {
			b.Errorf("two scrapes in a row: asked Redis %d times, want once", asked)
		}
	})
}

func gathered(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, label := range metric.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = metric.GetGauge().GetValue()
		}
	}
	return values
}

func TestGaugesVanishWithRedis(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	down := func(context.Context) (stream.Status, error) { return stream.Status{}, errors.New("down") }
	registry.MustRegister(newGauges(down, zap.NewNop()))
	if got := gathered(t, registry); len(got) != 0 {
		t.Errorf("while Redis is down: got %v, want no series", got)
	}
}

func TestLogKeepsToItsLines(t *testing.T) {
	t.Parallel()
	const hostile = "a\nERROR  forged\r\x1b[2J"
	for _, format := range []string{"json", "console"} {
		var log bytes.Buffer
		logger := NewLogger(Config{LogFormat: format}, &log)
		logger.With(zap.String("with", hostile)).Info(hostile, zap.String("field", hostile), zap.Error(errors.New(hostile)))
		if lines := strings.Count(log.String(), "\n"); lines != 1 || strings.ContainsAny(log.String(), "\r\x1b") {
			t.Errorf("%s: got %d lines in %q, want one without control characters", format, lines, log.String())
		}
	}
}

func TestLogIsThinnedOut(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := NewLogger(Config{LogLevel: zapcore.InfoLevel}, &log)
	for range 10_000 {
		logger.Warn("the same")
	}
	if lines := strings.Count(log.String(), "\n"); lines < sampleFirst || lines > 2000 {
		t.Errorf("10,000 equal lines: logged %d", lines)
	}
	if logger.Debug("quiet"); strings.Contains(log.String(), "quiet") {
		t.Error("a debug line was logged at level info")
	}
}

func TestTerminalShowsOutcomesOnce(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zapcore.DebugLevel)
	logger := zap.New(withoutOutcomes{core}).With(zap.String("group", "g"))
	logger.Named(consumers.OutcomeLogger).Warn("retried later")
	logger.Warn("another line")
	if lines := logged.All(); len(lines) != 1 || lines[0].Message != "another line" {
		t.Errorf("got %v, want the line alone that is no outcome", lines)
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	tests := []struct{ got, want string }{
		{roughly(1234 * time.Microsecond), "1ms"},
		{roughly(900 * time.Microsecond), "900µs"},
		{roughly(1560 * time.Millisecond), "1.6s"},
		{roughly(59 * time.Second), "59s"},
		{roughly(9960 * time.Millisecond), "10s"},
		{roughly(59400 * time.Millisecond), "59s"},
		{roughly(59600 * time.Millisecond), "1m"},
		{roughly(90 * time.Second), "1m30s"},
		{roughly(119 * time.Second), "1m59s"},
		{roughly(599600 * time.Millisecond), "10m"},
		{roughly(59*time.Minute + 29*time.Second), "59m"},
		{roughly(time.Hour - time.Second), "1h"},
		{roughly(61 * time.Minute), "1h1m"},
		{roughly(119 * time.Minute), "1h59m"},
		{roughly(10*time.Hour - time.Second), "10h"},
		{roughly(24 * time.Hour), "24h"},
		{roughly(47*time.Hour + 50*time.Minute), "48h"},
		{roughly(48 * time.Hour), "2 days"},
		{roughly(60 * time.Hour), "3 days"},
		{roughly(999600 * time.Microsecond), "1s"},
		{roughly(-time.Second), "0s"},
		{Spell(24 * time.Hour), "24h"},
		{Spell(90 * time.Second), "1m30s"},
		{Spell(10 * time.Minute), "10m"},
		{digits(0), "0"},
		{digits(999), "999"},
		{digits(1000), "1,000"},
		{digits(1234567), "1,234,567"},
		{whole(1, "entry"), "1 entry"},
		{whole(2000, "entry"), "2,000 entries"},
		{whole(0, "dead letter"), "0 dead letters"},
		{brief("ab\ncd  ef", 20), "ab cd ef"},
		{brief("一二三四五", 9), "一二三..."},
		{brief("一二三四五", 10), "一二三四五"},
		{oneLine("a\u202eb\x9b"), "a\ufffdb\ufffd"},
		{ahead(time.Unix(5, 0), time.Unix(5, 0)), "now"},
		{ahead(time.Unix(5, 0), time.Unix(35, 0)), "in 30s"},
		{ago(time.Unix(5, 0), time.Time{}), "-"},
		{invocation("/home/someone/.cache/go-build12/b001/exe/millrace"), "go run ."},
		{invocation("./millrace"), "./millrace"},
	}
	for i, test := range tests {
		if test.got != test.want {
			t.Errorf("%d: got %q, want %q", i, test.got, test.want)
		}
	}
}

func TestFirstSteps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		address, host, port string
		plain               bool
	}{
		{"redis://127.0.0.1:6379", "127.0.0.1", "6379", true},
		{"redis://[::1]:6379", "::1", "6379", true},
		{"rediss://r:6379", "", "", false},
		{"redis-cluster://a:1,b:2", "", "", false},
		{"unix:///tmp/r.sock", "", "", false},
	}
	for _, test := range tests {
		host, port, plain := plainServer(test.address)
		if host != test.host || port != test.port || plain != test.plain {
			t.Errorf("plainServer(%q): got %q, %q, %v", test.address, host, port, plain)
		}
	}
	if got, want := phpSample(`{"a":1,"b":[{"c":2}]}`), `["a" => 1, "b" => [["c" => 2]]]`; got != want {
		t.Errorf("phpSample: got %s, want %s", got, want)
	}
	command := stream.Command{"XADD", "{shop}:it's", "*"}
	if got, want := shellWords(command), `XADD '{shop}:it'\''s' '*'`; got != want {
		t.Errorf("shellWords: got %s, want %s", got, want)
	}
	if got, want := shellWord(""), "''"; got != want {
		t.Errorf("shellWord of nothing: got %s, want %s", got, want)
	}
}

func TestTableIsAlignedAcrossScripts(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &program{Process: Process{Stdout: &out, Stderr: io.Discard}}
	p.printTable(columns("NAME", "#COUNT", "LAST"), [][]string{{"订单", "7", "x"}, {"order", "1,000", ""}})
	want := fmt.Sprintf("%s\n%s\n%s\n", "NAME    COUNT   LAST", "订单        7   x", "order   1,000")
	if out.String() != want {
		t.Errorf("table:\n got %q\nwant %q", out.String(), want)
	}
}
