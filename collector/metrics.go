package collector

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics shows the counters of all sources and the depth of the queue to Prometheus. They are read when they are asked for.
type Metrics struct {
	now   func() time.Time
	queue *Queue

	mu      sync.Mutex
	sources map[string]*Counters
	order   []string
}

// NewMetrics registers the metrics of the collector.
func NewMetrics(reg prometheus.Registerer, queue *Queue, now func() time.Time) *Metrics {
	m := &Metrics{now: now, queue: queue, sources: make(map[string]*Counters)}
	reg.MustRegister(m)
	return m
}

// Source gives the counters of a source, new ones for a new name.
func (m *Metrics) Source(name string) *Counters {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.sources[name]
	if c == nil {
		c = new(Counters)
		m.sources[name] = c
		m.order = append(m.order, name)
	}
	return c
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("anywatch_"+name, help, labels, nil)
}

// counterDescs are what is counted for each source, and where it stands.
var counterDescs = []struct {
	desc *prometheus.Desc
	read func(*Counters) uint64
}{
	{desc("messages_total", "Records read: BGP and BMP messages, MRT records, JSON lines.", "source"), func(c *Counters) uint64 { return c.Messages.Load() }},
	{desc("updates_total", "BGP UPDATEs and table entries among the messages.", "source"), func(c *Counters) uint64 { return c.Updates.Load() }},
	{desc("prefixes_total", "Announcements and withdrawals in the updates.", "source"), func(c *Counters) uint64 { return c.Prefixes.Load() }},
	{desc("matched_updates_total", "Updates that the screen let through.", "source"), func(c *Counters) uint64 { return c.Matched.Load() }},
	{desc("skipped_updates_total", "Updates that touch nothing we watch.", "source"), func(c *Counters) uint64 { return c.Skipped.Load() }},
	{desc("malformed_messages_total", "Records that could not be read or decoded.", "source"), func(c *Counters) uint64 { return c.Malformed.Load() }},
	{desc("redecoded_updates_total", "Updates that made sense only in another encoding than was agreed upon.", "source"), func(c *Counters) uint64 { return c.Redecoded.Load() }},
	{desc("discarded_attributes_total", "Updates that lost an attribute and kept their routes (RFC 7606).", "source"), func(c *Counters) uint64 { return c.Discarded.Load() }},
	{desc("unfollowed_announcements_total", "Announcements outside the watch, with our AS in the path, passed over because too many are followed already.", "source"), func(c *Counters) uint64 { return c.Unfollowed.Load() }},
}

var (
	sessionsDesc   = desc("sessions", "Sessions, routers or connections that are up.", "source")
	lagDesc        = desc("feed_lag_seconds", "How long the newest message was under way, by its sender's time.", "source")
	ageDesc        = desc("feed_last_message_age_seconds", "Time since the newest message came.", "source")
	queueDepthDesc = desc("queue_depth", "Events that wait for the engine.")
	queueSizeDesc  = desc("queue_size", "Events that may wait for the engine; when they do, senders are slowed.")
)

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range counterDescs {
		ch <- d.desc
	}
	for _, d := range []*prometheus.Desc{sessionsDesc, lagDesc, ageDesc, queueDepthDesc, queueSizeDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(queueDepthDesc, float64(m.queue.Depth()))
	gauge(queueSizeDesc, float64(m.queue.Size()))
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range m.order {
		c := m.sources[name]
		for _, d := range counterDescs {
			ch <- prometheus.MustNewConstMetric(d.desc, prometheus.CounterValue, float64(d.read(c)), name)
		}
		gauge(sessionsDesc, float64(c.Sessions.Load()), name)
		if last := c.LastArrival(); !last.IsZero() {
			gauge(ageDesc, m.now().Sub(last).Seconds(), name)
			gauge(lagDesc, c.Lag().Seconds(), name)
		}
	}
}
