package bgp

import (
	"net/netip"
)

// table finds the neighbor that an address belongs to.
type table struct {
	cfg     Config
	address map[netip.Addr]Neighbor
	ranges  map[netip.Prefix]Neighbor
	lengths []int // of the ranges, longest first, each once
}

func newTable(cfg Config) *table {
	t := &table{cfg: cfg, address: make(map[netip.Addr]Neighbor), ranges: make(map[netip.Prefix]Neighbor)}
	var has [129]bool
	for _, n := range cfg.Neighbors {
		if !n.dynamic() {
			t.address[n.Address] = n
			continue
		}
		t.ranges[n.Range] = n
		has[n.Range.Bits()] = true
	}
	for bits := len(has) - 1; bits >= 0; bits-- {
		if has[bits] {
			t.lengths = append(t.lengths, bits)
		}
	}
	return t
}

// find gives the neighbor of an address: its own entry, else the longest range around it.
func (t *table) find(addr netip.Addr) (Neighbor, bool) {
	if n, ok := t.address[addr]; ok {
		return n, true
	}
	addr = addr.WithZone("")
	if n, ok := t.address[addr]; ok {
		return n, true
	}
	for _, bits := range t.lengths {
		p, err := addr.Prefix(bits)
		if err != nil {
			continue
		}
		if n, ok := t.ranges[p]; ok {
			return n, true
		}
	}
	return Neighbor{}, false
}

// same tells whether a session of this neighbor may go on under another configuration.
func (t *table) same(u *table, addr netip.Addr, n Neighbor) bool {
	found, ok := u.find(addr)
	found.MaxPeers = n.MaxPeers       // a lower limit holds for those who come
	found.MaxPrefixes = n.MaxPrefixes // the session takes the new one over
	return ok && found == n && t.cfg.ASN == u.cfg.ASN && t.cfg.RouterID == u.cfg.RouterID && t.cfg.HoldTime == u.cfg.HoldTime
}
