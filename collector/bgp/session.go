package bgp

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwhited/corebgp"

	"anywatch/collector"
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
	cfg  Config        // in force when it came

	peer    peerOpen
	carried route.Family // what the session carries
	addPath route.Family // what of it comes with several paths
	vantage *collector.Vantage
	up      atomic.Bool
	since   atomic.Int64 // Unix nanoseconds of the establishment

	// What follows belongs to the goroutine that reads, from the establishment on.
	reader     collector.Reader
	in         collector.Intake
	discarded  *collector.Malformed // the update at hand lost an attribute
	zero       error                // what the update at hand contains against RFC 7607
	refreshing [3]time.Time         // by family: since when the peer shows its table again
	routes     *census              // what it announces; nil where there is no limit

	limit atomic.Int64 // max_prefixes
}

func newSession(src *Source, r *run, cfg Config, nb Neighbor, c net.Conn, prev *session) *session {
	s := &session{src: src, cfg: cfg, nb: nb, addr: tcp.Remote(c).Addr(), done: make(chan struct{}), prev: prev}
	s.conn = newConn(c, cfg.HoldTime, src.deps.Now, s)
	s.in = collector.Intake{
		Screen: screen.New(src.deps.Live), Out: &zeroGuard{session: s, out: r.out}, Discarded: func(m *collector.Malformed) { s.discarded = m },
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.limit.Store(int64(nb.MaxPrefixes))
	return s
}

// end ends the session with a Cease.
func (s *session) end(c cease) {
	s.conn.farewell.CompareAndSwap(nil, &c)
	s.stop()
}

// replace ends the session in favour of a new connection. RFC 4724 section 4.2, of a peer that restarts gracefully and connects again: "the
// previous TCP session MUST be closed […] without sending a NOTIFICATION". One that was not established yet has collided (RFC 4271 section
// 6.8).
func (s *session) replace() {
	if !s.up.Load() {
		s.end(cease{ceaseCollision, "the peer opened another connection"})
		return
	}
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
	defer s.conn.linger()
	defer close(s.done)
	defer s.src.release(s)
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
	server, err := corebgp.NewServer(s.cfg.RouterID)
	if err != nil {
		return err
	}
	peer := corebgp.PeerConfig{RemoteAddress: s.addr, LocalAS: uint32(s.cfg.ASN), RemoteAS: uint32(s.nb.ASN)}
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
		s.stop() // who waits for room in the queue waits no longer
	case <-s.ctx.Done():
	}
	server.Close()
	<-served
	return nil
}

// finish tells that the session is over. When the daemon ends there is nobody to tell.
func (s *session) finish(ctx context.Context, out collector.Sink) {
	s.flush(s.conn.at)
	why, now := s.conn.why(), s.src.deps.Now()
	log := s.src.deps.Log.With("neighbor", s.name(), "reason", why)
	if !s.up.Swap(false) {
		log.Warn("BGP session did not come up")
		s.src.feeds.refused(s.name(), why)
		return
	}
	s.src.deps.Counters.Sessions.Add(-1)
	log.Warn("BGP session ended")
	ev := collector.Event{Kind: collector.FeedLost, Time: now, Vantage: s.vantage, Reason: why, Keep: s.keep()}
	_ = out.Emit(ctx, ev) // it fails only when ctx has ended
	s.src.feeds.lost(now, s.name(), why, s.mayReturn(), ctx.Err() == nil)
}

// survives tells whether the peer wants its routes kept. RFC 4724 section 4.2 keeps them when the connection breaks; a NOTIFICATION means that
// the session is over on purpose, unless both sides say otherwise (RFC 8538 section 4), as we always do.
func (s *session) survives() bool {
	if !s.peer.Restart || s.peer.RestartFamilies.Unicast&s.carried == 0 {
		return false
	}
	how := s.conn.goodbye.Load()
	return how == broken || how == notified && s.peer.notification
}

// keep is how long stale routes are kept: for the peer's restart time, and where it asks for that, for its long-lived stale time after it (RFC
// 9494 section 4.2), the longest of its families.
func (s *session) keep() (d time.Duration) {
	if !s.survives() {
		return 0
	}
	for f, stale := range s.peer.longLived {
		if s.carried&f != 0 {
			d = max(d, stale)
		}
	}
	return s.peer.RestartTime + d
}

// mayReturn is how long the peer may take to come back before anybody has to know: its restart time, or when we have ended the session because
// its configuration changed, as long as a new neighbor.
func (s *session) mayReturn() time.Duration {
	if s.survives() {
		return s.peer.RestartTime
	}
	if f := s.conn.farewell.Load(); f != nil && f.subcode == ceaseChanged {
		return s.cfg.ComeUp
	}
	return 0
}

// name is what people call the session.
func (s *session) name() string { return s.nb.called(s.addr) }

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
