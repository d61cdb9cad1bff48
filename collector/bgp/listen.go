package bgp

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
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
			return fmt.Errorf("neighbor %s on %s: its MD5 key could not be set, so nobody may connect: %w%s", n.Name, d.listener.Text, err, cure(err))
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

// cure says what to do about a key that could not be set.
func cure(err error) string {
	if errors.Is(err, syscall.ENOMEM) {
		return "; the kernel has room for the keys of a listener in net.core.optmem_max octets: raise it, or give a range one key"
	}
	return ""
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
	x, refused := s.claim(r, c)
	if refused != nil {
		s.refused.Add(1) // before the peer knows of it, so that who asks next finds it counted
		if refused.subcode != 0 {
			_ = c.SetWriteDeadline(s.deps.Now().Add(time.Second))
			_, _ = c.Write(refused.message()) // a courtesy; the connection is closed in any case
		}
		if n, ok := s.strange.Pass(); ok {
			s.deps.Log.Warn("BGP connection refused", "from", tcp.Remote(c).Addr(), "neighbor", refused.neighbor, "why", refused.text, "not_logged", n)
		}
		s.feeds.refused(refused.neighbor, refused.text)
		_ = c.Close()
		return
	}
	if x.prev != nil {
		x.prev.replace()
	}
	r.sessions.Go(func() { x.run(r) })
}

// refusal is why a connection is closed at once. With a subcode of zero nothing is said to the other end.
type refusal struct {
	cease
	neighbor string
}

// claim makes the session of a connection, or says why it may not be. The configuration is looked at under the lock under which a reload looks
// at the sessions: none slips through between.
func (s *Source) claim(r *run, c *net.TCPConn) (*session, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, addr := s.table.Load(), tcp.Remote(c).Addr()
	nb, ok := t.find(addr)
	refuse := func(subcode byte, why string) (*session, *refusal) {
		return nil, &refusal{cease{subcode, why}, nb.Name}
	}
	if !ok {
		return refuse(0, "no neighbor and no range of the configuration has its address")
	}
	if nb.TTLSecurity > 0 {
		if err := protect(c, nb.TTLSecurity); err != nil {
			return refuse(0, err.Error())
		}
	}
	if r.ctx.Err() != nil {
		return refuse(ceaseShutdown, "anywatch is shutting down")
	}
	old := s.sessions[addr]
	if old != nil && !old.replaceable() {
		return refuse(ceaseCollision, "the peer has a session already")
	}
	if old == nil && nb.MaxPeers > 0 && s.members(nb) >= nb.MaxPeers {
		return refuse(ceaseRejected, fmt.Sprintf("the range has its %d peers already (max_peers)", nb.MaxPeers))
	}
	x := newSession(s, r, t.cfg, nb, c, old)
	s.sessions[addr] = x
	return x, nil
}

// members counts the sessions of a neighbor; s.mu must be held.
func (s *Source) members(nb Neighbor) (n int) {
	for _, x := range s.sessions {
		if x.nb.Name == nb.Name {
			n++
		}
	}
	return n
}

// release forgets a session that has ended, unless a newer one has taken its place.
func (s *Source) release(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[x.addr] == x {
		delete(s.sessions, x.addr)
	}
}
