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

// known is what we expect to learn of a daemon when its session comes up.
type known struct {
	make    peers.Make
	restart time.Duration // as it says, when it is asked for 60 s
	role    string
}

const fourOctets = 4200000011 // an AS number that needs four octets

func TestEstablish(t *testing.T) {
	for _, k := range []known{
		{peers.BIRD, time.Minute, "customer"},
		{peers.FRRouting, time.Minute, "customer"},
		{peers.GoBGP, time.Minute, ""},  // it has no roles
		{peers.OpenBGPD, 0, "customer"}, // it sends End-of-RIB but preserves nothing
		{peers.ExaBGP, time.Minute, ""}, // it has no roles
	} {
		t.Run(string(k.make), func(t *testing.T) {
			t.Parallel()
			establish(t, k)
		})
	}
}

func establish(t *testing.T, k known) {
	at := newAddress()
	n := neighbor(at, fourOctets)
	n.AddPath = true
	s := start(t, over4, watched, n)
	spec := s.spec(at, fourOctets)
	spec.AddPath, spec.Restart, spec.Role, spec.Routes = true, 60, k.role, both()
	p := peers.Run(t, k.make, spec)

	up := s.nth(collector.PeerUp, 1)
	all := route.IPv4 | route.IPv6
	if v := up.Vantage; up.Family != all || !v.AllPaths || v.Scope != collector.External || v.Local != fourOctets || v.Name() != "bgp:peer" {
		t.Errorf("up with families %d, vantage %+v", up.Family, *v)
	}
	got := s.source.Sessions()
	if len(got) != 1 {
		t.Fatalf("sessions %+v", got)
	}
	want := bgp.Session{Name: "peer", Address: at, ASN: fourOctets, Established: true, Since: got[0].Since, Families: all, AddPath: all, Restart: k.restart, Role: k.role}
	if got[0] != want || time.Since(got[0].Since) > patience {
		t.Errorf("session %+v\nwant %+v", got[0], want)
	}
	s.shows(fmt.Sprintf("%v [%d]", four, fourOctets), fmt.Sprintf("%v [%d 65099]", six, fourOctets))
	if r := s.the(four); !r.attrs.Has(64501<<16|100) || r.attrs.NextHop.String() != peers.NextHop4 {
		t.Errorf("IPv4: %+v", *r.attrs)
	}
	if r := s.the(six); r.attrs.NextHop.String() != peers.NextHop6 {
		t.Errorf("IPv6: %+v", *r.attrs)
	}
	s.nth(collector.EndOfRIB, 2)
	p.Announce(peers.Route{Prefix: more, Path: []uint32{65098}})
	s.shows(fmt.Sprintf("%v [%d]", four, fourOctets), fmt.Sprintf("%v [%d 65098]", more, fourOctets), fmt.Sprintf("%v [%d 65099]", six, fourOctets))
	p.Withdraw(spec.Routes[0])
	s.shows(fmt.Sprintf("%v [%d 65098]", more, fourOctets), fmt.Sprintf("%v [%d 65099]", six, fourOctets))
	s.unharmed()
}
