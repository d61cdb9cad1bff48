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
	set := Rules(c)
	routes, kept, err := d.sinks.routes(c, d.log)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			kept.close(d.sinks, d.log) // those that were made for nothing
		}
	}()
	if _, _, err = readVRPFiles(c); err != nil {
		return err
	}
	if err = d.feeds.reload(c); err != nil {
		return err
	}
	if err = d.alerts.Reload(c.Alerts.GroupWait, append(routes, d.options.Sinks...)); err != nil {
		return err
	}
	d.sinks.close(kept, d.log)
	kept.reopen(d.log)
	old := d.config
	d.config, d.sinks = c, kept
	d.live.Swap(Watch(set))
	d.flaps.follow(c)
	d.owner.ask(func(e *detector.Engine) { e.SetRules(set, d.now()) })
	d.health.Set(checks(c))
	d.restartKeeper(ctx, c)
	if grew(Rules(old), set) {
		d.feeds.refresh(ctx)
	}
	if old.Web.Listen != c.Web.Listen {
		d.log.Warn("web.listen changed; it takes effect with the next start", "now", old.Web.Listen, "then", c.Web.Listen)
	}
	return nil
}

// ReloadFailed notes that a configuration could not even be read.
func (d *Daemon) ReloadFailed() { d.metrics.reloadedAt(d.now(), false) }

// restartKeeper follows the caches and files of the new configuration. The VRPs that are known stay in use until the new sources have told theirs.
func (d *Daemon) restartKeeper(ctx context.Context, c *config.Config) {
	if d.stopKeeper != nil {
		d.stopKeeper()
	}
	if err := d.keeper.load(c); err != nil { // it was read a moment ago
		d.log.Error("VRPs were not reloaded; the old ones stay in use", "error", err)
	}
	if d.stopKeeper == nil {
		return // the daemon is only starting: Run begins to follow them, by this configuration
	}
	ctx, d.stopKeeper = context.WithCancel(ctx)
	go d.keeper.run(ctx, c)
}

// grew tells whether the new rules watch something that the old ones did not: then routes that were passed over must come again.
func grew(old, new *rules.Set) bool {
	for _, p := range new.Nets() {
		if !slices.Contains(old.Nets(), p) {
			return true
		}
	}
	return slices.ContainsFunc(new.ASNs(), func(a route.ASN) bool { return !old.Ours(a) })
}
