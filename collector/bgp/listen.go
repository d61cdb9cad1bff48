package bgp

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/jwhited/corebgp"

	"anywatch/collector/internal/tcp"
)

// doors are the socket options of the listeners: which keys are set on each, and whether its TTLs were.
type doors struct {
	mu sync.Mutex
	of map[*tcp.Listener]*door
}

type door struct {
	listener *tcp.Listener
	keys     map[netip.Prefix]Password
	guarded  bool // its TTLs were set
}

// door gives the door of a listener; d.mu must be held.
func (d *doors) door(l *tcp.Listener) *door {
	x := d.of[l]
	if x == nil {
		x = &door{listener: l, keys: make(map[netip.Prefix]Password)}
		if d.of == nil {
			d.of = make(map[*tcp.Listener]*door)
		}
		d.of[l] = x
	}
	return x
}

// hooks give listeners what the neighbors of a configuration need, and after a reload that failed what those of the old one needed.
func (d *doors) hooks(cfg, old Config) tcp.Hooks {
	return tcp.Hooks{
		Socket: func(l *tcp.Listener) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.door(l).secure(cfg)
		},
		All: func(list []*tcp.Listener) error { return errors.Join(d.secureAll(list, cfg), reached(list, cfg)) },
		Undo: func(list []*tcp.Listener) error {
			return errors.Join(d.secureAll(list, old), d.settle(list, old))
		},
	}
}

// secureAll sets on listeners what the neighbors need. What can't be set is an error: a session that should have a key never comes up
// without one.
func (d *doors) secureAll(list []*tcp.Listener, cfg Config) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range list {
		if err := d.door(l).secure(cfg); err != nil {
			return err
		}
	}
	return nil
}

// settle takes away the keys that nobody has any more, and forgets listeners that are gone. A key that can't be taken away keeps its address
// closed to those without it.
func (d *doors) settle(list []*tcp.Listener, cfg Config) (faults error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.of, func(l *tcp.Listener, _ *door) bool { return !slices.Contains(list, l) })
	for _, l := range list {
		faults = errors.Join(faults, d.door(l).forget(cfg))
	}
	return faults
}

// reached finds neighbors that no listener takes.
func reached(list []*tcp.Listener, cfg Config) error {
	for _, n := range cfg.Neighbors {
		a := n.prefix().Addr()
		if !slices.ContainsFunc(list, func(l *tcp.Listener) bool { return takes(l, a) }) {
			return fmt.Errorf("neighbor %s can't connect: none of the addresses %v takes the family of %v; listen on one that does", n.Name, cfg.Listen, a)
		}
	}
	return nil
}

// takes tells whether peers of an address's family can connect to a listener. Where no address is given, the socket takes both families unless
// the host has no IPv6.
func takes(l *tcp.Listener, a netip.Addr) bool {
	here := l.Addr().Addr()
	if here.Is6() && here.IsUnspecified() && !here.Is4In6() {
		return true
	}
	return here.Unmap().Is4() == a.Is4()
}

// secure sets TTLs and keys.
func (d *door) secure(cfg Config) error {
	if err := d.guard(cfg); err != nil {
		return fmt.Errorf("ttl_security could not be set on %s: %w", d.listener.Text, err)
	}
	for _, n := range cfg.Neighbors {
		if !takes(d.listener, n.prefix().Addr()) || n.Password == d.keys[n.prefix()] {
			continue
		}
		if err := d.setKey(n.prefix(), n.Password); err != nil {
			return fmt.Errorf("neighbor %s on %s: its MD5 key could not be set, so nobody may connect: %w", n.Name, d.listener.Text, err)
		}
		d.keys[n.prefix()] = n.Password
	}
	return nil
}

// guard sets the TTL that packets go out with, and the least that they may come with: here only what holds for all neighbors, so that the
// handshake is covered too where all of them are near; what holds for one is set on its connection.
func (d *door) guard(cfg Config) error {
	least, wanted := 255, false
	for _, n := range cfg.Neighbors {
		wanted = wanted || n.TTLSecurity > 0
		least = min(least, leastTTL(n.TTLSecurity))
	}
	if !wanted && !d.guarded {
		return nil
	}
	v4 := d.listener.Addr().Addr().Unmap().Is4()
	if err := setTTL(d.listener, v4); err != nil {
		return err
	}
	d.guarded = true
	return setLeastTTL(d.listener, v4, least)
}

// leastTTL is what a packet still has after so many hops (RFC 5082 section 3); zero hops mean that it doesn't matter.
func leastTTL(hops int) int {
	if hops == 0 {
		return 0
	}
	return 255 - hops + 1
}

// setKey sets the MD5 key for a prefix, or takes it away when it is empty.
func (d *door) setKey(p netip.Prefix, key Password) error {
	return d.listener.Control(func(fd int) error { return corebgp.SetTCPMD5Signature(fd, p.Addr(), uint8(p.Bits()), string(key)) })
}

// forget takes away the keys of neighbors that are gone.
func (d *door) forget(cfg Config) (faults error) {
	keep := make(map[netip.Prefix]bool)
	for _, n := range cfg.Neighbors {
		keep[n.prefix()] = n.Password != ""
	}
	for p := range d.keys {
		if keep[p] {
			continue
		}
		if d.keys[p] != "" {
			faults = errors.Join(faults, d.setKey(p, ""))
		}
		delete(d.keys, p)
	}
	return faults
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
