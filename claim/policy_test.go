package claim

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	backoff := Backoff{}.WithDefaults()
	limits := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600}
	for i, want := range limits {
		if got := backoff.Limit(i + 1); got != want*time.Second {
			t.Errorf("Limit(%d): got %v, want %v", i+1, got, want*time.Second)
		}
	}
	if got := backoff.Limit(1 << 30); got != DefaultBackoffMax {
		t.Errorf("Limit of a huge count: got %v, want %v", got, DefaultBackoffMax)
	}
	for random, want := range map[float64]time.Duration{0: 0, 0.5: 2 * time.Second} {
		if got := backoff.Delay(3, random); got != want {
			t.Errorf("Delay(3, %v): got %v, want %v", random, got, want)
		}
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	policy := Policy{MaxDeliveries: 2, Backoff: Backoff{Min: time.Second, Max: time.Second}}
	tests := map[int]Decision{1: {Delay: time.Second / 2}, 2: {GiveUp: true}, 3: {GiveUp: true}}
	for deliveries, want := range tests {
		if got := policy.AfterFailure(deliveries, 0.5); got != want {
			t.Errorf("AfterFailure(%d): got %+v, want %+v", deliveries, got, want)
		}
	}
}

func TestPolicyValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		policy Policy
		want   string
	}{
		{Policy{1, Backoff{Min: 1, Max: 1}}, ""},
		{Policy{0, Backoff{Min: 2, Max: 1}}, "max deliveries: expected at least 1, got 0\nbackoff max: expected at least backoff min 2ns, got 1ns"},
		{Policy{1, Backoff{Min: -1, Max: 1}}, "backoff min: expected more than zero, got -1ns"},
	}
	for _, test := range tests {
		got := ""
		if err := test.policy.Validate(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("Validate(%+v): got %q, want %q", test.policy, got, test.want)
		}
	}
}
