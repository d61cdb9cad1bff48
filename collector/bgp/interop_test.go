//go:build interop

package bgp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"anywatch/collector"
	"anywatch/collector/internal/peers"
	"anywatch/collector/internal/tcp"
	"anywatch/collector/route"
)

const birdConfig = `router id 127.0.18.1;
log stderr all;
protocol device { }
protocol static s4 { ipv4; route 192.0.2.0/24 blackhole; }
protocol static s4b { disabled; ipv4; route 192.0.2.0/24 unreachable { bgp_path.prepend(65099); }; }
protocol static s6 { ipv6; route 2001:db8:53::/48 blackhole; }
filter out4 { bgp_community.add((64501,100)); bgp_large_community.add((64501,1,2)); accept; }
protocol bgp col {
  local 127.0.18.1 port %[3]d as 64501;
  strict bind yes;
  neighbor %[1]s port %[2]d as 64500;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  multihop;
  password "s3cret";
  ipv4 { import none; export filter out4; add paths tx; };
  ipv6 { import none; export all; next hop address 2001:db8:ffff::11; add paths tx; };
}
`

// port gives a TCP port that is free on an address.
func port(t *testing.T, address string) uint16 {
	t.Helper()
	l, err := tcp.Listen(address+":0", "BGP")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return tcp.Addr(l).Port()
}

// collect takes routes until each of the prefixes has been announced, and gives the updates by prefix.
func (s *station) collect(prefixes ...netip.Prefix) map[netip.Prefix]route.Update {
	s.t.Helper()
	found := make(map[netip.Prefix]route.Update)
	for len(found) < len(prefixes) {
		for _, u := range s.wait(collector.Routes).Updates {
			for _, n := range u.Announced {
				if slices.Contains(prefixes, n.Prefix) {
					found[n.Prefix] = u
				}
			}
		}
	}
	return found
}

// withdrawn waits for the withdrawal of a route.
func (s *station) withdrawn(want route.NLRI) {
	s.t.Helper()
	for {
		for _, u := range s.wait(collector.Routes).Updates {
			for _, n := range u.Withdrawn {
				if n == want {
					return
				}
			}
		}
	}
}

func TestBIRD(t *testing.T) {
	n := Neighbor{Name: "bird", Address: addr("127.0.18.1"), ASN: 64501, AddPath: true, Password: "s3cret", Scope: collector.External}
	s := start(t, config(n))
	bird := peers.Bird(t, fmt.Sprintf(birdConfig, s.addr().Addr(), s.addr().Port(), port(t, "127.0.18.1")))
	up := s.wait(collector.PeerUp)
	if !up.Vantage.AllPaths || up.Family != route.IPv4|route.IPv6 {
		t.Errorf("families %d, vantage %+v", up.Family, *up.Vantage)
	}
	first := s.collect(watched...)
	four := first[watched[0]]
	if four.Attrs.Path.String() != "64501" || !four.Attrs.Has(64501<<16|100) || len(four.Attrs.Large) != 1 || four.Announced[0].PathID == 0 {
		t.Errorf("IPv4: %+v, %+v", four.Announced, *four.Attrs)
	}
	if six := first[watched[1]]; six.Attrs.NextHop != addr("2001:db8:ffff::11") {
		t.Errorf("IPv6: next hop %v", six.Attrs.NextHop)
	}
	s.wait(collector.EndOfRIB)

	bird.Do("enable", "s4b")
	second := s.collect(watched[0])[watched[0]]
	if second.Announced[0].PathID == four.Announced[0].PathID || second.Attrs.Path.String() != "64501 65099" {
		t.Errorf("the second path: %+v, %v", second.Announced, second.Attrs.Path)
	}
	bird.Do("disable", "s4b")
	s.withdrawn(second.Announced[0])
	bird.Do("disable", "s4")
	s.withdrawn(four.Announced[0])

	bird.Do("disable", "col", `"planned maintenance"`)
	if ev := s.wait(collector.FeedLost); !strings.Contains(ev.Reason, `Cease/Administrative Shutdown (6/2): "planned maintenance"`) {
		t.Errorf("reason %q", ev.Reason)
	}
	bird.Do("enable", "col")
	s.wait(collector.PeerUp)
	bird.Kill()
	if ev := s.wait(collector.FeedLost); ev.Vantage.ID != up.Vantage.ID {
		t.Errorf("lost %s", ev.Vantage.Name())
	}
}

func TestBIRDWithTheWrongPassword(t *testing.T) {
	n := Neighbor{Name: "bird", Address: addr("127.0.18.1"), ASN: 64501, Password: "s3cret"}
	s := start(t, config(n))
	wrong := strings.Replace(birdConfig, "s3cret", "other", 1)
	bird := peers.Bird(t, fmt.Sprintf(wrong, s.addr().Addr(), s.addr().Port(), port(t, "127.0.18.1")))
	for state := ""; !strings.Contains(state, "Connect"); { // it tries, and hears nothing
		state = bird.Do("show", "protocols", "col")
	}
	s.quiet()
}

const frrConfig = `hostname frr
log stdout informational
router bgp %[3]d
 bgp router-id 127.0.18.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 bgp graceful-restart
 timers bgp 3 9
 neighbor %[1]s remote-as 64500
 neighbor %[1]s port %[2]d
 neighbor %[1]s timers connect 1
 neighbor %[1]s update-source 127.0.18.2
 neighbor %[1]s advertisement-interval 0
 %[4]s
 address-family ipv4 unicast
  network 192.0.2.0/24 route-map OUT
  neighbor %[1]s activate
  neighbor %[1]s addpath-tx-all-paths
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:53::/48
  neighbor %[1]s activate
  neighbor %[1]s route-map NH6 out
 exit-address-family
!
route-map OUT permit 10
 set community 64501:100
!
route-map NH6 permit 10
 set ipv6 next-hop global 2001:db8:ffff::12
!
`

func frr(t *testing.T, s *station, asn int, more string) *peers.Daemon {
	t.Helper()
	conf := fmt.Sprintf(frrConfig, s.addr().Addr(), s.addr().Port(), asn, strings.ReplaceAll(more, "@", s.addr().Addr().String()))
	return peers.FRR(t, conf, "127.0.18.2", fmt.Sprint(port(t, "127.0.18.2")))
}

func TestFRR(t *testing.T) {
	s := start(t, config(Neighbor{Name: "frr", Address: addr("127.0.18.2"), ASN: 64500, AddPath: true, TTLSecurity: 1}))
	d := frr(t, s, 64500, "")
	up := s.wait(collector.PeerUp)
	// FRR offers Add-Path for all families as soon as one has it.
	if !up.Vantage.AllPaths || s.source.Sessions()[0].AddPath != route.IPv4|route.IPv6 {
		t.Errorf("vantage %+v, sessions %+v", *up.Vantage, s.source.Sessions())
	}
	first := s.collect(watched...)
	if u := first[watched[0]]; len(u.Attrs.Path) != 0 || !u.Attrs.Has(64501<<16|100) {
		t.Errorf("IPv4: %+v", *u.Attrs)
	}
	// FRR sends End-of-RIB only to those who offer graceful restart.
	if err := s.source.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.collect(watched...)
	network := []string{"configure terminal", "router bgp 64500", "address-family ipv4 unicast"}
	d.Do(append(network, "no network 192.0.2.0/24")...)
	s.withdrawn(first[watched[0]].Announced[0])
	// FRR sends ROUTE-REFRESH after this: the session must survive it.
	d.Do("configure terminal", "router bgp 64500", "bgp graceful-shutdown")
	d.Do(append(network, "network 192.0.2.0/24")...)
	s.collect(watched[0])
	d.Kill()
	if ev := s.wait(collector.FeedLost); ev.Vantage.ID != up.Vantage.ID || ev.Keep == 0 {
		t.Errorf("feed lost: %+v", ev)
	}
}

func TestFRRFourOctetASAndRange(t *testing.T) {
	s := start(t, config(Neighbor{Name: "all", Range: netip.MustParsePrefix("127.0.18.0/24"), ASN: 4200000012, Password: "s3cret", Scope: collector.External}))
	frr(t, s, 4200000012, "neighbor @ password s3cret\n neighbor @ ebgp-multihop 2")
	if v := s.wait(collector.PeerUp).Vantage; v.Name() != "bgp:all/127.0.18.2" {
		t.Errorf("vantage %s", v.Name())
	}
	if u := s.collect(watched[0])[watched[0]]; u.Attrs.Path.String() != "4200000012" {
		t.Errorf("path %v", u.Attrs.Path)
	}
}

func TestFRRWithTheWrongAS(t *testing.T) {
	s := start(t, config(Neighbor{Name: "frr", Address: addr("127.0.18.2"), ASN: 64501}))
	d := frr(t, s, 64502, "neighbor @ ebgp-multihop 2")
	for state := ""; !strings.Contains(state, "Bad Peer AS"); {
		state = d.Do("show bgp neighbors")
	}
	s.quiet()
}
