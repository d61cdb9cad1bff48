//go:build interop

package conformance

import (
	"net/netip"
	"slices"
	"testing"

	"anywatch/collector"
	"anywatch/collector/internal/peers"
)

var cluster, upper = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")

// TestReflector: a route reflector shows, over iBGP with Add-Path, the routes of two sites, each with the ORIGINATOR_ID of its site and the
// CLUSTER_LIST of the reflector (RFC 4456 section 8). When a site dies, its path goes and the other stays.
//
// ExaBGP reflects nothing: TestReflectedByHand.
func TestReflector(t *testing.T) {
	each(t, []peers.Make{peers.BIRD, peers.FRRouting, peers.GoBGP, peers.OpenBGPD}, func(t *testing.T, m peers.Make) {
		at, one, two := newAddress(), newAddress(), newAddress()
		n := neighbor(at, 0)
		n.AddPath, n.Scope = true, collector.Internal
		s := start(t, over4, watched, n)
		spec := s.spec(at, ourAS)
		spec.AddPath, spec.Clients, spec.ClusterID = true, []netip.Addr{one, two}, cluster
		peers.Run(t, m, spec)
		site := func(at netip.Addr, community string) *peers.Speaker {
			spec := peers.Spec{Address: at, Port: freePort(t, at), ASN: ourAS, Station: netip.AddrPortFrom(spec.Address, spec.Port), StationAS: ourAS}
			for _, p := range watched {
				spec.Routes = append(spec.Routes, peers.Route{Prefix: p, Communities: []string{community}})
			}
			return peers.Run(t, peers.BIRD, spec)
		}
		site(one, "64500:101")
		second := site(two, "64500:102")
		s.shows("192.0.2.0/24 []", "192.0.2.0/24 []", "2001:db8:53::/48 []", "2001:db8:53::/48 []")
		for _, p := range watched {
			s.reflected(p, map[netip.Addr]uint32{one: 101, two: 102}, cluster)
		}
		second.Kill()
		s.shows("192.0.2.0/24 []", "2001:db8:53::/48 []")
		for _, p := range watched {
			s.reflected(p, map[netip.Addr]uint32{one: 101}, cluster)
		}
		if v := s.told(collector.PeerUp)[0].Vantage; v.Local != ourAS || v.Scope != collector.Internal || !v.AllPaths {
			t.Errorf("vantage %+v", *v)
		}
		s.unharmed()
	})
}

// TestReflectedByHand: ExaBGP says what a reflector of two levels would say.
func TestReflectedByHand(t *testing.T) {
	t.Parallel()
	at, one, two := newAddress(), netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("10.1.0.2")
	n := neighbor(at, 0)
	n.AddPath = true
	s := start(t, over4, watched, n)
	spec := s.spec(at, ourAS)
	spec.AddPath = true
	spec.Routes = []peers.Route{
		{Prefix: four, ID: 1, Communities: []string{"64500:101"}, Originator: one, Clusters: []netip.Addr{upper, cluster}},
		{Prefix: four, ID: 2, Communities: []string{"64500:102"}, Originator: two, Clusters: []netip.Addr{upper, cluster}},
	}
	p := peers.Run(t, peers.ExaBGP, spec)
	s.shows("192.0.2.0/24 []", "192.0.2.0/24 []")
	s.reflected(four, map[netip.Addr]uint32{one: 101, two: 102}, upper, cluster)
	p.Withdraw(spec.Routes[0])
	s.shows("192.0.2.0/24 []")
	s.reflected(four, map[netip.Addr]uint32{two: 102}, upper, cluster)
	s.unharmed()
}

// reflected checks that the paths of a prefix are those of the sites, each with the site's community, and come through the clusters.
func (s *station) reflected(p netip.Prefix, sites map[netip.Addr]uint32, clusters ...netip.Addr) {
	s.t.Helper()
	seen := make(map[netip.Addr]bool)
	for _, r := range s.find(p) {
		a := r.attrs
		seen[a.OriginatorID] = true
		if want, ok := sites[a.OriginatorID]; !ok || len(a.Communities) != 1 || uint32(a.Communities[0]) != ourAS<<16|want {
			s.t.Errorf("%v: a path of %v with communities %v", p, a.OriginatorID, a.CommunityStrings())
		}
		if !slices.Equal(a.ClusterList, clusters) {
			s.t.Errorf("%v: cluster list %v, want %v", p, a.ClusterList, clusters)
		}
	}
	if len(seen) != len(sites) {
		s.t.Errorf("%v: paths of %v, want those of %v", p, seen, sites)
	}
}
