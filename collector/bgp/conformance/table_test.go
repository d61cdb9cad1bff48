//go:build interop

package conformance

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"anywatch/collector"
	"anywatch/collector/internal/peers"
)

// tableSize is how many routes a daemon shows. ExaBGP, which is written in Python, and GoBGP take more than a minute for 300,000.
func tableSize(m peers.Make) int {
	if m == peers.GoBGP || m == peers.ExaBGP {
		return 30000
	}
	return 300000
}

// manyPrefixes are so many prefixes of 24 bits, one after the other, with the watched one in their middle.
func manyPrefixes(n int) []netip.Prefix {
	list := make([]netip.Prefix, n)
	for i := range list {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], 20<<24+uint32(i)<<8)
		list[i] = netip.PrefixFrom(netip.AddrFrom4(a), 24)
	}
	list[n/2] = four
	return list
}

// fed tells whether a daemon gets its table from BIRD, as the client of a reflector: GoBGP reads no routes from a file, and OpenBGPD takes
// minutes for so many.
func fed(m peers.Make) bool { return m == peers.GoBGP || m == peers.OpenBGPD }

// runTable starts a daemon that shows the station a table, and gives it with the one that originates the table.
func (s *station) runTable(at netip.Addr, m peers.Make, table []netip.Prefix) (p, from *peers.Speaker) {
	s.t.Helper()
	spec := s.spec(at, ourAS)
	spec.Restart = 60 // without it GoBGP sends no End-of-RIB
	if !fed(m) {
		spec.Table = table
		p = peers.Run(s.t, m, spec)
		return p, p
	}
	client := newAddress()
	spec.Clients, spec.ClusterID = []netip.Addr{client}, cluster
	p = peers.Run(s.t, m, spec)
	feeder := peers.Spec{Address: client, Port: freePort(s.t, client), ASN: ourAS, StationAS: ourAS,
		Station: netip.AddrPortFrom(spec.Address, spec.Port), Table: table}
	return p, peers.Run(s.t, peers.BIRD, feeder)
}

// TestTable: a table of hundreds of thousands of routes comes whole, is counted to the last prefix, and the watched one among them is found.
// It and TestResetInTheTable take both cores: they run before the tests that run beside each other, and not with them.
func TestTable(t *testing.T) {
	for _, m := range everyMake {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			at, size := newAddress(), tableSize(m)
			s := start(t, over4, watched, neighbor(at, ourAS))
			_, from := s.runTable(at, m, manyPrefixes(size))
			s.shows("192.0.2.0/24 []")
			s.counts(size)
			// What comes after the table is counted after it: then it was no more than that.
			from.Announce(peers.Route{Prefix: more})
			s.shows("192.0.2.0/24 []", "192.0.2.0/25 []")
			s.counts(size + 1)
			if matched := s.counters.Matched.Load(); matched != 2 {
				t.Errorf("%d updates matched", matched)
			}
			if lost := s.told(collector.FeedLost); len(lost) > 0 {
				t.Errorf("the session was lost: %s", lost[0].Reason)
			}
			s.unharmed()
		})
	}
}

// counts waits until so many prefixes were counted.
func (s *station) counts(n int) {
	s.t.Helper()
	eventuallyOr(s.t, func() string { return fmt.Sprintf("%d prefixes were counted, want %d", s.counters.Prefixes.Load(), n) },
		func() bool { return s.counters.Prefixes.Load() == uint64(n) })
}
