package consumers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestHistogramsCountAsPrometheusDoes compares what is exported with Prometheus' own histogram of the same values.
func TestHistogramsCountAsPrometheusDoes(t *testing.T) {
	t.Parallel()
	bounds := []float64{.001, .01, .1, 1}
	ours := newHistograms("seconds", "Some.", bounds...)
	theirs := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "seconds", Help: "Some.", Buckets: bounds}, []string{"group"})
	random := rand.New(rand.NewPCG(1, 2))
	for _, group := range []string{"one", "other"} {
		values := []time.Duration{0, time.Millisecond, 10 * time.Millisecond, time.Second, 2 * time.Second}
		for range 500 {
			values = append(values, time.Duration(random.Int64N(int64(1500*time.Millisecond))).Truncate(time.Microsecond))
		}
		ours.group(group).observe(slices.Values(values[:300]))
		ours.group(group).observe(slices.Values(values[300:]))
		for _, value := range values {
			theirs.WithLabelValues(group).Observe(value.Seconds())
		}
	}
	if got, want := exported(t, ours), exported(t, theirs); got != want {
		t.Errorf("exported:\n%s\nwant:\n%s", got, want)
	}
}

// exported is what Prometheus reads of a collector of histograms.
func exported(t *testing.T, collector prometheus.Collector) string {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			histogram := metric.GetHistogram()
			fmt.Fprintf(&text, "%s%v %d %.6f", family.GetName(), metric.GetLabel(), histogram.GetSampleCount(), histogram.GetSampleSum())
			for _, bucket := range histogram.GetBucket() {
				fmt.Fprintf(&text, " %v:%d", bucket.GetUpperBound(), bucket.GetCumulativeCount())
			}
			text.WriteString("\n")
		}
	}
	return text.String()
}
