package app

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anywatch/detector"
	"anywatch/rpki"
	"anywatch/rpki/keeper"
)

// metrics are what the daemon tells Prometheus about detection and RPKI; sources and sinks have their own.
type metrics struct {
	open     *prometheus.GaugeVec
	changes  *prometheus.CounterVec
	routes   prometheus.Gauge
	vantages *prometheus.GaugeVec
	reload   prometheus.Gauge
	reloaded prometheus.Gauge
	rules    *ruleWatch
}

func newMetrics(reg prometheus.Registerer, vrps *keeper.Keeper, now func() time.Time, log *slog.Logger) *metrics {
	m := &metrics{
		open:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "anywatch_incidents_open", Help: "Incidents that are open."}, []string{"kind"}),
		changes:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "anywatch_incident_events_total", Help: "Incidents opened, updated, resolved."}, []string{"kind", "event"}),
		routes:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "anywatch_watched_routes", Help: "Routes in the RIB of watched routes, over all vantages."}),
		vantages: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "anywatch_vantages", Help: "Vantages known, by whether their table is complete."}, []string{"state"}),
		reload:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "anywatch_config_last_reload_successful", Help: "1 when the last reload of the configuration succeeded."}),
		reloaded: prometheus.NewGauge(prometheus.GaugeOpts{Name: "anywatch_config_last_reload_success_timestamp_seconds", Help: "When the configuration in force was loaded."}),
	}
	m.rules = newRuleWatch(reg, log)
	reg.MustRegister(m.open, m.changes, m.routes, m.vantages, m.reload, m.reloaded)
	registerVRPs(reg, vrps, now)
	for _, kind := range detector.Kinds() {
		m.open.WithLabelValues(string(kind)) // a series that is 0 is better than one that is missing
	}
	return m
}

func registerVRPs(reg prometheus.Registerer, vrps *keeper.Keeper, now func() time.Time) {
	gauge := func(name, help string, read func(*rpki.Table) float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return read(vrps.Table()) }))
	}
	gauge("anywatch_rpki_vrps", "VRPs in force.", func(t *rpki.Table) float64 { return float64(t.Len()) })
	gauge("anywatch_rpki_age_seconds", "Age of the VRPs in force; 0 when there are none.", func(t *rpki.Table) float64 {
		if t.Generated().IsZero() {
			return 0
		}
		return now().Sub(t.Generated()).Seconds()
	})
}

// changed counts a change of an incident. It is called by the owner of the engine alone.
func (m *metrics) changed(c detector.Change) {
	i := c.Incident
	m.changes.WithLabelValues(string(i.Kind), string(c.Event)).Inc()
	switch c.Event {
	case detector.Opened:
		m.open.WithLabelValues(string(i.Kind)).Inc()
	case detector.Resolved:
		m.open.WithLabelValues(string(i.Kind)).Dec()
	}
}

// restored counts the incidents of the run before that are open.
func (m *metrics) restored(list []detector.Incident) {
	for _, i := range list {
		m.open.WithLabelValues(string(i.Kind)).Inc()
	}
}

// observe takes the engine's figures.
func (m *metrics) observe(e *detector.Engine) {
	known, synchronised := e.Vantages()
	m.routes.Set(float64(e.Routes()))
	m.vantages.WithLabelValues("synchronised").Set(float64(synchronised))
	m.vantages.WithLabelValues("unsynchronised").Set(float64(known - synchronised))
	set, _ := e.Basis()
	m.rules.observe(set)
}

func (m *metrics) reloadedAt(now time.Time, ok bool) {
	if !ok {
		m.reload.Set(0)
		return
	}
	m.reload.Set(1)
	m.reloaded.Set(float64(now.Unix()))
}
