package health

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anywatch/detector"
)

// Metrics are what Prometheus is told of the probes. A site whose state is unknown has no series that says it is healthy or not.
type Metrics struct {
	healthy  *prometheus.GaugeVec
	duration *prometheus.GaugeVec
	probes   *prometheus.CounterVec
}

// NewMetrics registers the metrics of probes.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		healthy:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "anywatch_site_healthy", Help: "1 while the service of the site is up, 0 while it is down; absent while that is unknown."}, []string{"site"}),
		duration: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "anywatch_site_probe_duration_seconds", Help: "How long the newest probe of the site took."}, []string{"site"}),
		probes:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "anywatch_site_probes_total", Help: "Probes of the site by what came of them: success, failure, or unknown where the service could not be asked."}, []string{"site", "result"}),
	}
	reg.MustRegister(m.healthy, m.duration, m.probes)
	return m
}

var results = map[detector.HealthState]string{detector.HealthUp: "success", detector.HealthDown: "failure", detector.HealthUnknown: "unknown"}

// begin makes the counters of a site: a series that is 0 is better than one that is missing.
func (m *Metrics) begin(site string) {
	for _, result := range results {
		m.probes.WithLabelValues(site, result)
	}
}

func (m *Metrics) probed(site string, o Outcome, took time.Duration) {
	m.probes.WithLabelValues(site, results[o.State]).Inc()
	m.duration.WithLabelValues(site).Set(took.Seconds())
}

func (m *Metrics) is(site string, s detector.HealthState) {
	switch s {
	case detector.HealthUp:
		m.healthy.WithLabelValues(site).Set(1)
	case detector.HealthDown:
		m.healthy.WithLabelValues(site).Set(0)
	default:
		m.healthy.DeleteLabelValues(site)
	}
}

// forget takes out what is known of a site that is not probed any more.
func (m *Metrics) forget(site string) {
	of := prometheus.Labels{"site": site}
	m.healthy.DeletePartialMatch(of)
	m.duration.DeletePartialMatch(of)
	m.probes.DeletePartialMatch(of)
}
