package consumers

import (
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the groups of a process do, for Prometheus.
type Metrics struct {
	deliveries  *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
	passedBy    *prometheus.CounterVec
	readErrors  *prometheus.CounterVec
	recreated   *prometheus.CounterVec
	handling    *histograms
	queueing    *histograms
	stuck       *prometheus.GaugeVec
	followUps   *prometheus.CounterVec
	cut         *prometheus.CounterVec
	trimmed     prometheus.Counter
	unwanted    prometheus.Counter
}

// NewMetrics returns metrics that are registered with registerer. It panics where they are registered already, as
// prometheus.MustRegister does.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "millrace_" + name, Help: help}, labels)
	}
	m := &Metrics{
		deliveries:  counter("deliveries_total", "Deliveries by what became of them.", "group", "outcome"),
		deadLetters: counter("dead_letters_total", "Dead letters written, by reason.", "group", "reason"),
		passedBy:    counter("passed_by_total", "Events that the group does not subscribe to.", "group"),
		readErrors:  counter("read_errors_total", "Reads and sweeps that failed.", "group"),
		recreated:   counter("groups_recreated_total", "Groups that had gone missing in Redis and were created again.", "group"),
		followUps:   counter("follow_ups_total", "Events added with an outcome, by that outcome.", "group", "outcome"),
		cut: counter("follow_ups_cut_total", "Events that would have followed an outcome at the end of too long a chain.",
			"group"),
		handling: newHistograms("millrace_handling_seconds", "How long a handler ran.",
			.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300),
		queueing: newHistograms("millrace_queueing_seconds",
			"From the XADD to the start of a handling, waiting for retries included.",
			.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600),
		stuck: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "millrace_handlers_stuck",
			Help: "Handlers that did not return after their timeout and keep their place.",
		}, []string{"group"}),
		trimmed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "millrace_trimmed_entries_total",
			Help: "Entries removed from the stream because every group had finished them.",
		}),
		unwanted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "millrace_unwanted_events_total",
			Help: "Events that no registered group subscribes to.",
		}),
	}
	registerer.MustRegister(m.deliveries, m.deadLetters, m.passedBy, m.readErrors, m.recreated, m.followUps, m.cut, m.handling,
		m.queueing, m.stuck, m.trimmed, m.unwanted)
	return m
}

// groupMetrics are the metrics of one group, every series of which begins at zero.
type groupMetrics struct {
	outcomes           map[Outcome]prometheus.Counter
	deadLetters        *prometheus.CounterVec
	passedBy           prometheus.Counter
	readErrors         prometheus.Counter
	recreated          prometheus.Counter
	followUps          *prometheus.CounterVec
	cut                prometheus.Counter
	handling, queueing *histogram
	stuck              prometheus.Gauge
}

func (m *Metrics) group(name string) *groupMetrics {
	of := &groupMetrics{
		outcomes:    map[Outcome]prometheus.Counter{},
		deadLetters: m.deadLetters.MustCurryWith(prometheus.Labels{"group": name}),
		passedBy:    m.passedBy.WithLabelValues(name),
		readErrors:  m.readErrors.WithLabelValues(name),
		recreated:   m.recreated.WithLabelValues(name),
		followUps:   m.followUps.MustCurryWith(prometheus.Labels{"group": name}),
		cut:         m.cut.WithLabelValues(name),
		handling:    m.handling.group(name),
		queueing:    m.queueing.group(name),
		stuck:       m.stuck.WithLabelValues(name),
	}
	for _, outcome := range outcomes() {
		of.outcomes[outcome] = m.deliveries.WithLabelValues(name, string(outcome))
	}
	for _, outcome := range []Outcome{Acked, DeadLettered} {
		_ = of.followUps.WithLabelValues(string(outcome))
	}
	return of
}

// count adds one result.
func (m *groupMetrics) count(result Result) {
	m.outcomes[result.Outcome].Inc()
	if result.Outcome == DeadLettered {
		m.deadLetters.WithLabelValues(result.Reason).Inc()
	}
	if result.Took > 0 {
		m.handling.observe(one(result.Took))
		m.queueing.observe(one(result.Queued))
	}
}

// countAcked adds the results of jobs that were acked, together.
func (m *groupMetrics) countAcked(jobs []*job) {
	passed, skipped := 0, 0
	for _, job := range jobs {
		switch {
		case job.passed:
			passed++
		case job.skipped:
			skipped++
		}
	}
	m.passedBy.Add(float64(passed))
	m.outcomes[Skipped].Add(float64(skipped))
	m.outcomes[Acked].Add(float64(len(jobs) - passed - skipped))
	m.handling.observe(ofHandled(jobs, func(job *job) time.Duration { return job.took }))
	m.queueing.observe(ofHandled(jobs, (*job).queued))
}

func one(duration time.Duration) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) { yield(duration) }
}

// ofHandled are the durations of those jobs that a handler was called for.
func ofHandled(jobs []*job, of func(*job) time.Duration) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		for _, job := range jobs {
			if !job.started.IsZero() && !yield(of(job)) {
				return
			}
		}
	}
}
