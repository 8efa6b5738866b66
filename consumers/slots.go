package consumers

import (
	"context"
	"sync"
	"time"
)

const (
	// bufferTime is how much work may lie ready behind the workers. It hides a round trip; more would keep work from an
	// idle replica.
	bufferTime = 20 * time.Millisecond
	// bufferEntries and bufferBytes bound what lies ready, however fast the handler.
	bufferEntries = 1000
	bufferBytes   = 16 << 20
)

// slots bound how many entries a group holds that are not handled yet: one for each worker, and a buffer of what they are
// expected to do within bufferTime. Handlers that take microseconds get full batches; handlers that take seconds get
// one entry for each free worker, so that an idle replica never starves beside one that hoards.
type slots struct {
	workers int
	freed   chan struct{} // holds a token after a release

	mu         sync.Mutex
	used       int
	meanTook   float64 // of a handling, in seconds; 0 before the first
	meanBytes  float64 // of an entry
	meanWanted float64 // share of the entries that are for this group
}

func newSlots(workers int) *slots {
	return &slots{workers: workers, freed: make(chan struct{}, 1), meanWanted: 1}
}

// weight is what one more sample counts in a running mean.
const weight = 1.0 / 16

func (s *slots) take(entries, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used += entries
	if entries > 0 {
		s.meanBytes += weight * (float64(bytes)/float64(entries) - s.meanBytes)
	}
}

func (s *slots) release(entries int) {
	s.mu.Lock()
	s.used -= entries
	s.mu.Unlock()
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

// sorted teaches reach how many of the entries that came were for this group.
func (s *slots) sorted(entries, wanted int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if entries > 0 {
		s.meanWanted += weight * (float64(wanted)/float64(entries) - s.meanWanted)
	}
}

// reach is how many entries to read for room slots. Where most of the stream is for others it is more than room, or a
// slow handler would pass by what is not for it one round trip at a time.
func (s *slots) reach(room int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.meanWanted > 0.5 {
		return room
	}
	entries := min(float64(room)/max(s.meanWanted, weight), bufferEntries)
	if s.meanBytes > 0 {
		entries = min(entries, bufferBytes/s.meanBytes)
	}
	return max(room, int(entries))
}

// over is how many entries too many are held, after a reach that brought more than was expected.
func (s *slots) over() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, s.used-s.workers-s.buffer())
}

// handled teaches the buffer how long a handling takes.
func (s *slots) handled(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seconds := max(took.Seconds(), 1e-7)
	if s.meanTook == 0 {
		s.meanTook = seconds
	}
	s.meanTook += weight * (seconds - s.meanTook)
}

func (s *slots) free() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, s.workers+s.buffer()-s.used)
}

func (s *slots) buffer() int {
	if s.meanTook == 0 {
		return 0
	}
	entries := float64(s.workers) * bufferTime.Seconds() / s.meanTook
	if s.meanBytes > 0 {
		entries = min(entries, bufferBytes/s.meanBytes)
	}
	return int(min(entries, bufferEntries))
}

// wait returns how many slots are free, as soon as one is, or 0 after patience or when ctx ends.
func (s *slots) wait(ctx context.Context, patience time.Duration) int {
	if free := s.free(); free > 0 {
		return free
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return 0
		case <-timer.C:
			return 0
		case <-s.freed:
			if free := s.free(); free > 0 {
				return free
			}
		}
	}
}
