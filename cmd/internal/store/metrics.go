package store

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	bytes, used, depth, trouble prometheus.Gauge
	write                       prometheus.Histogram
	errors                      prometheus.Counter
	dropped, deleted            *prometheus.CounterVec
}

// newMetrics makes the metrics and registers them; a nil registry leaves them unregistered.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "anywatch_store_" + name, Help: help})
	}
	counters := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "anywatch_store_" + name, Help: help}, []string{"what"})
	}
	m := &metrics{
		bytes:   gauge("bytes", "Size of the database, its log included."),
		used:    gauge("used_bytes", "Bytes of the database that are in use; the rest is free for what comes. With PostgreSQL an estimate."),
		depth:   gauge("queue_depth", "Writes that wait for the database."),
		trouble: gauge("trouble", "1 while the database takes nothing and what is to be kept waits in memory."),
		write: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "anywatch_store_write_seconds", Help: "Time that a commit takes, until it is on the disk.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 5},
		}),
		errors:  prometheus.NewCounter(prometheus.CounterOpts{Name: "anywatch_store_errors_total", Help: "Attempts to write that failed."}),
		dropped: counters("dropped_total", "Writes that were lost because the memory for what waits was full: records (incidents, notifications, orders) or details (histories)."),
		deleted: counters("deleted_total", "Rows that were deleted since they were too old (age) or the database too large (size)."),
	}
	for _, what := range []string{"records", "details"} {
		m.dropped.WithLabelValues(what)
	}
	for _, why := range []string{byAge, bySize} {
		m.deleted.WithLabelValues(why)
	}
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.bytes, m.used, m.depth, m.trouble, m.write, m.errors, m.dropped, m.deleted} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}
