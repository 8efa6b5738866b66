package history

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// fillRun records a run of so many events in three groups, with one try in ten that failed, and one event lost.
func fillRun(events int) *History {
	groups := []string{"inventory", "labels", "notify"}
	history := New(1, groups...)
	begin := time.Now()
	for event := range events {
		id := fmt.Sprintf("order-%d", event)
		history.Published(id, Acknowledged)
		for number, group := range groups {
			if event == events/2 && number == 1 {
				continue
			}
			consumer := fmt.Sprintf("consumer-%d", event%200)
			now := begin.Add(time.Duration(event) * time.Microsecond)
			if event%10 == 0 {
				history.Started(group, id, consumer, now)
				history.Ended(group, id, consumer, now.Add(time.Microsecond), Failed)
				now = now.Add(time.Second)
			}
			history.Started(group, id, consumer, now)
			history.Ended(group, id, consumer, now.Add(time.Microsecond), Succeeded)
			history.Acked(group, id)
		}
	}
	return history
}

// heap returns the bytes that are in use after a collection.
func heap() uint64 {
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return memory.HeapAlloc
}

// TestMemoryOfAnEvent holds a run of 100,000 events in three groups to 500 bytes an event: 500 MB for a million. It
// runs alone, since it reads the process's heap.
func TestMemoryOfAnEvent(t *testing.T) {
	const events, most = 100_000, 500
	before := heap()
	history := fillRun(events)
	after := heap()
	if got := int64(after-before) / events; got > most {
		t.Errorf("a run of %d events holds %d bytes an event, want at most %d", events, got, most)
	}
	if got := history.Check().Groups[1].Lost; len(got) != 1 {
		t.Errorf("Check() found %q lost, want one event", got)
	}
}

// BenchmarkMillionEvents checks 1,000,000 events in three groups. Run it with -benchtime 1x.
func BenchmarkMillionEvents(b *testing.B) {
	began := time.Now()
	history := fillRun(1_000_000)
	recording := time.Since(began)
	for b.Loop() {
		got := history.Check().Groups[1]
		if len(got.Lost) != 1 || got.Handled != 999_999 || got.Started != 1_099_998 {
			b.Errorf("Check() found %d lost, %d handled, %d started; want 1, 999999, 1099998",
				len(got.Lost), got.Handled, got.Started)
		}
	}
	b.ReportMetric(recording.Seconds(), "s-to-record")
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.Sys)/1e6, "MB-from-system")
	runtime.KeepAlive(history)
}
