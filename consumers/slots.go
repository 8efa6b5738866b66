package consumers

import (
	"context"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/stream"
)

const (
	// bufferTime is how much work may lie ready behind the workers. It hides a round trip; more would keep work from an
	// idle replica.
	bufferTime = 20 * time.Millisecond
	// bufferEntries and bufferBytes bound what lies ready, however fast the handler.
	bufferEntries = 750
	bufferBytes   = 4 << 20
	// bufferShare is how many buffers of bytes, at least, a group may have in hand.
	bufferShare = 4
)

// slots bound how many entries a group holds that are not handled yet: one for each worker, and a buffer of what they are
// expected to do within bufferTime. Handlers that take microseconds get full batches; handlers that take seconds get
// one entry for each free worker, so that an idle replica never starves beside one that hoards.
//
// The workers call handled and release. Everything else, and the means, belong to the intake alone.
type slots struct {
	workers int
	bytes   int // how many bytes of entries may be in hand before nothing more is taken in
	largest int // how many bytes of an entry are kept at most
	used    atomic.Int64
	wakeAt  atomic.Int64  // the intake waits until no more than this are used; nobody once it was woken
	freed   chan struct{} // holds a token after a release that the intake waited for

	handlings atomic.Int64 // since the mean was last brought up to date
	took      atomic.Int64 // how many nanoseconds those took together

	meanTook   float64 // of a handling, in seconds; 0 before the first
	meanBytes  float64 // of an entry; 0 before the first
	meanWanted float64 // share of the entries that are for this group
}

// nobody is what wakeAt is while the intake does not wait.
const nobody = -1

func newSlots(workers, bytes, largest int) *slots {
	s := &slots{workers: workers, bytes: bytes, largest: largest, freed: make(chan struct{}, 1), meanWanted: 1}
	s.wakeAt.Store(nobody)
	return s
}

// weight is what one more sample counts in a running mean.
const weight = 1.0 / 16

func (s *slots) take(entries int) { s.used.Add(int64(entries)) }

func (s *slots) release(entries int) {
	if s.used.Add(-int64(entries)) <= s.wakeAt.Load() && s.wakeAt.Swap(nobody) != nobody {
		signal(s.freed)
		runtime.Gosched() // the intake sends the next read before the rest is worked off
	}
}

// sorted teaches reach how many of the entries that came were for this group, and the buffer how large they were.
func (s *slots) sorted(entries, wanted, bytes int) {
	if entries == 0 {
		return
	}
	s.meanWanted += weight * (float64(wanted)/float64(entries) - s.meanWanted)
	s.came(entries, bytes)
}

// came teaches how large entries are. What is larger than expected counts at once, or the next reads would bring far too
// much; what is smaller counts by and by.
func (s *slots) came(entries, bytes int) {
	mean := float64(bytes) / float64(entries)
	if mean > s.meanBytes {
		s.meanBytes = mean
	}
	s.meanBytes += weight * (mean - s.meanBytes)
}

// room is how much to take in for so many slots while so many bytes are in hand. Before it is known how large entries are,
// they are taken to be as large as they may be.
func (s *slots) room(entries, inHand int) stream.Room {
	free := max(s.bytes-inHand, 1)
	expected := s.meanBytes
	if expected == 0 {
		expected = float64(s.largest)
	}
	return stream.Room{Entries: max(1, int(min(float64(entries), float64(free)/expected))), Bytes: free}
}

// reach is how many entries to read for room slots: half a buffer at a time, so that the workers have the first half while
// the second one comes. Where most of the stream is for others it is more than room, or a slow handler would pass by what is
// not for it one round trip at a time.
func (s *slots) reach(room int) int {
	room = min(room, max(s.workers, s.buffer()/2))
	if s.meanWanted > 0.5 {
		return room
	}
	return max(room, int(min(float64(room)/max(s.meanWanted, weight), s.buffers(1))))
}

// handled teaches the buffer how long a handling takes.
func (s *slots) handled(took time.Duration) {
	s.took.Add(int64(took))
	s.handlings.Add(1)
}

// learn brings the mean of the handlings up to date.
func (s *slots) learn() {
	handlings := s.handlings.Swap(0)
	if handlings == 0 {
		return
	}
	mean := max(time.Duration(s.took.Swap(0)).Seconds()/float64(handlings), 1e-7)
	if s.meanTook == 0 {
		s.meanTook = mean
	}
	s.meanTook += (1 - math.Pow(1-weight, float64(handlings))) * (mean - s.meanTook)
}

func (s *slots) buffer() int {
	s.learn()
	if s.meanTook == 0 {
		return 0
	}
	return int(min(float64(s.workers)*bufferTime.Seconds()/s.meanTook, s.buffers(1)))
}

// buffers is how many entries as large as they are on average fill so many buffers.
func (s *slots) buffers(count float64) float64 {
	if s.meanBytes > 0 {
		return count * min(bufferEntries, min(bufferBytes, float64(s.bytes/bufferShare))/s.meanBytes)
	}
	return count * bufferEntries
}

// full tells whether so much is in hand that nothing more is to be taken in: more entries than the slots hold and twice a
// buffer that waits for its acks, or as many bytes as may be.
func (s *slots) full(entries, bytes int) bool {
	return entries > s.workers+int(s.buffers(3)) || bytes >= s.bytes
}

// wait returns how many slots are free, as soon as they are worth a read, or 0 after patience or when ctx ends. Without a
// buffer one slot is worth it. With one, half of it must be free: the other half keeps the workers busy meanwhile, and Redis
// is not asked for a handful of entries at a time.
func (s *slots) wait(ctx context.Context, patience time.Duration) int {
	buffer := s.buffer()
	limit, enough := s.workers+buffer, max(1, buffer/2)
	defer s.wakeAt.Store(nobody)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		s.wakeAt.Store(int64(limit - enough)) // anew after a token that was not for this wait
		if free := limit - int(s.used.Load()); free >= enough {
			return free
		}
		select {
		case <-ctx.Done():
			return 0
		case <-timer.C:
			return 0
		case <-s.freed:
		}
	}
}
