package bgp

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
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
	"anywatch/collector/screen"
)

// Deps is what the source works with. All of it is needed.
type Deps struct {
	Live     *screen.Live
	Registry *collector.Registry
	Counters *collector.Counters
	Log      *slog.Logger
	Now      func() time.Time
}

// Source accepts BGP sessions. It implements collector.Source.
type Source struct {
	deps    Deps
	table   atomic.Pointer[table]
	feeds   *feeds
	refused atomic.Uint64
	// oddRefreshes are ROUTE-REFRESH messages that were passed over.
	oddRefreshes atomic.Uint64
	samples      samples.Ring
	strange      samples.Throttle // connections that are refused
	odd          samples.Throttle // updates that can't be read

	reloading sync.Mutex // one reload at a time
	listeners *tcp.Set
	doors     doors

	mu       sync.Mutex              // guards what follows
	sessions map[netip.Addr]*session // the newest of each address
	running  bool
}

// run is what a running source adds.
type run struct {
	parent   context.Context // the caller's
	ctx      context.Context // ends with it, and when the source fails
	out      collector.Sink
	sessions sync.WaitGroup
}

// New prepares the source: it listens, and sets the MD5 keys, so that what can't work fails here with an error that says what to do. A
// peer that connects before Run waits.
func New(cfg Config, deps Deps) (*Source, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	s := &Source{deps: deps, sessions: make(map[netip.Addr]*session)}
	s.strange = samples.Throttle{Every: time.Minute, Now: deps.Now}
	s.odd = samples.Throttle{Every: time.Minute, Now: deps.Now}
	s.table.Store(newTable(cfg))
	s.feeds = newFeeds(&s.table)
	if s.listeners, err = tcp.Open("BGP", cfg.Listen, s.doors.hooks(cfg, cfg), deps.Log); err != nil {
		return nil, err
	}
	return s, nil
}

// Name is "bgp".
func (s *Source) Name() string { return "bgp" }

// Close stops listening, for a source that will not run.
func (s *Source) Close() { s.listeners.Close() }

// Addrs are the addresses that it listens on.
func (s *Source) Addrs() []netip.AddrPort { return s.listeners.Addrs() }

// Run accepts sessions until ctx ends; then each session ends with a Cease (Administrative Shutdown), within five seconds. It can be run
// again after it failed.
func (s *Source) Run(ctx context.Context, out collector.Sink) error {
	parent := ctx
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	r := &run{parent: parent, ctx: ctx, out: out}
	if !s.begin() {
		return errors.New("the BGP source is running already")
	}
	s.feeds.begin(s.deps.Now())
	over, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		s.tellFeeds(parent, out, over)
	}()
	cancel(s.listeners.Accept(ctx, func(c *net.TCPConn) { s.admit(r, c) }))
	r.sessions.Wait()
	close(over)
	<-told
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	return context.Cause(ctx)
}

func (s *Source) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return false
	}
	s.running = true
	return true
}

// tellFeeds hands on what there is to tell of the feeds, until all is over.
func (s *Source) tellFeeds(ctx context.Context, out collector.Sink, over <-chan struct{}) {
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	for last := false; !last; {
		select {
		case <-s.feeds.wake:
		case <-clock.C:
			s.feeds.overdue(s.deps.Now())
		case <-over:
			last = true
		}
		for _, ev := range s.feeds.take() {
			if out.Emit(ctx, ev) != nil {
				return // the daemon ends
			}
		}
	}
}

// all gives the sessions, ordered by address.
func (s *Source) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*session, 0, len(s.sessions))
	for _, x := range s.sessions {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b *session) int { return a.addr.Compare(b.addr) })
	return list
}

// malformed keeps a sample of an update that could not be used, and says so now and then. The session goes on: RFC 7606.
func (s *Source) malformed(from string, err error, body []byte) {
	s.samples.Add(s.deps.Now(), from, err, body)
	if n, ok := s.odd.Pass(); ok {
		s.deps.Log.Warn("BGP update could not be used; the session goes on", "error", err, "not_logged", n,
			"update", hex.EncodeToString(body[:min(len(body), 128)]))
	}
}

// Samples are the last updates that could not be used, oldest first.
func (s *Source) Samples() []samples.Sample { return s.samples.List() }

// Refused is how many connections were closed because they came from nobody we know, or from a peer that has a session.
func (s *Source) Refused() uint64 { return s.refused.Load() }

// OddRefreshes is how many ROUTE-REFRESH messages were passed over: of an unknown subtype, of a family that the session does not carry, or the
// end of a table that had not begun.
func (s *Source) OddRefreshes() uint64 { return s.oddRefreshes.Load() }

// Refresh asks all peers to send their tables again (RFC 2918): after a reload that watches more, routes that were passed over before come in
// that way. The error names the peers that could not be asked.
func (s *Source) Refresh(ctx context.Context) error {
	var faults []error
	for _, x := range s.all() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !x.up.Load() {
			continue
		}
		if err := x.askAgain(); err != nil {
			faults = append(faults, fmt.Errorf("neighbor %s: %w", x.name(), err))
		}
	}
	return errors.Join(faults...)
}

// Session is one neighbor's session as the operator sees it.
type Session struct {
	Name        string
	Address     netip.Addr // zero for a range nobody of which is connected
	ASN         route.ASN
	Established bool
	Since       time.Time // of the establishment
	Families    route.Family
	AddPath     route.Family
	Restart     time.Duration // graceful restart time of the peer, zero when it has none
	Role        string        // BGP role of the peer (RFC 9234), empty when it tells none
}

// Sessions lists every neighbor with an address, and every session of a range.
func (s *Source) Sessions() []Session {
	var out []Session
	seen := make(map[netip.Addr]bool)
	for _, x := range s.all() {
		seen[x.addr] = true
		out = append(out, x.describe())
	}
	for _, n := range s.table.Load().cfg.Neighbors {
		if !n.dynamic() && !seen[n.Address] {
			out = append(out, Session{Name: n.Name, Address: n.Address, ASN: n.ASN})
		}
	}
	slices.SortFunc(out, func(a, b Session) int { return cmp.Or(cmp.Compare(a.Name, b.Name), a.Address.Compare(b.Address)) })
	return out
}

func (s *session) describe() Session {
	d := Session{Name: s.name(), Address: s.addr, ASN: s.nb.ASN}
	if !s.up.Load() {
		return d
	}
	d.Established, d.Since = true, time.Unix(0, s.since.Load())
	d.Families, d.AddPath, d.Restart = s.carried, s.addPath, s.peer.RestartTime
	d.Role = collector.RoleOf(s.peer.Role, s.peer.HasRole).String()
	return d
}
