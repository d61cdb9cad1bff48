package bgp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwhited/corebgp"

	"anywatch/collector"
	"anywatch/collector/internal/open"
	"anywatch/collector/internal/tcp"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// session is one connection of a neighbor, from accepting it to its end.
type session struct {
	src  *Source
	nb   Neighbor
	addr netip.Addr
	conn *conn
	ctx  context.Context // ends when the session is told to
	stop context.CancelFunc
	done chan struct{} // closed when nothing of the session is left
	prev *session      // a session of the same peer that must have ended before this one begins

	peer    open.Capabilities
	bgpID   netip.Addr
	carried route.Family // what the session carries
	addPath route.Family // what of it comes with several paths
	vantage *collector.Vantage
	up      atomic.Bool
	since   atomic.Int64 // Unix nanoseconds of the establishment

	reader collector.Reader
	mu     sync.Mutex // guards in: the handler holds it while it works, the flusher only tries
	in     collector.Intake
	zero   error // what the update at hand contains against RFC 7607
}

func newSession(src *Source, r *run, nb Neighbor, c net.Conn, prev *session) *session {
	s := &session{src: src, nb: nb, addr: tcp.Remote(c).Addr(), done: make(chan struct{}), prev: prev}
	s.conn = newConn(c, src.table.Load().cfg.HoldTime, src.deps.Now, s.heard)
	s.in = collector.Intake{Screen: screen.New(src.deps.Live), Out: &zeroGuard{session: s, out: r.out}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// heard counts a message that is not an UPDATE: a session that only sends keepalives is alive.
func (s *session) heard() {
	now := s.src.deps.Now()
	s.src.deps.Counters.Messages.Add(1)
	s.src.deps.Counters.Arrived(now, now)
}

// end ends the session with a Cease.
func (s *session) end(c cease) {
	s.conn.farewell.CompareAndSwap(nil, &c)
	s.stop()
}

// replace ends the session without a word. RFC 4724 section 4.2, of a peer that restarts gracefully and connects again: "the previous TCP
// session MUST be closed […] without sending a NOTIFICATION".
func (s *session) replace() {
	s.conn.ended("the peer opened a new connection")
	_ = s.conn.Close() // before anybody is told to say goodbye
	s.stop()
}

// replaceable tells whether a new connection of the same peer takes this one's place: while it is not established, and where the peer
// restarts gracefully. Else RFC 4271 section 6.8 holds: "a connection collision with an existing BGP connection that is in the Established
// state causes closing of the newly created connection".
func (s *session) replaceable() bool { return !s.up.Load() || s.peer.Restart }

// run speaks BGP on the connection until it ends. Each session has a corebgp server of its own: its lock, its timers and its penalty
// for peers that erred can't touch another session.
func (s *session) run(r *run) {
	defer close(s.done)
	defer s.conn.Close()
	if s.prev != nil {
		<-s.prev.done
		s.prev = nil
	}
	unbind := context.AfterFunc(r.ctx, func() { s.end(cease{ceaseShutdown, "anywatch is shutting down"}) })
	defer unbind()
	if err := s.speak(); err != nil {
		s.src.deps.Log.Error("BGP session could not begin", "neighbor", s.name(), "error", err)
		return
	}
	s.finish(r.parent, r.out)
}

// speak runs the state machine.
func (s *session) speak() error {
	cfg := s.src.table.Load().cfg
	server, err := corebgp.NewServer(cfg.RouterID)
	if err != nil {
		return err
	}
	peer := corebgp.PeerConfig{RemoteAddress: s.addr, LocalAS: uint32(cfg.ASN), RemoteAS: uint32(s.nb.ASN)}
	if err := server.AddPeer(peer, s, corebgp.WithPassive(), corebgp.WithHoldTime(fsmHold)); err != nil {
		return err
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve([]net.Listener{newOneShot(s.conn)}) // why the session ended, the connection knows better
	}()
	select {
	case <-s.conn.closed:
	case <-s.ctx.Done():
	}
	server.Close()
	<-served
	return nil
}

// finish tells that the session is over. When the daemon ends there is nobody to tell.
func (s *session) finish(ctx context.Context, out collector.Sink) {
	s.flush()
	log := s.src.deps.Log.With("neighbor", s.name(), "reason", s.conn.why())
	if !s.up.Swap(false) {
		log.Warn("BGP session did not come up")
		return
	}
	s.src.deps.Counters.Sessions.Add(-1)
	log.Warn("BGP session ended")
	ev := collector.Event{Kind: collector.FeedLost, Time: s.src.deps.Now(), Vantage: s.vantage, Reason: s.conn.why(), Keep: s.keep()}
	_ = out.Emit(ctx, ev) // it fails only when ctx has ended
}

// keep is how long the peer asked to keep its routes. RFC 4724 section 4.2 keeps them when the connection breaks; a NOTIFICATION means that
// the session is over on purpose.
func (s *session) keep() time.Duration {
	if !s.peer.Restart || s.peer.RestartFamilies.Unicast == 0 || s.conn.formal.Load() {
		return 0
	}
	return s.peer.RestartTime
}

// name is what people call the session: the neighbor's name, for a range with the address.
func (s *session) name() string {
	if s.nb.dynamic() {
		return s.nb.Name + "/" + s.addr.String()
	}
	return s.nb.Name
}

// flush adds what was counted to the source's totals.
func (s *session) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.src.deps.Counters.Add(&s.in.Tally)
}

// tryFlush does so unless a message is being handled.
func (s *session) tryFlush() {
	if s.mu.TryLock() {
		s.src.deps.Counters.Add(&s.in.Tally)
		s.mu.Unlock()
	}
}

// refresh asks the peer for its table again (RFC 2918 section 3): AFI, a reserved octet, SAFI.
func (s *session) refresh() error {
	if !s.peer.RouteRefresh {
		return errNoRefresh
	}
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		if s.carried&f == 0 {
			continue
		}
		if err := s.conn.send(message(typeRouteRefresh, 0, byte(f), 0, 1)); err != nil {
			return err
		}
	}
	return nil
}

var errNoRefresh = errors.New("the peer does not offer route refresh (RFC 2918); reset the session to see its table again")

// oneShot is a listener that has one connection to give.
type oneShot struct {
	conn   chan *conn
	once   sync.Once
	closed chan struct{}
	addr   net.Addr
}

func newOneShot(c *conn) *oneShot {
	l := &oneShot{conn: make(chan *conn, 1), closed: make(chan struct{}), addr: c.LocalAddr()}
	l.conn <- c
	return l
}

// Accept gives the connection, and then waits for Close.
func (l *oneShot) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (l *oneShot) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is where the connection arrived.
func (l *oneShot) Addr() net.Addr { return l.addr }
