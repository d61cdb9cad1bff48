//go:build interop

package conformance

import (
	"slices"
	"testing"

	"anywatch/collector"
	"anywatch/collector/internal/peers"
)

// TestAddPath: two paths of one prefix are two routes, and the withdrawal of one leaves the other.
//
// FRR and OpenBGPD originate one path of a prefix only: they show several as route reflectors, in TestReflector.
func TestAddPath(t *testing.T) {
	each(t, []peers.Make{peers.BIRD, peers.GoBGP, peers.ExaBGP}, addPath)
}

func addPath(t *testing.T, m peers.Make) {
	at := newAddress()
	n := neighbor(at, 64501)
	n.AddPath = true
	s := start(t, over4, watched, n)
	spec := s.spec(at, 64501)
	spec.AddPath = true
	first, second := peers.Route{Prefix: four, ID: 1, Path: []uint32{65099}}, peers.Route{Prefix: four, ID: 2, Path: []uint32{65097, 65098}}
	spec.Routes = []peers.Route{first, second}
	p := peers.Run(t, m, spec)
	s.shows("192.0.2.0/24 [64501 65099]", "192.0.2.0/24 [64501 65097 65098]")
	ids := s.find(four)
	if ids[0].PathID == 0 || ids[0].PathID == ids[1].PathID {
		t.Errorf("path identifiers %d and %d", ids[0].PathID, ids[1].PathID)
	}
	p.Withdraw(second)
	s.shows("192.0.2.0/24 [64501 65099]")
	if left := s.the(four); !slices.Contains([]uint32{ids[0].PathID, ids[1].PathID}, left.PathID) {
		t.Errorf("path identifier %d was %d or %d", left.PathID, ids[0].PathID, ids[1].PathID)
	}
	p.Announce(second)
	s.shows("192.0.2.0/24 [64501 65099]", "192.0.2.0/24 [64501 65097 65098]")
	p.Withdraw(first)
	p.Withdraw(second)
	s.shows()
	if lost := s.told(collector.FeedLost); len(lost) > 0 {
		t.Errorf("the session was lost: %s", lost[0].Reason)
	}
	s.unharmed()
}

// TestOnePathWhereWeDoNotOffer: a peer that could send several paths sends one, without identifiers, when we don't ask for more.
func TestOnePathWhereWeDoNotOffer(t *testing.T) {
	each(t, everyMake, func(t *testing.T, m peers.Make) {
		at := newAddress()
		s := start(t, over4, watched, neighbor(at, 64501))
		spec := s.spec(at, 64501)
		spec.AddPath, spec.Routes = true, both()
		peers.Run(t, m, spec)
		s.shows("192.0.2.0/24 [64501]", "2001:db8:53::/48 [64501]")
		if r := s.the(four); r.PathID != 0 || s.told(collector.PeerUp)[0].Vantage.AllPaths || s.source.Sessions()[0].AddPath != 0 {
			t.Errorf("path identifier %d, sessions %+v", r.PathID, s.source.Sessions())
		}
		s.unharmed()
	})
}
