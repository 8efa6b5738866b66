package consumers

import (
	"context"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/millrace/millrace/stream"
)

func TestUnwantedEventsAreNamedOnce(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zapcore.WarnLevel)
	unwanted := 0
	registered := func(context.Context) (map[string]stream.Registration, error) {
		return map[string]stream.Registration{
			"a": {Events: []string{"ORDER_PAID"}}, "b": {Events: []string{"user.*"}},
		}, nil
	}
	names := newNames(registered, zap.New(core), func() { unwanted++ })
	for range 2 {
		for _, name := range []string{"ORDER_PIAD", "user.created", "\x1b[31mORDER"} {
			names.passedBy(t.Context(), "a", name)
			names.passedBy(t.Context(), "b", name)
		}
	}
	if unwanted != 4 {
		t.Errorf("counted %d, want 4: two unwanted events twice each, by one group", unwanted)
	}
	lines := logged.All()
	if len(lines) != 2 {
		t.Fatalf("logged %d lines, want one for each name: %v", len(lines), lines)
	}
	if got := lines[0].ContextMap(); got["event"] != "ORDER_PIAD" || got["nearest"] != "ORDER_PAID" {
		t.Errorf("first line: got %v, want ORDER_PIAD, nearest ORDER_PAID", got)
	}
	if got := lines[1].ContextMap()["event"]; got != "\uFFFD[31mORDER" {
		t.Errorf("second line: got %q, want the control character replaced", got)
	}
}

func TestUnknownRecipientIsNamedOnce(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zapcore.WarnLevel)
	unwanted := 0
	now := time.Now()
	registered := func(context.Context) (map[string]stream.Registration, error) {
		return map[string]stream.Registration{
			"abandoned": {Seen: now.Add(-time.Hour)}, "label": {Seen: now.Add(-time.Second)}, "notify": {Seen: now},
		}, nil
	}
	names := newNames(registered, zap.New(core), func() { unwanted++ })
	for range 2 {
		for _, to := range []string{"lable", "notify", "abandoned"} {
			read := []byte(to)
			names.addressed(t.Context(), "label", unsafe.String(&read[0], len(read)))
			names.addressed(t.Context(), "notify", unsafe.String(&read[0], len(read)))
			clear(read) // as the next reply does
		}
	}
	if unwanted != 2 {
		t.Errorf("counted %d, want 2: one unknown group twice, by the first group at work", unwanted)
	}
	lines := logged.All()
	if len(lines) != 1 {
		t.Fatalf("logged %d lines, want one: %v", len(lines), lines)
	}
	if got := lines[0].ContextMap(); got["to"] != "lable" || got["nearest"] != "label" {
		t.Errorf("line: got %v, want to lable, nearest label", got)
	}
}
