package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/stream"
)

// These tests send text that wants to begin a line of its own, or to be obeyed by a terminal, wherever the outside may
// put text.

const (
	// forged begins what nobody but the program itself may begin a line with.
	forged = "FORGED"
	// spiteful holds line breaks, sequences for a terminal in both forms (ECMA-48: C0 and C1), characters that turn the
	// direction of text, and bytes that are no UTF-8.
	spiteful = "a\n" + forged + "\r" + forged + "\x1b[2J\x1b]0;title\x07\b\x7f\u0085" + forged + "\u009b2J\u009d0;t\u009c" +
		"\u202e\u2066\u2069\u2028" + forged + "\u2029" + forged + "\v\f\x00\xff\xc3("
)

// checkPlain fails where text holds what a terminal would obey, or a line that begins with a forgery.
func checkPlain(t *testing.T, what, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s: %q is not UTF-8", what, text)
	}
	for _, r := range text {
		if r != '\n' && unicode.IsControl(r) || r >= '\u2028' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			t.Errorf("%s: a terminal would obey %q in\n%q", what, r, text)
			break
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, forged) || strings.HasPrefix(line, "millrace: "+forged) {
			t.Errorf("%s: a line was forged in\n%s", what, text)
		}
	}
}

func TestHostileTextInTheLog(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(spiteful, 2000)
	for _, format := range []string{"json", "console"} {
		for _, hostile := range []string{spiteful, long} {
			var log bytes.Buffer
			logger := NewLogger(Config{LogFormat: format, LogLevel: zapcore.DebugLevel}, &log)
			logger.With(zap.String("with", hostile)).Named("n").Warn(hostile, zap.String("field", hostile), zap.String(hostile, "key"),
				zap.Error(errors.New(hostile)), zap.Strings("list", []string{hostile}), zap.ByteString("bytes", []byte(hostile)),
				zap.Any("map", map[string]string{hostile: hostile}))
			checkPlain(t, format, log.String())
			if lines := strings.Count(log.String(), "\n"); lines != 1 {
				t.Errorf("%s: got %d lines, want one", format, lines)
			}
			var line map[string]any
			if format == "json" {
				if err := json.Unmarshal(log.Bytes(), &line); err != nil || line["field"] != string([]rune(hostile)) {
					t.Errorf("json: %v: field %.100q, want the text that was logged", err, line["field"])
				}
			}
		}
	}
}

func TestHostileTextInTheFeed(t *testing.T) {
	t.Parallel()
	for _, outcome := range []consumers.Outcome{consumers.Acked, consumers.Retried, consumers.DeadLettered, consumers.Skipped} {
		line := (&feed{}).line(time.Now(), consumers.Result{
			Group: "g", Outcome: outcome, Event: spiteful, EventID: spiteful, Reason: "failed", Err: errors.New(spiteful),
		})
		checkPlain(t, string(outcome), line)
		if strings.Contains(line, "\n") {
			t.Errorf("%s: got several lines: %q", outcome, line)
		}
	}
}

// spite fills a stream with hostile text wherever a producer, a handler or another program may put some.
func (b bench) spite() {
	b.Helper()
	b.add(first, "event", "E"+spiteful, "event_id", spiteful, "data", spiteful, "timestamp", spiteful, spiteful, spiteful)
	b.add(second, "event", strings.Repeat("E"+spiteful, 500), "event_id", strings.Repeat(spiteful, 500), spiteful, strings.Repeat(spiteful, 500))
	b.add(third, "event", "E", "to", spiteful, "replay_of", spiteful, "traceparent", spiteful)
	b.groups()
	consumer := b.read("labels", 3)
	b.giveUp(consumer, first, spiteful)
	b.giveUp(consumer, second, strings.Repeat(spiteful, 500))
	release := stream.Release{Deliveries: 1, Tries: 1, Reason: "failed", Error: spiteful, Delay: time.Hour}
	release.ID, _ = stream.ParseID(third)
	if _, err := consumer.Release(b.Context(), []stream.Release{release}); err != nil {
		b.Fatal(err)
	}
	// Other programs write as they like.
	keys := b.client.Keys()
	b.redis.Do(b.Context(), "XADD", keys.Dead("labels"), "*", "dead_id", third, "dead_reason", spiteful, "dead_error", spiteful,
		"dead_deliveries", "1", "dead_consumer", spiteful, "dead_at", "1", "dead_event_id", spiteful, "event", spiteful, spiteful, spiteful)
	b.redis.HSet(b.Context(), keys.Attempts("labels"), third, fmt.Sprintf(`{"tries":1,"reason":%q,"error":%q,"consumer":%q,"next":1}`,
		"x\n"+forged, "x\x1b[2J\n"+forged, "x\u009b"))
	b.redis.HSet(b.Context(), keys.Groups(), "gone", `{"kind":"x\n`+forged+`\u009b","events":["\u202e\n`+forged+`"],"lease_ms":1000}`)
	b.redis.HSet(b.Context(), keys.Consumers("labels"), spiteful, "1", spiteful+"2", "99999999999999")
	b.redis.XGroupCreate(b.Context(), keys.Stream(), foreign, "0")
	b.redis.Do(b.Context(), "XREADGROUP", "GROUP", "stock", spiteful, "STREAMS", keys.Stream(), ">")
}

// foreign is the name of a group that another program made.
const foreign = "foreign" + spiteful

func TestHostileTextInEveryCommand(t *testing.T) {
	onEach(t, func(b bench) {
		b.spite()
		letters, err := b.client.DeadLetters(b.Context(), "labels", stream.ID{}, 10)
		if err != nil || len(letters) != 3 {
			b.Fatalf("dead letters: %d, %v, want 3", len(letters), err)
		}
		commands := [][]string{
			{"groups"},
			{"groups", "ls"},
			{"groups", "rm", foreign},
			{"groups", "rm", foreign, "--print-redis"},
			{"groups", "rm", "nobody"},
			{"groups", "rm", "foreigm"},
			{"pending", "labels"},
			{"pending", "stock"},
			{"pending", foreign},
			{"pending", spiteful},
			{"event", first},
			{"event", second},
			{"event", third},
			{"event", spiteful},
			{"trim"},
			{"trim", "--print-redis"},
			{"dead", "ls", "labels"},
			{"dead", "ls", "labels", "--reason", "permanent"},
			{"dead", "ls", spiteful},
			{"dead", "ls", foreign},
			{"dead", "show", "labels", letters[0].ID.String()},
			{"dead", "show", "labels", letters[1].ID.String()},
			{"dead", "show", "labels", letters[2].ID.String()},
			{"dead", "requeue", "labels", "--all"},
			{"dead", "rm", "labels", "--all"},
			{"dead", "requeue", "labels", "--all", "--print-redis"},
			{"dead", "rm", "labels", "--all", "--print-redis"},
			{"publish", spiteful},
			{"publish", "E", spiteful},
			{"publish", "E", "{}", "--to", spiteful},
			{"publish", "F", "{}"},
			{"publish", "E", spiteful, "--raw", "--id", spiteful},
			{"publish", "E", "{}", "--id", spiteful, "--print-redis"},
			{"publish", "E", "{}", "--header", spiteful},
			{spiteful},
			{"trim", "--" + spiteful},
			{"trim", "--retention", spiteful},
			{"groups", "-o", spiteful},
			{"check"},
			{"dead", "requeue", "labels", "--all", "--yes"},
			{"dead", "rm", "labels", "--all", "--yes"},
			{"groups", "rm", foreign, "--yes"},
		}
		for _, args := range commands {
			for _, format := range [][]string{nil, {"-o", "json"}} {
				got := b.execute(append(args, format...)...)
				what := fmt.Sprintf("%.80q", append(args, format...))
				checkPlain(b.T, what, got.stdout)
				checkPlain(b.T, what+", standard error", got.stderr)
			}
		}
	})
}

// TestHostileGroupLeavesTheFigures shows that a name which no label can hold costs no other group its figures.
func TestHostileGroupLeavesTheFigures(t *testing.T) {
	onEach(t, func(b bench) {
		b.spite()
		registry := prometheus.NewRegistry()
		registry.MustRegister(newGauges(b.client.Inspect, zap.NewNop()))
		families, err := registry.Gather()
		if err != nil {
			b.Fatal(err)
		}
		labels := 0
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				for _, label := range metric.GetLabel() {
					labels++
					checkPlain(b.T, family.GetName(), label.GetValue())
				}
			}
		}
		if labels == 0 {
			b.Error("no series has a label")
		}
	})
}
