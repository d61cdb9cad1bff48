//go:build interop

package conformance

import (
	"fmt"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/bgp"
	"anywatch/collector/internal/peers"
	"anywatch/collector/route"
)

const fourOctets = 4200000011 // an AS number that needs four octets

// TestEstablish: the session comes up with all that was agreed upon, and shows the daemon's routes and their changes.
func TestEstablish(t *testing.T) {
	restart := map[peers.Make]time.Duration{
		peers.BIRD: time.Minute, peers.FRRouting: time.Minute, peers.GoBGP: time.Minute, peers.ExaBGP: time.Minute,
		peers.OpenBGPD: 0, // it offers the capability for End-of-RIB, and preserves nothing
	}
	role := map[peers.Make]string{peers.BIRD: "customer", peers.FRRouting: "customer", peers.OpenBGPD: "customer"} // the others have no roles
	each(t, everyMake, func(t *testing.T, m peers.Make) { establish(t, m, restart[m], role[m]) })
}

func establish(t *testing.T, m peers.Make, restart time.Duration, role string) {
	at := newAddress()
	n := neighbor(at, fourOctets)
	n.AddPath = true
	s := start(t, over4, watched, n)
	spec := s.spec(at, fourOctets)
	spec.AddPath, spec.Restart, spec.Role, spec.Routes = true, 60, role, both()
	p := peers.Run(t, m, spec)

	up := s.nth(collector.PeerUp, 1)
	all := route.IPv4 | route.IPv6
	if v := up.Vantage; up.Family != all || !v.AllPaths || v.Scope != collector.External || v.Local != fourOctets || v.Name() != "bgp:peer" {
		t.Errorf("up with families %d, vantage %+v", up.Family, *v)
	}
	got := s.source.Sessions()
	if len(got) != 1 {
		t.Fatalf("sessions %+v", got)
	}
	want := bgp.Session{Name: "peer", Address: at, ASN: fourOctets, Established: true, Since: got[0].Since, Families: all, AddPath: all, Restart: restart, Role: role}
	if got[0] != want || time.Since(got[0].Since) > patience {
		t.Errorf("session %+v\nwant %+v", got[0], want)
	}
	s.shows(fmt.Sprintf("%v [%d]", four, fourOctets), fmt.Sprintf("%v [%d]", six, fourOctets))
	if r := s.the(four); !r.attrs.Has(64501<<16|100) || len(r.attrs.Large) != 1 || r.attrs.Large[0].String() != "64501:1:2" || r.attrs.NextHop.String() != peers.NextHop4 {
		t.Errorf("IPv4: %+v", *r.attrs)
	}
	if r := s.the(six); r.attrs.NextHop.String() != peers.NextHop6 {
		t.Errorf("IPv6: %+v", *r.attrs)
	}
	s.nth(collector.EndOfRIB, 2)
	p.Announce(peers.Route{Prefix: more})
	s.shows(fmt.Sprintf("%v [%d]", four, fourOctets), fmt.Sprintf("%v [%d]", more, fourOctets), fmt.Sprintf("%v [%d]", six, fourOctets))
	p.Withdraw(spec.Routes[0])
	s.shows(fmt.Sprintf("%v [%d]", more, fourOctets), fmt.Sprintf("%v [%d]", six, fourOctets))
	s.unharmed()
}
