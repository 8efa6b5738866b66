package main

import (
	"slices"
	"testing"
	"time"
)

func TestWhatACutOffConsumerCouldNotKnow(t *testing.T) {
	t.Parallel()
	zero := time.Unix(1000, 0)
	cuts := []disturbance{{consumer: "c0", from: zero, to: zero.Add(2 * lease)}}
	second := time.Second
	for _, c := range []struct {
		what           string
		consumer       string
		started, ended time.Duration
		want           bool
	}{
		{"running when it was cut off", "c0", -second, 2*lease + second, true},
		{"another consumer", "c1", -second, 2*lease + second, false},
		{"over before", "c0", -2 * second, -second, false},
		{"over long before", "c0", -10 * second, -9 * second, false},
		{"begun when its lease had run out", "c0", lease + second, 2 * lease, false},
		{"going on when it must have known", "c0", -second, 2*lease + catchUp + second, false},
	} {
		done := handling{consumer: c.consumer, started: zero.Add(c.started), ended: zero.Add(c.ended)}
		if _, got := foreseen(done, done.ended, cuts); got != c.want {
			t.Errorf("%s: foreseen = %v, want %v", c.what, got, c.want)
		}
	}
}

// TestTheFirstCutCounts has a consumer paused, and Redis too, for a shorter time within that.
func TestTheFirstCutCounts(t *testing.T) {
	t.Parallel()
	zero := time.Unix(1000, 0)
	pause := disturbance{consumer: "c0", from: zero, to: zero.Add(2 * lease)}
	outage := disturbance{from: zero.Add(lease / 2), to: zero.Add(lease/2 + cutOff)}
	done := handling{consumer: "c0", started: zero.Add(-time.Second), ended: pause.to.Add(time.Millisecond)}
	for _, cuts := range [][]disturbance{{pause, outage}, {outage, pause}} {
		if got, isForeseen := foreseen(done, done.ended, cuts); !isForeseen || !got.Equal(zero) {
			t.Errorf("foreseen with cuts %v = %v, %v, want %v, true", cuts, got, isForeseen, zero)
		}
	}
}

// TestBegunBetweenTwoCuts has a consumer paused twice, and read something in the moment in between.
func TestBegunBetweenTwoCuts(t *testing.T) {
	t.Parallel()
	zero := time.Unix(1000, 0)
	second := disturbance{consumer: "c0", from: zero, to: zero.Add(2 * lease)}
	first := disturbance{consumer: "c0", from: zero.Add(-2*lease - lease/8), to: zero.Add(-lease / 8)}
	done := handling{consumer: "c0", started: zero.Add(-lease / 16), ended: second.to.Add(time.Millisecond)}
	if got, isForeseen := foreseen(done, done.ended, cutsOf([]disturbance{first, second})); !isForeseen || !got.Equal(zero) {
		t.Errorf("foreseen = %v, %v, want %v, true", got, isForeseen, zero)
	}
}

func TestWhatASilenceMayRepeat(t *testing.T) {
	t.Parallel()
	zero := time.Unix(1000, 0)
	const second = time.Second
	at := func(consumer string, from, to time.Duration) disturbance {
		return disturbance{consumer, zero.Add(from), zero.Add(to)}
	}
	all := []disturbance{
		at("c0", 0, 2*lease),
		at("c1", -10*second, -10*second+cutOff-1),
		at("", 0, 2*lease),
		at("", 20*second, 22*second),
		at("c3", 22*second+lease/4, 22*second+lease/3),
		at("", 22*second+lease/2, 23*second),
	}
	for _, c := range []struct {
		what           string
		consumer       string
		started, ended time.Duration
		want           bool
	}{
		{"running when it was cut off", "c0", -second, second, true},
		{"its ack was under way", "c0", -second, -unacked / 2, true},
		{"acked before", "c0", -second, -2 * unacked, false},
		{"begun before it could know", "c0", 2*lease + lease/4, 2*lease + second, true},
		{"begun when it must have known", "c0", 2*lease + lease/2, 2*lease + second, false},
		{"cut off for a moment", "c1", -11 * second, -10 * second, false},
		{"Redis was lost to all", "c2", -second, second, false},
		{"Redis was lost to all, and then it was cut off for a moment", "c3", 20 * second, 21 * second, true},
		{"Redis was lost to all again before it could renew", "c3", 22*second + lease/2, 23*second + lease/4, true},
		{"long after both", "c3", 24 * second, 25 * second, false},
		{"Redis was lost to all long before it was cut off", "c3", 0, second, false},
	} {
		done := handling{consumer: c.consumer, started: zero.Add(c.started), ended: zero.Add(c.ended)}
		if got := mayRepeat(done, silences(c.consumer, all)); got != c.want {
			t.Errorf("%s: mayRepeat = %v, want %v", c.what, got, c.want)
		}
	}
}

func TestJoinedCuts(t *testing.T) {
	t.Parallel()
	at := func(consumer string, from, to time.Duration) disturbance {
		zero := time.Unix(1000, 0)
		return disturbance{consumer, zero.Add(from), zero.Add(to)}
	}
	const second = time.Second
	got := joined([]disturbance{
		at("c0", 3*second, 7*second), at("c1", 2*second, 3*second), at("c0", 2*second, 3*second-lease/4), at("c0", 9*second, 10*second),
	})
	want := []disturbance{at("c1", 2*second, 3*second), at("c0", 2*second, 7*second), at("c0", 9*second, 10*second)}
	if !slices.Equal(got, want) {
		t.Errorf("joined: got %v, want %v", got, want)
	}
}
