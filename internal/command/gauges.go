package command

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/millrace/millrace/stream"
)

const (
	// gaugesTimeout bounds what a scrape asks of Redis.
	gaugesTimeout = 2 * time.Second
	// gaugesAge is how long an answer serves further scrapes.
	gaugesAge = time.Second
)

// gauges shows at each scrape how the groups stand in Redis, other processes' groups included. While Redis does not
// answer there are none of these series, so that nobody takes old figures for new ones.
type gauges struct {
	inspect func(context.Context) (stream.Status, error)
	log     *zap.Logger

	length                                                   *prometheus.Desc
	lag, estimate, pending, waiting, oldest, dead, consumers *prometheus.Desc

	mu     sync.Mutex
	asked  time.Time
	status stream.Status
	err    error
}

func newGauges(inspect func(context.Context) (stream.Status, error), log *zap.Logger) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("millrace_"+name, help, labels, nil)
	}
	return &gauges{
		inspect:   inspect,
		log:       log,
		length:    desc("stream_length", "Entries in the stream."),
		lag:       desc("lag", "Entries that were not delivered to the group yet.", "group"),
		estimate:  desc("lag_is_estimate", "Whether the lag is an estimate (1) or exact (0).", "group"),
		pending:   desc("pending", "Entries delivered and not acked, those that wait for a retry included.", "group"),
		waiting:   desc("waiting", "Entries that wait for a retry or were released.", "group"),
		oldest:    desc("oldest_pending_seconds", "Age of the oldest pending entry; 0 where nothing is pending.", "group"),
		dead:      desc("dead", "Dead letters.", "group"),
		consumers: desc("consumers", "Consumers that have shown life within the group's lease.", "group"),
	}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		g.length, g.lag, g.estimate, g.pending, g.waiting, g.oldest, g.dead, g.consumers,
	} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(metrics chan<- prometheus.Metric) {
	status, err := g.look()
	if err != nil {
		g.log.Debug("no figures of the groups in this scrape", zap.Error(err))
		return
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	gauge(g.length, float64(status.Length))
	for _, group := range status.Groups {
		name := plainName(group.Name) // a label that is not UTF-8 would cost all figures
		gauge(g.lag, float64(group.Lag), name)
		gauge(g.estimate, oneIf(group.LagIsEstimate), name)
		gauge(g.pending, float64(group.Pending), name)
		gauge(g.waiting, float64(group.Waiting), name)
		gauge(g.oldest, oldestAge(status.Time, group).Seconds(), name)
		gauge(g.dead, float64(group.Dead), name)
		gauge(g.consumers, float64(alive(group)), name)
	}
}

// look asks Redis, unless it was asked a moment ago.
func (g *gauges) look() (stream.Status, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.asked) > gaugesAge {
		ctx, cancel := context.WithTimeout(context.Background(), gaugesTimeout)
		defer cancel()
		g.status, g.err = g.inspect(ctx)
		g.asked = time.Now()
	}
	return g.status, g.err
}

// oldestAge is how long ago a group's oldest pending entry was added.
func oldestAge(now time.Time, group stream.GroupStatus) time.Duration {
	if group.OldestPendingTime.IsZero() {
		return 0
	}
	return max(0, now.Sub(group.OldestPendingTime))
}

// alive counts the consumers of a group that have shown life.
func alive(group stream.GroupStatus) int {
	count := 0
	for _, consumer := range group.Consumers {
		if consumer.Alive {
			count++
		}
	}
	return count
}

func oneIf(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
