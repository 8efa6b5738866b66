package consumers

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/claim"
	"github.com/millrace/millrace/stream"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	policy := claim.Policy{MaxDeliveries: 3, Backoff: claim.Backoff{Min: time.Second, Max: time.Minute}}
	tests := []struct {
		name       string
		err, cause error
		deliveries int
		want       verdict
	}{
		{"success", nil, nil, 1, verdict{outcome: Acked}},
		{"success after the timeout", nil, ErrTimeout, 1, verdict{outcome: Acked}},
		{"success after the lease was lost", nil, ErrLeaseLost, 1, verdict{outcome: Acked}},
		{"success at the last delivery", nil, nil, 3, verdict{outcome: Acked}},
		{"error", boom, nil, 1, verdict{outcome: Retried, reason: stream.RetryFailed, delay: time.Second / 2}},
		{"second error", boom, nil, 2, verdict{outcome: Retried, reason: stream.RetryFailed, delay: time.Second}},
		{"last error", boom, nil, 3, verdict{outcome: DeadLettered, reason: stream.DeadMaxDeliveries}},
		{"error beyond the last", boom, nil, 4, verdict{outcome: DeadLettered, reason: stream.DeadMaxDeliveries}},
		{"permanent", fmt.Errorf("order: %w", Permanent(boom)), nil, 1, verdict{outcome: DeadLettered, reason: stream.DeadPermanent}},
		{"permanent, lease lost", Permanent(boom), ErrLeaseLost, 1, verdict{outcome: Lost}},
		{"lease lost", context.Canceled, ErrLeaseLost, 3, verdict{outcome: Lost}},
		{"retry after", RetryAfter(time.Hour, boom), nil, 1, verdict{outcome: Retried, reason: stream.RetryFailed, delay: time.Hour}},
		{"retry after, negative", RetryAfter(-1, boom), nil, 1, verdict{outcome: Retried, reason: stream.RetryFailed}},
		{"retry after, the last time", RetryAfter(0, boom), nil, 3, verdict{outcome: DeadLettered, reason: stream.DeadMaxDeliveries}},
		{"timeout", context.DeadlineExceeded, ErrTimeout, 1, verdict{outcome: Retried, reason: stream.RetryTimeout, delay: time.Second / 2}},
		{"panic", &panicError{value: "x"}, nil, 1, verdict{outcome: Retried, reason: stream.RetryPanic, delay: time.Second / 2}},
		{"stuck", errStuck, ErrTimeout, 1, verdict{outcome: Retried, reason: stream.RetryStuck, delay: time.Second / 2}},
		{"cut short by a shutdown", context.Canceled, ErrShutdown, 1, verdict{outcome: Retried, reason: stream.RetryShutdown}},
		{"cut short, the last time", context.Canceled, ErrShutdown, 3, verdict{outcome: DeadLettered, reason: stream.DeadMaxDeliveries}},
	}
	for _, test := range tests {
		got := judge(test.err, test.cause, test.deliveries, policy, 0.5)
		if test.want.outcome != Acked {
			test.want.err = test.err
		}
		if got != test.want {
			t.Errorf("judge(%s): got %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestVerdictWrappersKeepNil(t *testing.T) {
	t.Parallel()
	if err := Permanent(nil); err != nil {
		t.Errorf("Permanent(nil): got %v, want nil", err)
	}
	if err := RetryAfter(time.Second, nil); err != nil {
		t.Errorf("RetryAfter(1s, nil): got %v, want nil", err)
	}
}

func TestRecoverNamesThePlace(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	handler := Wrap(HandlerFunc(func(context.Context, *Delivery) error { panic(cause) }), Recover())
	err := handler.Handle(t.Context(), &Delivery{})
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want an error that wraps the panic's value", err)
	}
	lines := strings.Split(err.Error(), "\n")
	if lines[0] != "panic: cause" || !strings.Contains(lines[1], "TestRecoverNamesThePlace") {
		t.Errorf("got %q, want the panic and then the frame that panicked", lines[:2])
	}
}

func TestSlots(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		workers int
		took    time.Duration // of each handling; 0: none yet
		bytes   int           // of each entry
		want    int
	}{
		{"before the first", 16, 0, 0, 16},
		{"slow", 16, time.Second, 100, 16},
		{"one every 5 ms", 1, 5 * time.Millisecond, 100, 1 + 4},
		{"fast", 16, time.Microsecond, 100, 16 + bufferEntries},
		{"fast and large", 16, time.Microsecond, 1 << 20, 16 + 4},
		{"no time at all", 1, time.Nanosecond, 0, 1 + bufferEntries},
	}
	for _, test := range tests {
		slots := someSlots(test.workers)
		if test.took > 0 {
			for range 200 { // until the running means have settled
				slots.take(1)
				slots.sorted(1, 1, test.bytes)
				slots.handled(test.took)
				slots.release(1)
			}
		}
		if got := slots.wait(t.Context(), time.Minute); got != test.want {
			t.Errorf("%s: got %d slots, want %d", test.name, got, test.want)
		}
	}
}

func TestSlotsReach(t *testing.T) {
	t.Parallel()
	slots := someSlots(2)
	if got := slots.reach(2); got != 2 {
		t.Errorf("reach on a stream of its own: got %d, want 2", got)
	}
	for range 200 {
		slots.sorted(100, 10, 0)
	}
	if got := slots.reach(2); got < 19 || got > 21 {
		t.Errorf("reach where a tenth is for this group: got %d, want about 20", got)
	}
	for range 200 {
		slots.sorted(100, 0, 0)
	}
	if got := slots.reach(2); got != 32 {
		t.Errorf("reach where nothing is: got %d, want 32", got)
	}
	fast := someSlots(2)
	fast.handled(time.Microsecond)
	if got := fast.reach(2 + bufferEntries); got != bufferEntries/2 {
		t.Errorf("reach with fast handlers: got %d, want half a buffer", got)
	}
}

func TestSlotsWait(t *testing.T) {
	t.Parallel()
	slots := someSlots(1)
	slots.take(1)
	if got := slots.wait(t.Context(), time.Millisecond); got != 0 {
		t.Errorf("wait with nothing free: got %d, want 0", got)
	}
	got := make(chan int)
	go func() { got <- slots.wait(t.Context(), time.Minute) }()
	slots.release(1)
	if free := <-got; free != 1 {
		t.Errorf("wait for a release: got %d, want 1", free)
	}
}

// TestSlotsWaitAgain lets a token of an earlier wait come first.
func TestSlotsWaitAgain(t *testing.T) {
	t.Parallel()
	slots := someSlots(1)
	slots.take(1)
	signal(slots.freed)
	slots.wakeAt.Store(nobody)
	got := make(chan int)
	go func() { got <- slots.wait(t.Context(), time.Minute) }()
	for slots.wakeAt.Load() == nobody || len(slots.freed) > 0 {
		runtime.Gosched()
	}
	slots.wakeAt.Store(nobody) // as a release leaves it that has seen what the earlier wait was for
	signal(slots.freed)
	for slots.wakeAt.Load() == nobody {
		runtime.Gosched()
	}
	slots.release(1)
	if free := <-got; free != 1 {
		t.Errorf("wait: got %d, want 1", free)
	}
}

// TestSlotsWaitForHalfTheBuffer sees to it that Redis is asked for many entries at a time where handlers are fast.
func TestSlotsWaitForHalfTheBuffer(t *testing.T) {
	t.Parallel()
	slots := someSlots(2)
	slots.take(2 + bufferEntries)
	slots.handled(time.Microsecond)
	got := make(chan int)
	go func() { got <- slots.wait(t.Context(), time.Minute) }()
	for range bufferEntries / 2 {
		select {
		case free := <-got:
			t.Fatalf("got %d slots before half the buffer was free", free)
		default:
			slots.release(1)
		}
	}
	if free := <-got; free != bufferEntries/2 {
		t.Errorf("got %d slots, want %d", free, bufferEntries/2)
	}
}

// someSlots are those of a group that is alone in its Set, with the defaults.
func someSlots(workers int) *slots { return newSlots(workers, DefaultHeldBytes, DefaultMaxEventBytes) }

func TestSlotsBoundWhatIsInHand(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int]int{100: 16 + 3*bufferEntries, 100 << 10: 16 + 3*40, 5 << 20: 16 + 2} {
		slots := someSlots(16)
		slots.sorted(1, 1, bytes) // the first one tells
		if slots.full(want, DefaultHeldBytes-1) || !slots.full(want+4, 0) || !slots.full(1, DefaultHeldBytes) {
			t.Errorf("full with entries of %d bytes: want it beyond %d of them, and with %d bytes", bytes, want, DefaultHeldBytes)
		}
	}
}

func TestSlotsRoom(t *testing.T) {
	t.Parallel()
	const mebibyte = 1 << 20
	slots := newSlots(64, 32*mebibyte, 8*mebibyte)
	expect := func(when string, entries, inHand, want int) {
		t.Helper()
		if got := slots.room(entries, inHand); got.Entries != want || got.Bytes != max(32*mebibyte-inHand, 1) {
			t.Errorf("%s: got room for %d entries and %d bytes, want %d entries", when, got.Entries, got.Bytes, want)
		}
	}
	expect("before the first entry", 64, 0, 4)
	slots.came(1, 100)
	expect("small entries", 700, 0, 700)
	slots.came(10, 50*mebibyte)
	expect("large entries after small ones", 64, 0, 6)
	expect("large entries, some of them in hand", 64, 20*mebibyte, 2)
	expect("large entries, too many of them in hand", 64, 40*mebibyte, 1)
	for range 200 {
		slots.came(100, 10_000)
	}
	expect("small entries after large ones", 700, 0, 700)
}
