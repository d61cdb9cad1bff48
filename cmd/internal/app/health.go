package app

import (
	"anywatch/cmd/internal/config"
	"anywatch/cmd/internal/health"
	"anywatch/detector"
)

// newHealth makes the prober of the sites' services, which tells the engine how they fare.
func (d *Daemon) newHealth(c *config.Config) {
	d.health = health.New(health.Options{
		Log: d.log, Now: d.now, Metrics: health.NewMetrics(d.registry),
		Tell: func(h detector.Health) { d.owner.ask(func(e *detector.Engine) { e.SetHealth(h, d.now()) }) },
	})
	d.health.Set(checks(c))
}

// checks are the health checks of the configuration, in the order of the sites.
func checks(c *config.Config) (out []health.Check) {
	for _, s := range c.Sites {
		if h := s.Health; h != nil {
			out = append(out, health.Check{Site: s.Name, Probe: probe(h), Interval: h.Interval, FailAfter: h.FailAfter})
		}
	}
	return out
}

// probe is the one that is configured: there is exactly one.
func probe(h *config.Health) health.Probe {
	switch {
	case h.HTTP != nil:
		return health.HTTP{URL: h.HTTP.URL.Reveal(), Shown: h.HTTP.URL.String(), ConnectTo: h.HTTP.ConnectTo, Status: h.HTTP.Status}
	case h.DNS != nil:
		return health.DNS(*h.DNS)
	case h.TCP != "":
		return health.TCP{Address: h.TCP}
	}
	return health.ICMP{Address: h.ICMP}
}
