//go:build interop

package conformance

import (
	"net/netip"
	"testing"

	"anywatch/collector"
	"anywatch/collector/internal/peers"
	"anywatch/collector/route"
)

// TestIPv4OverIPv6: routes of both families come over a session between IPv6 addresses, each with a next hop of its own family. That they come over
// IPv4, all other tests show.
func TestIPv4OverIPv6(t *testing.T) {
	each(t, everyMake, func(t *testing.T, m peers.Make) {
		at := netip.IPv6Loopback()
		s := start(t, over6, watched, neighbor(at, 64501))
		spec := s.spec(at, 64501)
		spec.Routes = both()
		p := peers.Run(t, m, spec)
		s.shows("192.0.2.0/24 [64501]", "2001:db8:53::/48 [64501]")
		if r := s.the(four); r.attrs.NextHop.String() != peers.NextHop4 {
			t.Errorf("IPv4: %+v", *r.attrs)
		}
		if r := s.the(six); r.attrs.NextHop.String() != peers.NextHop6 {
			t.Errorf("IPv6: %+v", *r.attrs)
		}
		if up := s.nth(collector.PeerUp, 1); up.Family != route.IPv4|route.IPv6 || up.Vantage.Peer != at {
			t.Errorf("families %d, vantage %+v", up.Family, *up.Vantage)
		}
		p.Withdraw(spec.Routes[0])
		s.shows("2001:db8:53::/48 [64501]")
		p.Withdraw(spec.Routes[1])
		s.shows()
		s.unharmed()
	})
}
