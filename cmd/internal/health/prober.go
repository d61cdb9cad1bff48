package health

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"anywatch/collector"
	"anywatch/detector"
)

const (
	// jitter is the share of an interval by which a probe may come earlier or later.
	jitter = 0.05
	// spread is the time over which the first probes of all sites are spread, where their interval is not shorter.
	spread = 10 * time.Second
)

// Options are what a prober is made of.
type Options struct {
	Log *slog.Logger
	Now func() time.Time
	// Tell takes how a service fares, whenever there is something new. It is called for one site after the other's news, in their order, and for
	// several sites at once. A site that is checked no more is told as HealthUnchecked.
	Tell    func(detector.Health)
	Metrics *Metrics
	// Ask makes one probe; nil is Ask of this package.
	Ask func(ctx context.Context, p Probe, timeout time.Duration) Outcome
	// Random gives a number from 0 to 1, 1 excluded; nil is math/rand.
	Random func() float64
}

// Prober probes the services of all sites, each at its own pace.
type Prober struct {
	options Options
	wake    chan struct{}

	mu     sync.Mutex
	wanted []Check
}

// New makes a prober that probes nothing yet.
func New(o Options) *Prober {
	if o.Ask == nil {
		o.Ask = Ask
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	return &Prober{options: o, wake: make(chan struct{}, 1)}
}

// Set says what to check from now on, one check a site. Those that are as they were go on undisturbed.
func (p *Prober) Set(checks []Check) {
	p.mu.Lock()
	p.wanted = slices.Clone(checks)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default: // it will look anyway, and find the newest
	}
}

// watch is a site that is probed.
type watch struct {
	check Check
	stop  context.CancelFunc
	done  chan struct{}
}

func (w *watch) end() {
	w.stop()
	<-w.done
}

// Run probes until ctx ends. A probe that is under way then is left to itself; it ends within its timeout.
func (p *Prober) Run(ctx context.Context) {
	running := make(map[string]*watch)
	for {
		select {
		case <-p.wake:
			p.arrange(ctx, running)
		case <-ctx.Done():
			for _, w := range running {
				w.end()
			}
			return
		}
	}
}

// arrange stops what is not wanted any more, and begins what is new.
func (p *Prober) arrange(ctx context.Context, running map[string]*watch) {
	p.mu.Lock()
	wanted := p.wanted
	p.mu.Unlock()
	for site, w := range running {
		if slices.Contains(wanted, w.check) {
			continue
		}
		w.end()
		delete(running, site)
		if !slices.ContainsFunc(wanted, func(c Check) bool { return c.Site == site }) {
			p.options.Metrics.forget(site)
			p.options.Tell(detector.Health{Site: site, State: detector.HealthUnchecked, Since: p.options.Now()})
		}
	}
	for i, c := range wanted {
		if running[c.Site] != nil {
			continue
		}
		wctx, stop := context.WithCancel(ctx)
		w := &watch{check: c, stop: stop, done: make(chan struct{})}
		running[c.Site] = w
		first := time.Duration(float64(min(c.Interval, spread)) * (float64(i)/float64(len(wanted)) + jitter*p.options.Random()))
		go func() {
			defer close(w.done)
			p.probe(wctx, c, first)
		}()
	}
}

// probe checks one site until ctx ends, for the first time after a while.
func (p *Prober) probe(ctx context.Context, c Check, wait time.Duration) {
	o := p.options
	t := newTracker(c, o.Now())
	o.Metrics.begin(c.Site)
	p.tell(t)
	for collector.Sleep(ctx, wait) {
		began := o.Now()
		outcome, ok := p.attempt(ctx, c)
		if !ok {
			return
		}
		ended := o.Now()
		o.Metrics.probed(c.Site, outcome, ended.Sub(began))
		if t.note(outcome, ended) {
			p.tell(t)
		}
		wait = max(p.interval(c)-ended.Sub(began), 0)
	}
}

// interval is the time from one probe to the next.
func (p *Prober) interval(c Check) time.Duration {
	return time.Duration(float64(c.Interval) * (1 - jitter + 2*jitter*p.options.Random()))
}

// attempt makes one probe. Not all of them end when ctx does: then it is not waited for.
func (p *Prober) attempt(ctx context.Context, c Check) (Outcome, bool) {
	result := make(chan Outcome, 1)
	go func() { result <- p.options.Ask(ctx, c.Probe, c.timeout()) }()
	select {
	case o := <-result:
		return o, ctx.Err() == nil
	case <-ctx.Done():
		return Outcome{}, false
	}
}

// tell passes on how a service fares, to the log too.
func (p *Prober) tell(t *tracker) {
	h := t.health()
	p.options.Metrics.is(h.Site, h.State)
	level, says := slog.LevelInfo, "the service of the site is "+h.State.String()
	switch {
	case h.State == detector.HealthDown:
		level = slog.LevelWarn
	case h.State == detector.HealthUnknown && t.unasked.n > 0:
		level, says = slog.LevelWarn, "the service of the site can't be probed"
	case h.State == detector.HealthUnknown:
		level = slog.LevelDebug // it only begins
	}
	p.options.Log.Log(context.Background(), level, says, "site", h.Site, "check", h.Check, "reason", h.Reason)
	p.options.Tell(h)
}
