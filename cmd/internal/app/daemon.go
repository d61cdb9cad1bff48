package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"anywatch/alerts"
	"anywatch/cmd/internal/config"
	"anywatch/cmd/internal/health"
	"anywatch/cmd/internal/store"
	"anywatch/collector"
	"anywatch/collector/screen"
	"anywatch/detector"
	"anywatch/rpki/keeper"
	"anywatch/rules"
)

// Options are what a daemon is made of.
type Options struct {
	Config *config.Config
	Log    *slog.Logger
	Now    func() time.Time
	// Sinks hear of incidents besides those that the configuration names: the terminal, a demo that checks what happens.
	Sinks []alerts.Route
}

// queueSize is how many events may wait for the engine. Only what matched comes here, so it is seldom more than a few.
const queueSize = 1 << 14

// shutdownWithin bounds the time that sinks get to be told what they have not been told yet.
const shutdownWithin = 3 * time.Second

// Daemon is a running anywatch. New makes everything that can fail, Run runs it, Reload swaps what may change.
type Daemon struct {
	options  Options
	log      *slog.Logger
	now      func() time.Time
	registry *prometheus.Registry
	metrics  *metrics
	live     *screen.Live
	queue    *collector.Queue
	owner    *owner
	keeper   *keeper.Keeper
	alerts   *alerts.Dispatcher
	feeds    *feeds
	health   *health.Prober
	feedLog  *feedLog
	web      *web
	vantages *collector.Registry
	flaps    *flapKeeper
	store    *store.Store
	hub      *hub
	ending   chan struct{} // closed when the daemon ends

	mu     sync.Mutex // guards what a reload changes
	config *config.Config
	sinks  sinkSet
}

// New builds a daemon: listens, reads files, opens sinks. When it fails nothing is left open, and the error says what to do.
func New(o Options) (_ *Daemon, err error) {
	var undo cleanups
	defer func() {
		if err != nil {
			undo.run()
		}
	}()
	c := o.Config
	set := Rules(c)
	d := &Daemon{options: o, config: c, log: o.Log, now: o.Now, registry: prometheus.NewRegistry(), live: screen.NewLive(Watch(set)), queue: collector.NewQueue(queueSize), feedLog: newFeedLog(o.Now()),
		vantages: collector.NewRegistry(), hub: newHub(), ending: make(chan struct{})}
	d.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if d.store, err = openStore(c, o.Log, d.now, d.registry, d.renewed); err != nil {
		return nil, err
	}
	undo.add(func() { _ = d.store.Close() })
	d.flaps = newFlapKeeper(d.store.State(flapsKept), o.Log)
	if d.alerts, err = d.newDispatcher(c); err != nil {
		return nil, err
	}
	if err = d.newKeeper(c); err != nil {
		return nil, err
	}
	d.metrics = newMetrics(d.registry, d.keeper, d.now, d.log)
	d.newEngine(set)
	d.newHealth(c)
	if d.feeds, err = newFeeds(c, d.deps()); err != nil {
		return nil, err
	}
	undo.add(d.feeds.close)
	if d.web, err = newWeb(c.Web.Listen, d.registry, d.ready, d.pages(), d.orders()); err != nil {
		return nil, err
	}
	d.registry.MustRegister(d.hub)
	d.metrics.reloadedAt(d.now(), true)
	return d, nil
}

// pages are what the daemon tells programs.
func (d *Daemon) pages() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		statusPath: d.serveStatus, routesPath: d.serveRoutes, incidentsPath: d.serveIncidents, explainPath: d.serveExplain, linksPath: d.serveLinks, reportsPath + "{name}": d.serveReport,
	}
}

// cleanups are undone last first.
type cleanups []func()

func (c *cleanups) add(f func()) { *c = append(*c, f) }

func (c *cleanups) run() {
	for i := len(*c) - 1; i >= 0; i-- {
		(*c)[i]()
	}
}

func (d *Daemon) newDispatcher(c *config.Config) (*alerts.Dispatcher, error) {
	routes, set, err := d.sinks.routes(c, d.log)
	if err != nil {
		return nil, err
	}
	d.sinks = set
	return alerts.New(alerts.Config{
		Routes: append(routes, d.options.Sinks...), GroupWait: c.Alerts.GroupWait, Repeat: c.Alerts.Repeat,
		Journal: journal{d.store}, Trouble: d.sinkTrouble,
		Log: d.log, Metrics: alerts.NewMetrics(d.registry),
	})
}

func (d *Daemon) newEngine(set *rules.Set) {
	engine := detector.New(detector.Options{Rules: set, VRPs: d.keeper.Table(), Age: true, Emit: func(c detector.Change) {
		d.metrics.changed(c)
		d.logChange(c)
		d.hub.tell(c)
		d.alerts.Handle(c)
	}})
	d.owner = newOwner(engine, d.queue, d.now)
}

func (d *Daemon) deps() feedDeps {
	return feedDeps{log: d.log, now: d.now, live: d.live, registry: d.vantages, metrics: collector.NewMetrics(d.registry, d.queue, d.now), figures: d.registry}
}

// logChange writes what happened to the log too: it is there when everything else fails.
func (d *Daemon) logChange(c detector.Change) {
	level := slog.LevelInfo
	if c.Event != detector.Updated && c.Incident.Severity == detector.Critical {
		level = slog.LevelWarn
	}
	d.log.Log(context.Background(), level, "incident "+string(c.Event), "kind", c.Incident.Kind, "severity", c.Incident.Severity.String(), "id", c.Incident.ID, "summary", c.Incident.Summary)
}

// Run runs the daemon until ctx ends, and then stops it within five seconds.
func (d *Daemon) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	engineCtx, stopEngine := context.WithCancel(context.WithoutCancel(ctx))
	var engine, rest sync.WaitGroup
	d.restore(ctx)
	d.flaps.restore(d.owner.engine, d.vantages, d.now())
	d.restoreLinks()
	if planned := d.planned(ctx); len(planned) > 0 {
		d.owner.engine.SetRules(rulesWith(d.options.Config, planned), d.now())
	}
	engine.Go(func() { d.owner.run(engineCtx) })
	engine.Go(func() { _ = d.alerts.Run(engineCtx) })
	rest.Go(func() {
		if err := d.web.run(ctx); err != nil {
			cancel(fmt.Errorf("web server: %w", err))
		}
	})
	rest.Go(func() { d.observe(ctx) })
	rest.Go(func() { d.flaps.run(ctx, d.takeFlaps) })
	rest.Go(func() { d.keepLinks(ctx) })
	rest.Go(func() { d.health.Run(ctx) })
	rest.Go(func() { _ = d.keeper.Run(ctx) })
	c := d.configuration()
	d.log.Info("anywatch runs", "prefixes", len(c.Prefixes), "sites", len(c.Sites), "vrps", d.describeVRPs(), "web", d.web.listener.Addr().String())
	d.feeds.run(ctx, d.feedLog.into(d.queue)) // returns when all sources have ended
	<-ctx.Done()
	close(d.ending)
	rest.Wait()
	d.closeAlerts(ctx)
	stopEngine()
	engine.Wait()
	d.flaps.save(d.owner.engine.FlapState()) // nobody else has the engine any more
	d.saveLinks(d.owner.engine.Links())
	d.sinks.close(nil, d.log)
	if err := d.store.Close(); err != nil {
		d.log.Error("not everything could be written to the store before the end", "error", err)
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// closeAlerts lets the sinks be told what they have not been told yet. A sink that can't be told is no failure of stopping, but it is said.
func (d *Daemon) closeAlerts(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWithin)
	defer cancel()
	if err := d.alerts.Close(ctx); err != nil {
		d.log.Error("some sinks were not told everything before the end", "error", err)
	}
}

// configuration gives the configuration in force.
func (d *Daemon) configuration() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.config
}

// observe refreshes the figures of the engine for the metrics.
func (d *Daemon) observe(ctx context.Context) {
	for collector.Sleep(ctx, time.Second) {
		d.owner.ask(d.metrics.observe)
	}
}

// ready tells whether a feed is synchronised, and VRPs are there where they are configured.
func (d *Daemon) ready() (bool, string) {
	c := d.configuration()
	if len(c.RPKI.Caches)+len(c.RPKI.Files) > 0 && d.keeper.Table().Len() == 0 {
		return false, "no VRPs yet"
	}
	synchronised := 0
	d.owner.ask(func(e *detector.Engine) { _, synchronised = e.Vantages() })
	if synchronised == 0 {
		return false, "no feed is synchronised yet"
	}
	return true, "ready"
}
