package app

import (
	"context"
	"slices"

	"anywatch/cmd/internal/config"
	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rules"
)

// Reload puts another configuration in force without losing a session. Everything that can fail is done first; when something fails, the old
// configuration stays in force, whole.
func (d *Daemon) Reload(ctx context.Context, c *config.Config) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer func() { d.metrics.reloadedAt(d.now(), err == nil) }()
	set := rulesWith(c, d.planned(ctx))
	routes, kept, err := d.sinks.routes(c, d.log)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			kept.close(d.sinks, d.log) // those that were made for nothing
		}
	}()
	vrps, err := d.keeper.Prepare(vrpSources(c))
	if err != nil {
		return err
	}
	if err = d.feeds.reload(c); err != nil {
		return err
	}
	if err = d.alerts.Reload(c.Alerts.GroupWait, c.Alerts.Repeat, append(routes, d.options.Sinks...)); err != nil {
		return err
	}
	d.sinks.close(kept, d.log)
	kept.reopen(d.log)
	old := d.config
	d.config, d.sinks = c, kept
	d.live.Swap(Watch(set))
	d.owner.ask(func(e *detector.Engine) { e.SetRules(set, d.now()) })
	d.health.Set(checks(c))
	d.keeper.Apply(vrps)
	if grew(Rules(old), set) {
		d.feeds.refresh(ctx)
	}
	if old.Store != c.Store {
		d.log.Warn("store changed; it takes effect with the next start", "now", old.Store.URL.String(), "then", c.Store.URL.String())
	}
	if old.Web.Listen != c.Web.Listen {
		d.log.Warn("web.listen changed; it takes effect with the next start", "now", old.Web.Listen, "then", c.Web.Listen)
	}
	return nil
}

// ReloadFailed notes that a configuration could not even be read.
func (d *Daemon) ReloadFailed() { d.metrics.reloadedAt(d.now(), false) }

// grew tells whether the new rules watch something that the old ones did not: then routes that were passed over must come again.
func grew(old, new *rules.Set) bool {
	for _, p := range new.Nets() {
		if !slices.Contains(old.Nets(), p) {
			return true
		}
	}
	return slices.ContainsFunc(new.ASNs(), func(a route.ASN) bool { return !old.Ours(a) })
}
