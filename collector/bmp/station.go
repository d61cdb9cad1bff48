package bmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/internal/tcp"
)

// connection is one router that is connected.
type connection struct {
	src    *Source
	cfg    Config // in force when it came
	conn   net.Conn
	remote netip.AddrPort
	stream *Stream
	log    *slog.Logger
	cancel context.CancelCauseFunc
	feed   *routerFeed // nil until the first message has come
	called string      // the name it goes by; guarded by src.mu
	number uint64      // counted through in the order in which they came
}

// admit looks who is there, and serves the router or closes the connection.
func (s *Source) admit(r *run, c *net.TCPConn) {
	from := tcp.Remote(c)
	cfg := *s.cfg.Load()
	if !allowed(cfg.Allow, from.Addr()) {
		s.totals.refused.Add(1)
		if n, ok := s.strange.Pass(); ok {
			s.deps.Log.Warn("BMP connection refused: its address is not in sources.bmp.allow", "from", from.Addr(), "not_logged", n)
		}
		_ = c.Close()
		return
	}
	x := &connection{src: s, cfg: cfg, conn: c, remote: from, log: s.deps.Log.With("from", from.String())}
	if cfg.TLS != nil {
		x.conn = tls.Server(c, cfg.TLS)
	}
	x.stream = NewStream(StreamConfig{Router: from.Addr().String(), ASNs: cfg.ASNs, VRFs: cfg.VRFs}, s.deps, r.out)
	x.stream.owners = &s.owners
	x.stream.naming = func(name string) string { return s.name(x, name) }
	ctx, cancel := context.WithCancelCause(r.ctx)
	x.cancel = cancel
	s.mu.Lock()
	s.admitted++
	x.number = s.admitted
	s.connections[x] = struct{}{}
	s.mu.Unlock()
	r.group.Go(func() {
		x.serve(ctx, r)
		cancel(nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.connections, x)
	})
}

func allowed(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a.WithZone("")) })
}

// serve reads the router until its end. Each router has its goroutine: one that floods us fills the queue as far as the others let it,
// and then waits in its TCP connection.
func (x *connection) serve(ctx context.Context, r *run) {
	defer x.conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = x.conn.Close() })
	defer stop()
	x.src.deps.Counters.Sessions.Add(1)
	defer x.src.deps.Counters.Sessions.Add(-1)
	x.log.Info("BMP router connected")
	err := x.read(ctx, r)
	e := end{time: x.src.deps.Now(), reason: "the router closed the connection"}
	cause := context.Cause(ctx)
	switch {
	case r.parent.Err() != nil:
		e.reason = "anywatch is shutting down"
	case cause != nil:
		e.reason = cause.Error()
	case err != nil && !errors.Is(err, io.EOF):
		e.reason = err.Error()
	}
	if errors.Is(cause, errAgain) || errors.Is(cause, errChanged) {
		e.keep = comeBack
	}
	router, _, _ := x.stream.Peers()
	x.log.Warn("BMP connection ended", "router", router, "reason", e.reason)
	x.stream.Flush(x.src.deps.Counters)
	x.src.totals.take(&x.stream.noted)
	_ = x.stream.Lost(r.parent, e.time, e.reason) // it fails only when the daemon ends, as does the next
	_ = x.src.feeds.leave(r.parent, r.out, x.feed, e)
}

// read feeds the stream. Until the first message has come, there is a deadline.
func (x *connection) read(ctx context.Context, r *run) error {
	if err := x.conn.SetDeadline(x.src.deps.Now().Add(x.cfg.FirstBytes)); err != nil {
		return err
	}
	if t, ok := x.conn.(*tls.Conn); ok {
		if err := t.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("TLS handshake: %w", err)
		}
	}
	frames := NewReader(x.conn, x.cfg.MaxFrame, false)
	at, first := x.src.deps.Now(), true
	for {
		waited := frames.Waits()
		if waited {
			x.settle(at)
		}
		frame, err := frames.Next()
		if err != nil {
			return x.explain(err, first)
		}
		if waited {
			at = x.src.deps.Now()
		}
		if err := x.message(ctx, r, frame, at, first); err != nil {
			return err
		}
		first = false
	}
}

// message takes one message. An error ends the connection.
func (x *connection) message(ctx context.Context, r *run, frame []byte, at time.Time, first bool) error {
	if first {
		if frame[5] != initiation {
			x.log.Warn("the first BMP message is no Initiation (RFC 7854 section 4.3); the router's address has to do as its name")
		}
		if err := x.conn.SetDeadline(time.Time{}); err != nil {
			return err
		}
	}
	if err := x.stream.Message(ctx, frame, at); PassedOver(err) {
		x.src.malformed(x.stream.name(), at, err, frame)
	} else if err != nil {
		return err
	}
	switch {
	case x.stream.goodbye != "":
		return errors.New(x.stream.goodbye)
	case first || frame[5] == initiation:
		return x.introduce(ctx, r, at)
	}
	return nil
}

// introduce makes the connection one of the router's feed, as soon as its name is known, or when it changed.
func (x *connection) introduce(ctx context.Context, r *run, at time.Time) error {
	name := x.stream.router
	if x.feed != nil && x.feed.name == name {
		return nil
	}
	old := x.feed
	f, renamed := x.src.feeds.join(name, x.remote.Addr())
	x.feed = f
	if old != nil {
		x.src.feeds.rename(old)
	}
	for _, g := range append(renamed, f) {
		if err := x.src.feeds.settle(ctx, r.out, g, end{time: at}); err != nil {
			return err
		}
	}
	return nil
}

// settle adds what was counted to the totals, before waiting for more.
func (x *connection) settle(at time.Time) {
	if x.stream.started {
		x.src.deps.Counters.Arrived(at, x.stream.clock)
	}
	x.stream.Flush(x.src.deps.Counters)
	x.src.totals.take(&x.stream.noted)
}

// explain says why nothing more can be read.
func (x *connection) explain(err error, first bool) error {
	var late net.Error
	if first && errors.As(err, &late) && late.Timeout() {
		return fmt.Errorf("no BMP message came within %v", x.cfg.FirstBytes)
	}
	if frame := new(FrameError); errors.As(err, &frame) {
		x.src.totals.frames.Add(1)
		x.src.deps.Counters.Messages.Add(1)
		x.src.deps.Counters.Malformed.Add(1)
	}
	return err
}

// name gives the name under which a router is known: what it calls itself, unless another router that is connected calls itself the
// same; then its address is added, so that their tables don't get mixed up.
func (s *Source) name(x *connection, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for y := range s.connections {
		if y != x && y.called == name && y.remote.Addr() != x.remote.Addr() {
			s.deps.Log.Warn("two BMP routers have the same name; give each its own", "name", name, "addresses", []netip.Addr{y.remote.Addr(), x.remote.Addr()})
			return name + "@" + x.remote.Addr().String()
		}
	}
	x.called = name
	return name
}

// comeBack is how long a router may take to come back whose connection we ended ourselves. RFC 7854 section 3.2 has
// routers wait for 30 s before they try again, and longer when that fails.
const comeBack = 2 * time.Minute

// Why the station ends connections.
var (
	errChanged    = errors.New("the configuration changed")
	errNotAllowed = errors.New("its address was taken out of sources.bmp.allow")
	errAgain      = errors.New("closed to see the router's tables again")
)

var _ collector.Source = (*Source)(nil)
