package consumers

import (
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// histograms are a Prometheus histogram for each group. Prometheus' own is told of one value at a time; these take those
// of a whole batch at once.
type histograms struct {
	description *prometheus.Desc
	bounds      []float64 // the upper ends of the buckets, in seconds

	mu     sync.Mutex
	groups map[string]*histogram
}

func newHistograms(name, help string, bounds ...float64) *histograms {
	return &histograms{
		description: prometheus.NewDesc(name, help, []string{"group"}, nil),
		bounds:      bounds, groups: map[string]*histogram{},
	}
}

// group returns the histogram of a group, the same one every time.
func (h *histograms) group(name string) *histogram {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.groups[name] == nil {
		h.groups[name] = &histogram{bounds: h.bounds, counts: make([]uint64, len(h.bounds)+1)}
	}
	return h.groups[name]
}

// Describe tells Prometheus what Collect brings.
func (h *histograms) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- h.description }

// Collect brings every group's histogram as it stands.
func (h *histograms) Collect(metrics chan<- prometheus.Metric) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, group := range h.groups {
		count, sum, buckets := group.read()
		metrics <- prometheus.MustNewConstHistogram(h.description, count, sum, buckets, name)
	}
}

// histogram counts durations in buckets.
type histogram struct {
	bounds []float64

	mu     sync.Mutex
	counts []uint64 // one for each bound, and the last for what lies above all of them
	sum    float64  // in seconds
}

// observe counts durations.
func (h *histogram) observe(durations iter.Seq[time.Duration]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for duration := range durations {
		seconds := duration.Seconds()
		bucket, _ := slices.BinarySearch(h.bounds, seconds)
		h.counts[bucket]++
		h.sum += seconds
	}
}

// read returns what Prometheus wants to know: the buckets there hold whatever lies below their bounds.
func (h *histogram) read() (count uint64, sum float64, buckets map[float64]uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	buckets = make(map[float64]uint64, len(h.bounds))
	for bucket, bound := range h.bounds {
		count += h.counts[bucket]
		buckets[bound] = count
	}
	return count + h.counts[len(h.bounds)], h.sum, buckets
}
