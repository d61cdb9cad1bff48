package bgp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/jwhited/corebgp"

	"anywatch/collector/internal/tcp"
)

// listener is one address that we listen on, with the keys that are set on it.
type listener struct {
	*net.TCPListener
	text    string // as configured
	keys    map[netip.Prefix]Password
	guarded bool // its TTLs were set
}

func (l *listener) addr() netip.AddrPort { return tcp.Addr(l.TCPListener) }

// takes tells whether peers of an address's family can connect here. Where no address is given, the socket takes both families unless the
// host has no IPv6.
func (l *listener) takes(a netip.Addr) bool {
	here := l.addr().Addr()
	if here.Is6() && here.IsUnspecified() && !here.Is4In6() {
		return true
	}
	return here.Unmap().Is4() == a.Is4()
}

// listenAll listens on all addresses of a configuration, or on none.
func listenAll(cfg Config) (list []*listener, err error) {
	defer func() {
		if err != nil {
			closeAll(list)
			list = nil
		}
	}()
	for _, text := range cfg.Listen {
		l, err := listen(text)
		if err != nil {
			return list, err
		}
		list = append(list, l)
	}
	return list, secureAll(list, cfg)
}

func listen(text string) (*listener, error) {
	l, err := tcp.Listen(text, "BGP")
	if err != nil {
		return nil, err
	}
	return &listener{TCPListener: l, text: text, keys: make(map[netip.Prefix]Password)}, nil
}

func closeAll(list []*listener) {
	for _, l := range list {
		_ = l.Close()
	}
}

// secureAll sets on the listeners what the neighbors need. What can't be set is an error: a session that should have a key never comes up
// without one.
func secureAll(list []*listener, cfg Config) error {
	for _, l := range list {
		if err := l.guard(cfg); err != nil {
			return fmt.Errorf("ttl_security could not be set on %s: %w", l.text, err)
		}
	}
	for _, n := range cfg.Neighbors {
		reached := false
		for _, l := range list {
			if !l.takes(n.prefix().Addr()) {
				continue
			}
			reached = true
			if err := l.secure(n); err != nil {
				return fmt.Errorf("neighbor %s on %s: its MD5 key could not be set, so nobody may connect: %w", n.Name, l.text, err)
			}
		}
		if !reached {
			return fmt.Errorf("neighbor %s can't connect: none of the addresses %v takes the family of %v; listen on one that does", n.Name, cfg.Listen, n.prefix().Addr())
		}
	}
	return nil
}

// guard sets the TTL that packets go out with, and the least that they may come with: here only what holds for all neighbors, so that the
// handshake is covered too where all of them are near; what holds for one is set on its connection.
func (l *listener) guard(cfg Config) error {
	least, wanted := 255, false
	for _, n := range cfg.Neighbors {
		wanted = wanted || n.TTLSecurity > 0
		least = min(least, leastTTL(n.TTLSecurity))
	}
	if !wanted && !l.guarded {
		return nil
	}
	v4 := l.addr().Addr().Unmap().Is4()
	if err := setTTL(l, v4); err != nil {
		return err
	}
	l.guarded = true
	return setLeastTTL(l, v4, least)
}

// leastTTL is what a packet still has after so many hops (RFC 5082 section 3); zero hops mean that it doesn't matter.
func leastTTL(hops int) int {
	if hops == 0 {
		return 0
	}
	return 255 - hops + 1
}

// secure sets the key that a neighbor needs.
func (l *listener) secure(n Neighbor) error {
	if n.Password == l.keys[n.prefix()] {
		return nil
	}
	if err := l.setKey(n.prefix(), n.Password); err != nil {
		return err
	}
	l.keys[n.prefix()] = n.Password
	return nil
}

// setKey sets the MD5 key for a prefix, or takes it away when it is empty.
func (l *listener) setKey(p netip.Prefix, key Password) error {
	return control(l, func(fd int) error { return corebgp.SetTCPMD5Signature(fd, p.Addr(), uint8(p.Bits()), string(key)) })
}

// forget takes away the keys of neighbors that are gone.
func (l *listener) forget(cfg Config) (faults error) {
	keep := make(map[netip.Prefix]bool)
	for _, n := range cfg.Neighbors {
		keep[n.prefix()] = n.Password != ""
	}
	for p := range l.keys {
		if keep[p] {
			continue
		}
		if l.keys[p] != "" {
			faults = errors.Join(faults, l.setKey(p, ""))
		}
		delete(l.keys, p)
	}
	return faults
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

// admit looks who is there, and begins a session or closes the connection.
func (s *Source) admit(r *run, c *net.TCPConn) {
	addr := tcp.Remote(c).Addr()
	nb, ok := s.table.Load().find(addr)
	if !ok {
		s.refuse(c, "", "no neighbor and no range of the configuration has its address")
		return
	}
	if nb.TTLSecurity > 0 {
		if err := protect(c, nb.TTLSecurity); err != nil {
			s.refuse(c, nb.Name, err.Error())
			return
		}
	}
	s.mu.Lock()
	x, why := s.claim(r, nb, c)
	s.mu.Unlock()
	if x == nil {
		s.refused.Add(1) // before the peer knows of it, so that who asks next finds it counted
		_ = c.SetWriteDeadline(s.deps.Now().Add(time.Second))
		_, _ = c.Write(why.message()) // a courtesy; the connection is closed in any case
		s.turnAway(c, nb.Name, why.text)
		return
	}
	if x.prev != nil {
		x.prev.replace()
	}
	r.sessions.Go(func() {
		x.run(r)
		s.release(x)
	})
}

// claim makes the session of a connection, or says why it may not be; s.mu must be held.
func (s *Source) claim(r *run, nb Neighbor, c net.Conn) (*session, cease) {
	if r.ctx.Err() != nil {
		return nil, cease{ceaseShutdown, "anywatch is shutting down"}
	}
	addr := tcp.Remote(c).Addr()
	old := s.sessions[addr]
	if old != nil && !old.replaceable() {
		return nil, cease{ceaseCollision, "the peer has a session already"}
	}
	if old == nil && nb.MaxPeers > 0 {
		n := 0
		for _, x := range s.sessions {
			if x.nb.Name == nb.Name {
				n++
			}
		}
		if n >= nb.MaxPeers {
			return nil, cease{ceaseRejected, fmt.Sprintf("the range has its %d peers already (max_peers)", nb.MaxPeers)}
		}
	}
	x := newSession(s, r, nb, c, old)
	s.sessions[addr] = x
	return x, cease{}
}

// release forgets a session that has ended, unless a newer one has taken its place.
func (s *Source) release(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[x.addr] == x {
		delete(s.sessions, x.addr)
	}
}

// refuse counts and closes a connection.
func (s *Source) refuse(c net.Conn, neighbor, why string) {
	s.refused.Add(1)
	s.turnAway(c, neighbor, why)
}

// turnAway closes a connection; one a minute is logged.
func (s *Source) turnAway(c net.Conn, neighbor, why string) {
	if n, ok := s.strange.Pass(); ok {
		s.deps.Log.Warn("BGP connection refused", "from", tcp.Remote(c).Addr(), "neighbor", neighbor, "why", why, "not_logged", n)
	}
	_ = c.Close()
}
