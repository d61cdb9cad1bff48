package rislive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
// unknown until each shows it again: they are lost with FeedLost, and have a Gap once the connection is back.
type Source struct {
	deps   Deps
	timing timing
	name   string
	bad    samples.Throttle

	mu      sync.Mutex // guards what follows
	cfg     Config
	changed chan struct{} // closed when cfg changes, and replaced
}

// timing is how long things may take.
type timing struct {
	dial    time.Duration // until the connection stands
	ping    time.Duration // between two questions whether the server is there
	silence time.Duration // without a message, answers to those included, until the connection counts as lost
	delay   time.Duration // how old a message may be until the connection counts as broken
	flush   time.Duration // between two additions to the counters
	backoff collector.Backoff
}

// New prepares the source.
func New(cfg Config, deps Deps) (*Source, error) {
	u, err := address(cfg)
	if err != nil {
		return nil, err
	}
	s := &Source{deps: deps, name: "rislive:" + u.Host, cfg: cfg, changed: make(chan struct{})}
	s.timing = timing{
		dial: 20 * time.Second, ping: 10 * time.Second, silence: 30 * time.Second, delay: 3 * time.Minute, flush: time.Second,
		backoff: collector.Backoff{First: time.Second, Max: time.Minute},
	}
	s.bad = samples.Throttle{Every: time.Minute, Now: deps.Now}
	return s, nil
}

// address gives the URL to connect to, with the client's name in it.
func address(cfg Config) (*url.URL, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("sources.rislive: %w", err)
	}
	if u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return nil, fmt.Errorf("sources.rislive: %q is no address of a websocket; write wss://ris-live.ripe.net/v1/ws/", cfg.URL)
	}
	if cfg.Client != "" {
		q := u.Query()
		q.Set("client", cfg.Client)
		u.RawQuery = q.Encode()
	}
	return u, nil
}

// Name is rislive: and the server's name.
func (s *Source) Name() string { return s.name }

// Reload puts another configuration in force. The connection stays, and is subscribed anew, unless the address or the client changed.
func (s *Source) Reload(cfg Config) error {
	if _, err := address(cfg); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg = cfg
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
	in := &collector.Intake{Screen: screen.New(s.deps.Live), Out: out}
	decoder := NewDecoder(in, s.deps.Registry, nil)
	backoff := s.timing.backoff
	for {
		c := &connection{source: s, in: in, decoder: decoder}
		err := c.run(ctx)
		s.deps.Counters.Add(&in.Tally)
		if ctx.Err() != nil {
			return ctx.Err()
		}
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
		s.deps.Log.Warn("connection to RIS Live lost; it will be tried again", "source", s.name, "error", err, "wait", wait.Round(time.Millisecond))
		if !collector.Sleep(ctx, wait) {
			return ctx.Err()
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
