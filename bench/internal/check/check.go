// Package check finds out what each group got: every event once, or what is missing and what came twice.
package check

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"
)

// Seen notes the events that the groups of one process have handled. Saw may be called by many goroutines at once.
type Seen struct {
	groups   []*group
	expected int
	left     atomic.Int64 // groups that have not seen everything
	complete chan struct{}
	ended    time.Time // when the last group had seen everything; set before complete is closed
}

// group keeps its counters away from those of the others, which other cores write.
type group struct {
	bitmap  []atomic.Uint64
	seen    atomic.Int64
	doubled atomic.Int64
	foreign atomic.Int64
	_       [64]byte
}

// New returns notes for as many groups, each of which is to see the sequence numbers below expected.
func New(groups, expected int) *Seen {
	s := &Seen{expected: expected, complete: make(chan struct{})}
	for range groups {
		s.groups = append(s.groups, &group{bitmap: make([]atomic.Uint64, (expected+63)/64)})
	}
	s.left.Store(int64(groups))
	return s
}

// Saw notes that a group has handled the event with this sequence number.
func (s *Seen) Saw(index, sequence int) {
	group := s.groups[index]
	if sequence < 0 || sequence >= s.expected {
		group.foreign.Add(1)
		return
	}
	bit := uint64(1) << (sequence % 64)
	if group.bitmap[sequence/64].Or(bit)&bit != 0 {
		group.doubled.Add(1)
		return
	}
	if group.seen.Add(1) == int64(s.expected) && s.left.Add(-1) == 0 {
		s.ended = time.Now()
		close(s.complete)
	}
}

// Complete is closed when every group has seen every event.
func (s *Seen) Complete() <-chan struct{} { return s.complete }

// Ended is when the last event was seen. It may be called when Complete is closed.
func (s *Seen) Ended() time.Time { return s.ended }

// Handled is how many events the groups have seen together, repeats left out.
func (s *Seen) Handled() int {
	sum := 0
	for _, group := range s.groups {
		sum += int(group.seen.Load())
	}
	return sum
}

// Account returns what each group has seen so far.
func (s *Seen) Account() []Account {
	accounts := make([]Account, len(s.groups))
	for i, group := range s.groups {
		account := &accounts[i]
		account.Doubled, account.Foreign = int(group.doubled.Load()), int(group.foreign.Load())
		account.Bitmap = make([]uint64, len(group.bitmap))
		for word := range group.bitmap {
			account.Bitmap[word] = group.bitmap[word].Load()
		}
	}
	return accounts
}

// Account is what one group has seen: the events in the bitmap, repeats, and events that do not belong to the run.
type Account struct {
	Bitmap  []uint64
	Doubled int
	Foreign int
}

// Merge adds what the same group has seen in another process. An event that both have seen came twice.
func (a *Account) Merge(other Account) {
	for word := range other.Bitmap {
		a.Doubled += bits.OnesCount64(a.Bitmap[word] & other.Bitmap[word])
		a.Bitmap[word] |= other.Bitmap[word]
	}
	a.Doubled += other.Doubled
	a.Foreign += other.Foreign
}

// Count is how many events the group has seen, repeats left out.
func (a *Account) Count() int {
	seen := 0
	for _, word := range a.Bitmap {
		seen += bits.OnesCount64(word)
	}
	return seen
}

// Fault returns an error that says what is wrong where the group did not see each of the expected events exactly once.
func (a *Account) Fault(expected int) error {
	seen := a.Count()
	if seen == expected && a.Doubled == 0 && a.Foreign == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d events missing, %d doubled, %d that were never sent",
		expected-seen, expected, a.Doubled, a.Foreign)
}

// Faults joins the accounts of the processes that shared the groups and returns what is wrong in any group.
func Faults(expected int, processes ...[]Account) error {
	if len(processes) == 0 {
		return errors.New("no process gave an account of what it saw")
	}
	var faults []error
	for group := range processes[0] {
		sum := Account{Bitmap: make([]uint64, len(processes[0][group].Bitmap))}
		for _, accounts := range processes {
			sum.Merge(accounts[group])
		}
		if err := sum.Fault(expected); err != nil {
			faults = append(faults, fmt.Errorf("group %d: %w", group+1, err))
		}
	}
	return errors.Join(faults...)
}
