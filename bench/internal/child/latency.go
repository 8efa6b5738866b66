package child

import (
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/bench/internal/order"
)

// latency holds, for each event and group, how long after its publishing its handling began.
type latency struct {
	warmUp int
	groups [][]atomic.Int64 // by sequence number, without those of the warming up; zero where nothing came
}

func newLatency(groups, warmUp, events int) *latency {
	l := &latency{warmUp: warmUp}
	for range groups {
		l.groups = append(l.groups, make([]atomic.Int64, events-warmUp))
	}
	return l
}

// began notes that the handling of event begins now.
func (l *latency) began(group int, event order.Event) {
	number := event.Sequence - l.warmUp
	if number >= 0 && number < len(l.groups[group]) {
		l.groups[group][number].Store(time.Now().UnixNano() - event.Published)
	}
}

// quantiles sums up all groups. Of nil it is zero.
func (l *latency) quantiles() Quantiles {
	if l == nil {
		return Quantiles{}
	}
	var all []time.Duration
	for _, group := range l.groups {
		for number := range group {
			all = append(all, time.Duration(group[number].Load()))
		}
	}
	return quantiles(all)
}
