//go:build interop

package bmp

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/internal/peers"
	"anywatch/collector/internal/tcp"
)

const frrConfig = `hostname edge1
log stdout informational
router bgp 64500
 bgp router-id 127.0.19.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 bgp allow-martian-nexthop
 no bgp default ipv4-unicast
 neighbor 127.0.19.1 remote-as 64999
 neighbor 127.0.19.1 passive
 neighbor 127.0.19.1 ebgp-multihop 2
 neighbor 127.0.19.1 update-source 127.0.19.2
 address-family ipv4 unicast
  network 192.0.2.0/24
  neighbor 127.0.19.1 activate
  neighbor 127.0.19.1 soft-reconfiguration inbound
  neighbor 127.0.19.1 route-map IN in
 exit-address-family
 bmp mirror buffer-limit 1000000
 bmp targets station
  bmp connect %s port %d min-retry 100 max-retry 500
  bmp monitor ipv4 unicast pre-policy
  bmp monitor ipv4 unicast post-policy
  bmp stats interval 1000
  bmp mirror
 exit
exit
ip prefix-list DENY seq 5 permit 192.0.2.128/25
route-map IN deny 5
 match ip address prefix-list DENY
route-map IN permit 10
 set community 64500:999 additive
`

const birdConfig = `router id 127.0.19.1;
log stderr all;
protocol device { }
protocol static kept { ipv4; route 192.0.2.0/25 blackhole; }
protocol static denied { ipv4; route 192.0.2.128/25 blackhole; }
protocol bgp edge {
  local 127.0.19.1 port %d as 64999;
  strict bind yes;
  neighbor 127.0.19.2 port %d as 64500;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  multihop;
  ipv4 { import none; export all; next hop address 10.64.0.1; };
}
`

func port(t *testing.T, address string) uint16 {
	t.Helper()
	l, err := tcp.Listen(address+":0", "a test")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return tcp.Addr(l).Port()
}

// until takes events until one tells the line, which story writes.
func (s *station) until(line string) collector.Event {
	s.t.Helper()
	late := time.After(patience)
	for {
		select {
		case ev := <-s.events:
			if story([]collector.Event{ev}) == line+"\n" {
				return ev
			}
		case <-late:
			s.t.Fatalf("%q did not come; the log says:\n%s", line, s.logs)
		}
	}
}

func TestFRR(t *testing.T) {
	s := start(t, config())
	at := s.source.Addrs()[0]
	bgpPort := port(t, "127.0.19.2")
	frr := peers.FRR(t, fmt.Sprintf(frrConfig, at.Addr(), at.Port()), "127.0.19.2", fmt.Sprint(bgpPort), "-M", "bmp")
	own := s.until("peer-up bmp:edge1/0.0.0.0/post")
	if own.Vantage.Local != 64500 || own.Vantage.Scope != collector.Internal {
		t.Errorf("FRR's own routes: %+v", *own.Vantage)
	}
	bird := peers.Bird(t, fmt.Sprintf(birdConfig, port(t, "127.0.19.1"), bgpPort))
	events := map[string]collector.Event{}
	want := []string{"routes bmp:edge1/127.0.19.1/pre +192.0.2.0/25[64999]", "routes bmp:edge1/127.0.19.1/post +192.0.2.0/25[64999]"}
	missing := func(line string) bool { _, ok := events[line]; return !ok }
	for slices.ContainsFunc(want, missing) {
		ev := s.wait(collector.Routes)
		line := story([]collector.Event{ev})
		events[line[:len(line)-1]] = ev
	}
	post := events[want[1]].Updates[0].Attrs
	if !post.Has(64500<<16 | 999) {
		t.Errorf("post-policy attributes %+v", *post)
	}
	if v := events[want[0]].Vantage; v.Local != 64500 || v.Scope != collector.External || v.PeerAS != 64999 {
		t.Errorf("vantage %+v", *v)
	}
	if _, ok := events["routes bmp:edge1/127.0.19.1/post +192.0.2.128/25[64999]"]; ok {
		t.Error("a route that policy denies is shown after policy")
	}

	bird.Do("disable", "kept")
	s.until("routes bmp:edge1/127.0.19.1/pre -192.0.2.0/25")
	bird.Kill()
	s.until("peer-down bmp:edge1/127.0.19.1/pre")
	s.until("peer-down bmp:edge1/127.0.19.1/post")
	frr.Kill()
	s.until("feed-lost bmp:edge1/0.0.0.0/post")
	if n := s.deps.Counters.Malformed.Load(); n != 0 || len(s.source.Samples()) != 0 {
		t.Errorf("%d messages could not be read: %v", n, s.source.Samples())
	}
	if n := s.source.Types(); n["Statistics Report"] == 0 || n["Route Mirroring"] == 0 {
		t.Errorf("types %v", n)
	}
}

// A station that comes late gets the tables, their ends, and the Peer Up of a session that is up already.
func TestFRRLateStation(t *testing.T) {
	free := port(t, "127.0.0.1")
	bgpPort := port(t, "127.0.19.2")
	peers.FRR(t, fmt.Sprintf(frrConfig, "127.0.0.1", free), "127.0.19.2", fmt.Sprint(bgpPort), "-M", "bmp").Do("show bgp summary")
	bird := peers.Bird(t, fmt.Sprintf(birdConfig, port(t, "127.0.19.1"), bgpPort))
	for state := ""; !strings.Contains(state, "Established"); {
		state = bird.Do("show", "protocols", "edge")
	}
	cfg := config()
	cfg.Listen = []string{fmt.Sprintf("127.0.0.1:%d", free)}
	s := start(t, cfg)
	// The table may end before its first route came to FRR: then both are told with that, the end first.
	missing := map[string]bool{"routes bmp:edge1/127.0.19.1/pre +192.0.2.0/25[64999]": true, "end-of-rib bmp:edge1/127.0.19.1/pre 1": true}
	for late := time.After(patience); len(missing) > 0; {
		select {
		case ev := <-s.events:
			delete(missing, strings.TrimSpace(story([]collector.Event{ev})))
		case <-late:
			t.Fatalf("%v did not come; the log says:\n%s", missing, s.logs)
		}
	}
}
