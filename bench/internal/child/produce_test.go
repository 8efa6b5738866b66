package child

import (
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/bench/internal/order"
)

// stalling is a sender whose first call takes long.
type stalling struct {
	stall time.Duration
	calls [][]order.Event
}

func (s *stalling) Send(events []order.Event) error {
	if len(s.calls) == 0 {
		time.Sleep(s.stall)
	}
	s.calls = append(s.calls, slices.Clone(events))
	return nil
}

func (*stalling) Close() error { return nil }

func TestAnOpenLoopWaitsForNobody(t *testing.T) {
	const stall, every = 50 * time.Millisecond, time.Millisecond
	sender := &stalling{stall: stall}
	begin := time.Now()
	late, err := schedule{begin: begin, every: every, events: order.Many(100, 0)}.send(t.Context(), sender)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(sender.calls[1]); got < 40 {
		t.Errorf("after a stall of 50 events' time %d were sent at once, want all that were due", got)
	}
	sent := slices.Concat(sender.calls...)
	if len(sent) != 100 || len(late) != 100 {
		t.Fatalf("%d events were sent and %d times noted, want 100", len(sent), len(late))
	}
	for number, event := range sent {
		scheduled := begin.Add(time.Duration(number) * every).UnixNano()
		if event.Sequence != number || event.Published != scheduled {
			t.Fatalf("event %d has the sequence number %d and a time %v from the scheduled one", number, event.Sequence,
				time.Duration(event.Published-scheduled))
		}
	}
	if worst := slices.Max(late); worst < stall-every {
		t.Errorf("the latest event was sent %v after its time, want about the stall of %v", worst, stall)
	}
}

func TestQuantiles(t *testing.T) {
	times := make([]time.Duration, 1000)
	for i := range times {
		times[i] = time.Duration(1000 - i)
	}
	if got, want := quantiles(times), (Quantiles{P50: 501, P99: 991, P999: 1000, Max: 1000}); got != want {
		t.Errorf("the quantiles of 1 to 1000 are %v, want %v", got, want)
	}
	if got := quantiles(nil); got != (Quantiles{}) {
		t.Errorf("the quantiles of nothing are %v", got)
	}
}

func TestLatencyLeavesOutTheWarmingUp(t *testing.T) {
	l := newLatency(1, 2, 4)
	hour := time.Now().Add(-time.Hour).UnixNano()
	for sequence := range 2 {
		l.began(0, order.Event{Sequence: sequence, Published: hour})
	}
	for sequence := 2; sequence < 4; sequence++ {
		l.began(0, order.Event{Sequence: sequence, Published: time.Now().UnixNano()})
	}
	if worst := l.quantiles().Max; worst <= 0 || worst > time.Minute {
		t.Errorf("the longest latency is %v, want that of an event that counts", worst)
	}
}
