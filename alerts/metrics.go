package alerts

import "github.com/prometheus/client_golang/prometheus"

// The outcomes of anywatch_notifications_total.
const (
	sent      = "sent"
	retried   = "retried"
	failed    = "failed"
	condensed = "condensed"
)

// Metrics are what the dispatcher counts.
type Metrics struct {
	notifications *prometheus.CounterVec
	depth         *prometheus.GaugeVec
	latency       *prometheus.HistogramVec
}

// NewMetrics makes the metrics and registers them; a nil registry leaves them unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		notifications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "anywatch_notifications_total",
			Help: "Changes of incidents by sink and outcome: sent, failed (given up), condensed (contained in a newer one); retried counts attempts.",
		}, []string{"sink", "outcome"}),
		depth: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "anywatch_notification_queue_depth",
			Help: "Changes of incidents that wait for a sink.",
		}, []string{"sink"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "anywatch_notification_latency_seconds",
			Help:    "Time from the change of an incident to its delivery at the sink, gathering and retries included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .1, .5, 1, 5, 10, 30, 60, 300, 1800, 3600},
		}, []string{"sink"}),
	}
	if reg != nil {
		reg.MustRegister(m.notifications, m.depth, m.latency)
	}
	return m
}

// sinkMetrics are the metrics of one sink.
type sinkMetrics struct {
	sent, retried, failed, condensed prometheus.Counter
	depth                            prometheus.Gauge
	latency                          prometheus.Observer
}

// of gives the metrics of one sink; all of them exist from then on, at zero.
func (m *Metrics) of(sink string) sinkMetrics {
	return sinkMetrics{
		sent:      m.notifications.WithLabelValues(sink, sent),
		retried:   m.notifications.WithLabelValues(sink, retried),
		failed:    m.notifications.WithLabelValues(sink, failed),
		condensed: m.notifications.WithLabelValues(sink, condensed),
		depth:     m.depth.WithLabelValues(sink),
		latency:   m.latency.WithLabelValues(sink),
	}
}
