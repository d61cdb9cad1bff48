//go:build interop

package conformance

import (
	"context"
	"testing"

	"anywatch/collector"
	"anywatch/collector/internal/peers"
	"anywatch/collector/route"
)

// TestRefresh: a peer that is asked for its table again (RFC 2918) sends it, and nothing is lost by that.
//
// OpenBGPD 7.7 refuses, BIRD too: "route refresh: AID IPv4 unicast not negotiated", though it is.
func TestRefresh(t *testing.T) {
	each(t, []peers.Make{peers.BIRD, peers.FRRouting, peers.GoBGP, peers.ExaBGP}, func(t *testing.T, m peers.Make) {
		at := newAddress()
		s := start(t, over4, watched, neighbor(at, 64501))
		spec := s.spec(at, 64501)
		spec.Restart, spec.Routes = 60, both()
		peers.Run(t, m, spec)
		s.shows("192.0.2.0/24 [64501]", "2001:db8:53::/48 [64501]")
		s.nth(collector.EndOfRIB, 2)
		before := s.announced()
		if err := s.source.Refresh(context.Background()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the table again", func() bool { return s.announced() >= before+2 })
		if m == peers.BIRD || m == peers.FRRouting { // they mark its begin and end (RFC 7313)
			s.nth(collector.TableBegins, 2)
			s.nth(collector.EndOfRIB, 4)
		}
		s.shows("192.0.2.0/24 [64501]", "2001:db8:53::/48 [64501]")
		s.unharmed()
	})
}

// announced counts the announcements so far.
func (s *station) announced() (n int) {
	for _, ev := range s.told(collector.Routes) {
		for _, u := range ev.Updates {
			n += len(u.Announced)
		}
	}
	return n
}

// TestPeerAsksForRefresh: FRR asks its peers for their tables when a graceful shutdown begins (RFC 8326). The session goes on, and the routes
// carry the community.
func TestPeerAsksForRefresh(t *testing.T) {
	t.Parallel()
	at := newAddress()
	s := start(t, over4, watched, neighbor(at, 64501))
	spec := s.spec(at, 64501)
	spec.Routes = both()
	p := peers.Run(t, peers.FRRouting, spec)
	s.shows("192.0.2.0/24 [64501]", "2001:db8:53::/48 [64501]")
	p.Do("configure terminal", "router bgp 64501", "bgp graceful-shutdown")
	eventually(t, "GRACEFUL_SHUTDOWN on both routes", func() bool {
		return s.the(four).attrs.Has(route.GracefulShutdown) && s.the(six).attrs.Has(route.GracefulShutdown)
	})
	if lost := s.told(collector.FeedLost); len(lost) > 0 {
		t.Errorf("the session was lost: %s", lost[0].Reason)
	}
	s.unharmed()
}
