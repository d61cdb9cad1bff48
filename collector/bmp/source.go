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

// Source is the station. It implements collector.Source.
type Source struct {
	deps    Deps
	cfg     atomic.Pointer[Config]
	owners  owners
	refused atomic.Uint64
	frames  atomic.Uint64
	own     atomic.Uint64
	types   [knownTypes + 1]atomic.Uint64
	samples samples.Ring
	strange samples.Throttle // connections that are refused
	odd     samples.Throttle // messages that can't be read

	reloading   sync.Mutex // one reload at a time
	mu          sync.Mutex // guards what follows
	listeners   []*listener
	connections map[*connection]struct{}
	running     *run
}

type listener struct {
	*net.TCPListener
	text string // as configured
}

// run is what a running source adds.
type run struct {
	parent      context.Context // the caller's
	ctx         context.Context // ends with it, and when the source fails
	out         collector.Sink
	group       sync.WaitGroup // accept loops
	connections sync.WaitGroup
	failed      chan error
}

// New prepares the station: it listens, so that what can't work fails here. A router that connects before Run waits.
func New(cfg Config, deps Deps) (*Source, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	s := &Source{deps: deps, connections: make(map[*connection]struct{})}
	s.owners.of = make(map[collector.VantageID]*Stream)
	s.strange = samples.Throttle{Every: time.Minute, Now: deps.Now}
	s.odd = samples.Throttle{Every: time.Minute, Now: deps.Now}
	if s.listeners, err = listenAll(cfg.Listen); err != nil {
		return nil, err
	}
	s.cfg.Store(&cfg)
	return s, nil
}

// listenAll listens on all addresses, or on none.
func listenAll(addresses []string) (list []*listener, err error) {
	for _, text := range addresses {
		l, err := tcp.Listen(text, "BMP")
		if err != nil {
			closeAll(list)
			return nil, err
		}
		list = append(list, &listener{l, text})
	}
	return list, nil
}

func closeAll(list []*listener) {
	for _, l := range list {
		_ = l.Close()
	}
}

// Name is "bmp".
func (s *Source) Name() string { return "bmp" }

// Close stops listening, for a station that will not run.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	closeAll(s.listeners)
	s.listeners = nil
}

// Addrs are the addresses that it listens on.
func (s *Source) Addrs() []netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []netip.AddrPort
	for _, l := range s.listeners {
		out = append(out, tcp.Addr(l.TCPListener))
	}
	return out
}

// Run takes routers until ctx ends. It can be run again after it failed.
func (s *Source) Run(ctx context.Context, out collector.Sink) error {
	parent := ctx
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	r := &run{parent: parent, ctx: ctx, out: out, failed: make(chan error, 1)}
	if err := s.begin(r); err != nil {
		return err
	}
	select {
	case err := <-r.failed:
		cancel(err)
	case <-ctx.Done():
	}
	s.Close()
	r.group.Wait()
	r.connections.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = nil
	return context.Cause(ctx)
}

// begin starts an accept loop for each listener; those that an earlier run closed are opened again.
func (s *Source) begin(r *run) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return errors.New("the BMP station is running already")
	}
	if len(s.listeners) == 0 {
		list, err := listenAll(s.cfg.Load().Listen)
		if err != nil {
			return err
		}
		s.listeners = list
	}
	s.running = r
	for _, l := range s.listeners {
		s.accept(r, l)
	}
	return nil
}

// accept starts the loop that accepts a listener's connections; s.mu must be held.
func (s *Source) accept(r *run, l *listener) {
	r.group.Go(func() {
		err := tcp.Accept(r.ctx, l.TCPListener, s.deps.Log, func(c *net.TCPConn) { s.admit(r, c) })
		if err == nil {
			return
		}
		select {
		case r.failed <- err:
		default: // one failure is enough to end the source
		}
	})
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
	if err := s.relisten(cfg.Listen); err != nil {
		return err
	}
	old := s.cfg.Swap(&cfg)
	anew := !slices.Equal(old.ASNs, cfg.ASNs) || !slices.Equal(old.VRFs, cfg.VRFs) || (old.TLS == nil) != (cfg.TLS == nil)
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

// relisten opens the listeners that are new, and then closes those that are gone.
func (s *Source) relisten(addresses []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil && s.running == nil {
		return nil // not listening: the next Run will
	}
	fresh, err := listenAll(slices.DeleteFunc(slices.Clone(addresses), func(text string) bool {
		return slices.ContainsFunc(s.listeners, func(l *listener) bool { return l.text == text })
	}))
	if err != nil {
		return err
	}
	var kept []*listener
	for _, l := range s.listeners {
		if slices.Contains(addresses, l.text) {
			kept = append(kept, l)
		} else {
			_ = l.Close()
		}
	}
	s.listeners = append(kept, fresh...)
	if s.running != nil {
		for _, l := range fresh {
			s.accept(s.running, l)
		}
	}
	return nil
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

// count adds what a stream has seen to the totals.
func (s *Source) count(x *Stream) {
	s.own.Add(x.stripped)
	x.stripped = 0
	for i, n := range x.types {
		if n > 0 {
			s.types[i].Add(n)
			x.types[i] = 0
		}
	}
}

// Samples are the last messages that could not be used, oldest first.
func (s *Source) Samples() []samples.Sample { return s.samples.List() }

// Refused is how many connections were closed because they were not allowed.
func (s *Source) Refused() uint64 { return s.refused.Load() }

// BadFrames is how many connections ended because what they sent was no BMP version 3.
func (s *Source) BadFrames() uint64 { return s.frames.Load() }

// OwnAS is how many paths had the router's own AS in front, put there by the router; it was taken off.
func (s *Source) OwnAS() uint64 { return s.own.Load() }

// Types is how many messages of each type came, by its name; those of unknown types together.
func (s *Source) Types() map[string]uint64 {
	out := make(map[string]uint64, len(s.types))
	for i := range s.types {
		name := "unknown"
		if i < knownTypes {
			name = typeName(uint8(i))
		}
		out[name] = s.types[i].Load()
	}
	return out
}

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
