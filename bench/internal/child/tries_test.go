package child

import (
	"errors"
	"testing"
	"time"
)

func TestFirstTriesFail(t *testing.T) {
	tries := newTries(Spec{Events: 2, RetryMin: time.Second, RetryMax: 2 * time.Second})
	if err := tries.began(1); !errors.Is(err, errFirstTry) {
		t.Errorf("the first try: got %v, want %v", err, errFirstTry)
	}
	first := tries.last()[1]
	if err := tries.began(1); err != nil {
		t.Errorf("the second try: got %v, want none", err)
	}
	if last := tries.last(); last[1] <= first || last[0] != 0 {
		t.Errorf("the last tries began at %v, want none of the first event and one later than %d", last, first)
	}
	if err := tries.began(2); err != nil {
		t.Errorf("an event that was never sent: got %v, want none, since the check reports it", err)
	}
}

func TestNothingFailsWithoutRetries(t *testing.T) {
	if err := newTries(Spec{Events: 1}).began(0); err != nil {
		t.Errorf("got %v, want none", err)
	}
}

func TestSlowGroupsAreNotWaitedFor(t *testing.T) {
	spec := Spec{Events: 1, Work: time.Millisecond}
	spec.Target.Groups, spec.Target.Slow = []string{"fast", "slow"}, 1
	consumer := newConsumer(spec)
	if consumer.works(0) || !consumer.works(1) {
		t.Errorf("works: got %v for the fast group and %v for the slow one", consumer.works(0), consumer.works(1))
	}
	consumer.note(0, 0)
	select {
	case <-consumer.seen.Complete():
	default:
		t.Error("the fast group has seen everything: want the run complete")
	}
	consumer.note(1, 0)
	if slow := consumer.slow.Account(); slow[0].Count() != 1 {
		t.Errorf("the slow group has seen %d events, want 1", slow[0].Count())
	}
}
