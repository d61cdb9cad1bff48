package rislive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"anywatch/collector"
	"anywatch/collector/internal/samples"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// Config is what is asked of a server.
type Config struct {
	URL         string // ws:// or wss://
	Client      string // who we are, for the server's operators
	IgnorePeers []netip.Addr
	Prefixes    []netip.Prefix // watched
	ASNs        []route.ASN    // ours
	// SilentAfter is how long the feed may bring nothing before it counts as down: no BGP message where everything is asked for; where only a
	// few prefixes are, which may be silent for days, no message at all, answers to our pings included. Zero means that it never does.
	SilentAfter time.Duration
}

// Deps is what the source works with. All of it is needed.
type Deps struct {
	Live     *screen.Live
	Registry *collector.Registry
	Counters *collector.Counters
	Log      *slog.Logger
	Now      func() time.Time
}

// Source is a connection to RIS Live that comes back when it is lost. It implements collector.Source.
//
// RIS Live sends changes only: there is no table at the beginning, and nothing is repeated. After a loss, what its vantages show is
// unknown until each shows it again: they are lost with FeedLost, and have a Gap once the connection is back. Apart from that the feed itself
// is told to be down, with FeedDown, when it brings nothing for long, and to be up again with FeedUp.
type Source struct {
	deps      Deps
	timing    timing
	transport *http.Transport
	ticker    func(time.Duration) (ticks <-chan time.Time, stop func())
	bad       samples.Throttle // messages that can't be read
	refused   samples.Throttle // what the server refuses
	feed      feed

	mu      sync.Mutex // guards what follows
	cfg     Config
	name    string
	changed chan struct{} // closed when cfg changes, and replaced
}

// timing is how long things may take.
type timing struct {
	dial    time.Duration // until the connection stands
	ping    time.Duration // between two questions whether the server is there
	silence time.Duration // without a message, answers to those included, until the connection counts as lost
	delay   time.Duration // how old a message may be until the connection counts as broken
	flush   time.Duration // between two additions to the counters
	watch   time.Duration // between two looks at whether the feed is down
	goodbye time.Duration // for the server to answer when we close the connection
	backoff collector.Backoff
}

// New prepares the source.
func New(cfg Config, deps Deps) (*Source, error) {
	u, err := address(cfg)
	if err != nil {
		return nil, err
	}
	s := &Source{deps: deps, name: name(u), cfg: cfg, changed: make(chan struct{}), ticker: realTicker}
	s.timing = timing{
		dial: 20 * time.Second, ping: 10 * time.Second, silence: 30 * time.Second, delay: 3 * time.Minute, flush: time.Second,
		watch: time.Second, goodbye: time.Second, backoff: collector.Backoff{First: time.Second, Max: time.Minute},
	}
	s.transport = &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	s.bad = samples.Throttle{Every: time.Minute, Now: deps.Now}
	s.refused = samples.Throttle{Every: time.Minute, Now: deps.Now}
	return s, nil
}

func realTicker(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTicker(d)
	return t.C, t.Stop
}

// address gives the URL to connect to, with the client's name in it. Errors don't repeat the address, which may hold a secret.
func address(cfg Config) (*url.URL, error) {
	const right = "write wss://ris-live.ripe.net/v1/ws/"
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, errors.New("sources.rislive: the address is no URL; " + right)
	}
	if u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return nil, fmt.Errorf("sources.rislive: an address with the scheme %q and the host %q is none of a websocket; %s", u.Scheme, u.Host, right)
	}
	if cfg.Client != "" {
		q := u.Query()
		q.Set("client", cfg.Client)
		u.RawQuery = q.Encode()
	}
	return u, nil
}

func name(u *url.URL) string { return "rislive:" + u.Host }

// Name is rislive: and the server's name.
func (s *Source) Name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.name
}

// Reload puts another configuration in force. The connection stays, and is subscribed anew, unless the address or the client changed.
func (s *Source) Reload(cfg Config) error {
	u, err := address(cfg)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg, s.name = cfg, name(u)
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// config gives the configuration in force, and a channel that is closed when another one is.
func (s *Source) config() (Config, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg, s.changed
}

// errReconfigured ends a connection whose address is no longer the one that is wanted.
var errReconfigured = errors.New("its address was changed in the configuration")

// Run connects, and connects again, until ctx ends.
func (s *Source) Run(ctx context.Context, out collector.Sink) error {
	s.feed.begin(s.deps.Now(), s.Name())
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watching.Go(func() { s.watch(ctx, out) })

	in := &collector.Intake{Screen: screen.New(s.deps.Live), Out: out}
	decoder := NewDecoder(in, s.deps.Registry, nil)
	backoff := s.timing.backoff
	for {
		cfg, changed := s.config()
		if err := s.feed.rename(ctx, out, s.Name(), s.deps.Now()); err != nil {
			return err
		}
		c := &connection{source: s, in: in, decoder: decoder}
		err := c.run(ctx, cfg, changed)
		s.deps.Counters.Add(&in.Tally)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.feed.connection(false, err, s.deps.Now())
		if err := s.tell(ctx, out, decoder.Vantages(), collector.FeedLost, err.Error()); err != nil {
			return err
		}
		if errors.Is(err, errReconfigured) {
			continue
		}
		if c.heard {
			backoff.Reset()
		}
		wait := backoff.Next()
		s.deps.Log.Warn("connection to RIS Live lost; it will be tried again", "source", s.Name(), "error", err, "wait", wait.Round(time.Millisecond))
		if !s.wait(ctx, wait, cfg) {
			return ctx.Err()
		}
	}
}

// wait waits before the next try, though not when another server is wanted now; false means that ctx ended.
func (s *Source) wait(ctx context.Context, d time.Duration, tried Config) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		cfg, changed := s.config()
		if !same(cfg, tried) {
			return true
		}
		select {
		case <-t.C:
			return true
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// watch looks now and then whether the feed is down, until ctx ends.
func (s *Source) watch(ctx context.Context, out collector.Sink) {
	ticks, stop := s.ticker(s.timing.watch)
	defer stop()
	for {
		select {
		case <-ticks:
			cfg, _ := s.config()
			if s.feed.tellDown(ctx, out, &cfg, s.deps.Now) != nil {
				return // nobody takes events any more
			}
		case <-ctx.Done():
			return
		}
	}
}

// tell emits the same event for each vantage.
func (s *Source) tell(ctx context.Context, out collector.Sink, vantages []*collector.Vantage, kind collector.Kind, reason string) error {
	for _, v := range vantages {
		if err := out.Emit(ctx, collector.Event{Kind: kind, Time: s.deps.Now(), Vantage: v, Reason: reason}); err != nil {
			return err
		}
	}
	return nil
}

// same tells whether a connection made with one configuration serves another.
func same(a, b Config) bool { return a.URL == b.URL && a.Client == b.Client }
