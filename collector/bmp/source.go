package bmp

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"anywatch/collector"
	"anywatch/collector/internal/samples"
	"anywatch/collector/internal/tcp"
	"anywatch/collector/route"
)

// Config is how the station listens.
type Config struct {
	Listen     []string       // addresses to listen on: ":11019"
	Allow      []netip.Prefix // where routers may connect from
	VRFs       []string       // names or route distinguishers of VRFs to watch besides the global table
	TLS        *tls.Config    // nil: plain TCP
	ASNs       []route.ASN    // ours
	MaxFrame   int            // octets; zero means MaxFrame
	FirstBytes time.Duration  // how long a router may take to send its first message; zero means 30 s
}

// prepared gives the configuration with its defaults filled in, or says what is wrong with it.
func (c Config) prepared() (Config, error) {
	var faults []error
	if c.MaxFrame == 0 {
		c.MaxFrame = MaxFrame
	}
	if c.FirstBytes == 0 {
		c.FirstBytes = 30 * time.Second
	}
	if len(c.Listen) == 0 {
		faults = append(faults, errors.New("no address to listen on; set sources.bmp.listen, for instance to [\":11019\"]"))
	}
	if len(c.Allow) == 0 {
		faults = append(faults, errors.New("nobody may connect; set sources.bmp.allow to the prefixes that your routers connect from"))
	}
	return c, errors.Join(faults...)
}

// Source is the station. It implements collector.Source, and prometheus.Collector.
type Source struct {
	deps      Deps
	cfg       atomic.Pointer[Config]
	listeners *tcp.Set
	owners    owners
	feeds     feeds
	totals    totals
	samples   samples.Ring
	strange   samples.Throttle // connections that are refused
	odd       samples.Throttle // messages that can't be read

	reloading   sync.Mutex // one reload at a time
	mu          sync.Mutex // guards what follows
	connections map[*connection]struct{}
	admitted    uint64 // connections so far
	running     *run
}

// run is what a running source adds.
type run struct {
	parent context.Context // the caller's
	ctx    context.Context // ends with it, and when the source fails
	out    collector.Sink
	group  sync.WaitGroup // connections, and whoever else emits
	ending bool           // nothing joins the group any more; guarded by the source's mu
}

// New prepares the station: it listens, so that what can't work fails here. A router that connects before Run waits.
func New(cfg Config, deps Deps) (*Source, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	s := &Source{deps: deps, connections: make(map[*connection]struct{})}
	s.owners.of = make(map[collector.VantageID]*Stream)
	s.feeds.of = make(map[string]*routerFeed)
	s.strange = samples.Throttle{Every: time.Minute, Now: deps.Now}
	s.odd = samples.Throttle{Every: time.Minute, Now: deps.Now}
	s.cfg.Store(&cfg)
	if s.listeners, err = tcp.Open("BMP", cfg.Listen, tcp.Hooks{}, deps.Log); err != nil {
		return nil, err
	}
	return s, nil
}

// Name is "bmp".
func (s *Source) Name() string { return "bmp" }

// Close stops listening, for a station that will not run.
func (s *Source) Close() { s.listeners.Close() }

// Addrs are the addresses that it listens on.
func (s *Source) Addrs() []netip.AddrPort { return s.listeners.Addrs() }

// Run takes routers until ctx ends. It can be run again after it failed.
func (s *Source) Run(ctx context.Context, out collector.Sink) error {
	parent := ctx
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	r := &run{parent: parent, ctx: ctx, out: out}
	if err := s.begin(r); err != nil {
		return err
	}
	cancel(s.listeners.Accept(ctx, func(c *net.TCPConn) { s.admit(r, c) }))
	s.mu.Lock()
	r.ending = true
	s.mu.Unlock()
	r.group.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = nil
	return context.Cause(ctx)
}

// begin makes a run the one that is on. Feeds that nobody wanted any more while there was none are told of now.
func (s *Source) begin(r *run) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return errors.New("the BMP station is running already")
	}
	s.running = r
	s.tell(s.feeds.unwanted())
	return nil
}

// Reload puts another configuration in force. Routers stay connected, unless they may no longer connect, or the change concerns how all their
// messages are read (ASNs, VRFs, TLS). When it returns an error, nothing has changed.
func (s *Source) Reload(cfg Config) error {
	cfg, err := cfg.prepared()
	if err != nil {
		return err
	}
	s.reloading.Lock()
	defer s.reloading.Unlock()
	if err := s.listeners.Reload(cfg.Listen, tcp.Hooks{}); err != nil {
		return err
	}
	old := s.cfg.Swap(&cfg)
	anew := !slices.Equal(old.ASNs, cfg.ASNs) || !slices.Equal(old.VRFs, cfg.VRFs) || (old.TLS == nil) != (cfg.TLS == nil)
	s.mu.Lock()
	s.tell(s.feeds.disallow(cfg.Allow))
	s.mu.Unlock()
	s.end(func(x *connection) error {
		switch {
		case !allowed(cfg.Allow, x.remote.Addr()):
			return errNotAllowed
		case anew:
			return errChanged
		}
		return nil
	})
	return nil
}

// tell tells of feeds that nobody wants any more; s.mu must be held. It waits for room in the queue, and so has a goroutine.
func (s *Source) tell(list []*routerFeed) {
	r := s.running
	if r == nil || r.ending {
		return
	}
	for _, f := range list {
		r.group.Go(func() { _ = s.feeds.settle(r.parent, r.out, f, end{time: s.deps.Now()}) }) // it fails only when the daemon ends
	}
}

// end closes the connections for which why gives a reason.
func (s *Source) end(why func(*connection) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for x := range s.connections {
		if reason := why(x); reason != nil {
			x.cancel(reason)
		}
	}
}

// Refresh makes all routers show their tables again, as is needed when more is watched than before. BMP has no message for it: the connections
// are closed, and the routers come back and begin anew.
func (s *Source) Refresh(context.Context) error {
	s.end(func(*connection) error { return errAgain })
	return nil
}

// malformed keeps a sample of a message that could not be read, and says so now and then.
func (s *Source) malformed(from string, at time.Time, err error, frame []byte) {
	s.samples.Add(at, from, err, frame)
	if n, ok := s.odd.Pass(); ok {
		s.deps.Log.Warn("BMP message could not be used; the session goes on", "router", from, "error", err, "not_logged", n,
			"message", hex.EncodeToString(frame[:min(len(frame), 128)]))
	}
}

// Samples are the last messages that could not be used, oldest first.
func (s *Source) Samples() []samples.Sample { return s.samples.List() }

// Router is a router that is connected.
type Router struct {
	Name     string
	Address  netip.AddrPort
	Software string
	Peers    []Peer
}

// Routers lists the routers that are connected, by name.
func (s *Source) Routers() []Router {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Router, 0, len(s.connections))
	for x := range s.connections {
		r := Router{Address: x.remote}
		r.Name, r.Software, r.Peers = x.stream.Peers()
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Router) int { return cmp.Or(cmp.Compare(a.Name, b.Name), a.Address.Compare(b.Address)) })
	return out
}
