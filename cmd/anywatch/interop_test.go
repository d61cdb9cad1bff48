//go:build interop

package main

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRouters runs the binary with real routers as its peers.
func TestRouters(t *testing.T) {
	bin := buildDaemon(t)
	t.Run("BIRD", func(t *testing.T) { testBIRD(newStation(t, bin, 101)) })
	t.Run("BIRD with a password", func(t *testing.T) { testBIRDWithPassword(newStation(t, bin, 102)) })
	t.Run("FRR", func(t *testing.T) { testFRR(newStation(t, bin, 103)) })
	t.Run("FRR by BMP", func(t *testing.T) { testFRRByBMP(newStation(t, bin, 104)) })
}

// twoViews is a configuration with a router, and beside it another neighbor, by whose incidents a test sees that time has passed. What is told is about
// routes alone: that feeds are lost and prefixes are seen by fewer is the consequence of what these tests do to the router.
const twoViews = `
asns: [64500]
prefixes:
  - {prefix: 192.0.2.0/24, name: dns-a}
  - {prefix: "2001:db8:53::/48", name: dns-a-v6}
sources:
  bgp:
    listen: ["$BGP"]
    neighbors:
      - {name: router, address: $R2, asn: 64501, scope: external, add_path: true}
      - {name: other, address: $R3, asn: 64502, scope: external, add_path: true}
detect: {confirm: {external_vantages: 1}, resolve_after: 1s, stale_after_loss: 1h}
alerts:
  sinks:
    - {name: file, file: {path: alerts.jsonl}, kinds: [origin-hijack, subprefix-hijack, more-specific, new-prefix]}
    - {name: hook, webhook: {url: "$HOOK", secret_file: secret}, kinds: [origin-hijack, subprefix-hijack, more-specific, new-prefix]}
web: {listen: "$WEB"}
`

// other connects the other neighbor.
func (s *station) other() *router {
	s.t.Helper()
	r := s.connect(3, s.bgp, 64502)
	r.endOfRIB()
	return r
}

const half = "192.0.2.128/25"

// longEnough lets another incident open and resolve: whatever ended before it would have been told by now, so nothing else may have been.
func (s *station) longEnough(other *router) {
	s.t.Helper()
	other.announce(7, half, 64502, 64512)
	s.next("opened", "subprefix-hijack", half)
	other.withdraw(7, half)
	s.next("resolved", "subprefix-hijack", half)
}

// atOnce checks that a hijack is told within a second, to the file and to the webhook. A machine that is busy with other things gets more than one
// try.
func (s *station) atOnce(vantage, prefix string, begin, end func()) {
	s.t.Helper()
	var took []time.Duration
	for range 5 {
		began := time.Now()
		begin()
		opened := s.next("opened", "origin-hijack", prefix)
		s.hookAgrees()
		took = append(took, time.Since(began))
		if opened.Incident.Origin != 64511 || opened.Incident.Severity != "critical" {
			s.t.Errorf("opened: %+v", opened)
		}
		over := time.Now()
		end()
		resolved := s.next("resolved", "origin-hijack", prefix).Incident
		if got := resolved.Resolved.Sub(over); got < time.Second {
			s.t.Errorf("resolved %v after the end of the hijack, before resolve_after", got)
		}
		if resolved.ID != opened.Incident.ID || !strings.Contains(resolved.Resolution, vantage+" withdrew it") {
			s.t.Errorf("resolved: %+v", resolved)
		}
		if took[len(took)-1] < time.Second {
			s.t.Logf("told after %v", took)
			return
		}
	}
	s.t.Errorf("never told within a second: %v", took)
}

const birdConfig = `router id ADDRESS;
log stderr all;
protocol device { }
protocol static ours4 { ipv4; route 192.0.2.0/24 blackhole { bgp_path.prepend(64500); }; }
protocol static ours6 { ipv6; route 2001:db8:53::/48 blackhole { bgp_path.prepend(64500); }; }
protocol static theirs4 { disabled; ipv4; route 192.0.2.0/24 unreachable { bgp_path.prepend(64511); }; }
protocol static theirs6 { disabled; ipv6; route 2001:db8:53::/48 unreachable { bgp_path.prepend(64511); }; }
protocol bgp anywatch {
  local ADDRESS port OWNPORT as 64501;
  strict bind yes;
  neighbor MONITOR port PORT as 64500;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  multihop;
  PASSWORD
  ipv4 { import none; export all; next hop address 10.64.0.1; add paths tx; };
  ipv6 { import none; export all; next hop address 2001:db8:ffff::1; add paths tx; };
}
`

// bird prepares a BIRD at the station's second address.
func (s *station) bird(password string) *peer {
	s.t.Helper()
	monitor, port := s.split(s.bgp)
	address, own := s.split(s.freePort(2))
	return newBIRD(s.t, fill(birdConfig, "ADDRESS", address, "OWNPORT", own, "MONITOR", monitor, "PORT", port, "PASSWORD", password))
}

func (s *station) split(address string) (host, port string) {
	s.t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		s.t.Fatal(err)
	}
	return host, port
}

const (
	bgpSessions = `anywatch_sessions{source="bgp"}`
	bmpSessions = `anywatch_sessions{source="bmp"}`
)

func testBIRD(s *station) {
	s.configure(twoViews)
	d := s.start()
	other := s.other()
	bird := s.bird("")
	bird.start()
	d.says("neighbor=router address=" + s.host(2) + " as=AS64501 router_id=" + s.host(2) + " ipv4=true ipv6=true add_path=true")
	d.synchronised(2)
	s.still()
	s.atOnce("bgp:router", four, func() { bird.do("enable", "theirs4") }, func() { bird.do("disable", "theirs4") })
	s.atOnce("bgp:router", six, func() { bird.do("enable", "theirs6") }, func() { bird.do("disable", "theirs6") })

	// The session is lost while the hijack goes on: whether it still does is unknown, and nothing is concluded.
	bird.do("enable", "theirs6")
	s.next("opened", "origin-hijack", six)
	bird.kill()
	d.measures(bgpSessions, "1")
	s.longEnough(other)
	if n := d.metrics()[`anywatch_incidents_open{kind="origin-hijack"}`]; n != "1" {
		s.t.Errorf("%s hijacks are open", n)
	}

	// It comes back, and shows the hijack still.
	bird.edit("bird.conf", "theirs6 { disabled;", "theirs6 {")
	bird.start()
	d.synchronised(2)
	s.longEnough(other)
	bird.do("disable", "theirs6")
	if got := s.next("resolved", "origin-hijack", six).Incident.Resolution; !strings.Contains(got, "withdrew it") {
		s.t.Errorf("resolved because %s", got)
	}

	// It is lost again and stays away for longer than its routes are kept.
	s.configure(strings.Replace(twoViews, "stale_after_loss: 1h", "stale_after_loss: 3s", 1))
	d.hangup("1")
	bird.do("enable", "theirs6")
	s.next("opened", "origin-hijack", six)
	lost := time.Now()
	bird.kill()
	resolved := s.next("resolved", "origin-hijack", six).Incident
	if after := resolved.Resolved.Sub(lost); after < 4*time.Second || !strings.Contains(resolved.Resolution, "was lost") {
		s.t.Errorf("resolved after %v because %s", after, resolved.Resolution)
	}
	other.kept()
	s.hookAgrees()
}

// A reload that leaves the session alone, and the end of the daemon, as BIRD sees them. The session has an MD5 key.
func testBIRDWithPassword(s *station) {
	s.put("key", "s3cret\n")
	text := strings.Replace(twoViews, "add_path: true}", "password_file: key}", 1)
	s.configure(text)
	d := s.start()
	bird := s.bird(`password "s3cret";`)
	bird.start()
	bird.do("enable", "theirs4")
	bird.do("disable", "ours4") // without Add-Path BIRD shows only the best path
	d.synchronised(1)
	s.next("opened", "origin-hijack", four)
	before := bird.do("show", "protocols", "anywatch")

	s.configure(strings.Replace(text, `{prefix: "2001:db8:53::/48", name: dns-a-v6}`, `{prefix: "2001:db8:53::/48", origins: [64503]}`, 1))
	d.hangup("1")
	s.next("opened", "origin-hijack", six)
	if after := bird.do("show", "protocols", "anywatch"); after != before || !strings.Contains(after, "Established") {
		s.t.Errorf("before the reload BIRD said\n%s\nafter it\n%s", before, after)
	}
	d.signal(syscall.SIGTERM)
	if status := d.wait(); status != 0 {
		s.t.Errorf("exit status %d", status)
	}
	eventually(s.t, "BIRD knows that the daemon was shut down", func() bool {
		return strings.Contains(bird.do("show", "protocols", "all", "anywatch"), "Received: Administrative shutdown")
	})
	if strings.Contains(d.log.String(), "s3cret") {
		s.t.Error("the password is in the log")
	}
}

const frrConfig = `hostname edge1
log stdout informational
router bgp 64501
 bgp router-id ADDRESS
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 bgp graceful-restart
 neighbor MONITOR remote-as 64500
 neighbor MONITOR port PORT
 neighbor MONITOR timers connect 1
 neighbor MONITOR update-source ADDRESS
 neighbor MONITOR ebgp-multihop 2
 neighbor MONITOR advertisement-interval 0
 address-family ipv4 unicast
  network 192.0.2.0/24 route-map OURS
  neighbor MONITOR activate
  neighbor MONITOR addpath-tx-all-paths
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:53::/48 route-map OURS
  neighbor MONITOR activate
  neighbor MONITOR addpath-tx-all-paths
  neighbor MONITOR route-map NH6 out
 exit-address-family
!
route-map OURS permit 10
 set as-path prepend 64500
!
route-map THEIRS permit 10
 set as-path prepend 64511
!
route-map NH6 permit 10
 set ipv6 next-hop global 2001:db8:ffff::12
!
`

func testFRR(s *station) {
	s.configure(twoViews)
	d := s.start()
	other := s.other()
	monitor, port := s.split(s.bgp)
	frr := newFRR(s.t, fill(frrConfig, "ADDRESS", s.host(2), "MONITOR", monitor, "PORT", port), s.freePort(2))
	frr.start()
	d.says("neighbor=router address=" + s.host(2) + " as=AS64501 router_id=" + s.host(2) + " ipv4=true ipv6=true add_path=true")
	d.synchronised(2)
	s.longEnough(other)
	originate := func(family, prefix, who string) func() {
		return func() {
			frr.do("configure terminal", "router bgp 64501", "address-family "+family+" unicast", "network "+prefix+" route-map "+who)
		}
	}
	withdraw := func(family, prefix string) func() {
		return func() {
			frr.do("configure terminal", "router bgp 64501", "address-family "+family+" unicast", "no network "+prefix)
		}
	}
	withdraw("ipv4", four)()
	s.atOnce("bgp:router", four, originate("ipv4", four, "THEIRS"), withdraw("ipv4", four))
	withdraw("ipv6", six)()
	s.atOnce("bgp:router", six, originate("ipv6", six, "THEIRS"), withdraw("ipv6", six))

	originate("ipv4", four, "THEIRS")()
	s.next("opened", "origin-hijack", four)
	frr.kill()
	d.measures(bgpSessions, "1")
	s.longEnough(other)
	frr.start() // by its configuration it announces the prefix as ours
	if got := s.next("resolved", "origin-hijack", four).Incident.Resolution; !strings.Contains(got, "in its new session") && !strings.Contains(got, "another route") {
		s.t.Errorf("resolved because %s", got)
	}
	d.measures(bgpSessions, "2")
	other.kept()
	s.hookAgrees()
}

const frrBMPConfig = `hostname edge1
log stdout informational
router bgp 64501
 bgp router-id ADDRESS
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 neighbor NEIGHBOR remote-as 64511
 neighbor NEIGHBOR passive
 neighbor NEIGHBOR ebgp-multihop 2
 neighbor NEIGHBOR update-source ADDRESS
 address-family ipv4 unicast
  neighbor NEIGHBOR activate
  neighbor NEIGHBOR soft-reconfiguration inbound
 exit-address-family
 address-family ipv6 unicast
  neighbor NEIGHBOR activate
  neighbor NEIGHBOR soft-reconfiguration inbound
 exit-address-family
 bmp targets anywatch
  bmp connect RELAY port BMPPORT min-retry 100 max-retry 500
  bmp monitor ipv4 unicast pre-policy
  bmp monitor ipv6 unicast pre-policy
 exit
exit
`

// FRR shows by BMP what a neighbor of its announces. The connection breaks and comes back while a hijack goes on.
func testFRRByBMP(s *station) {
	s.configure(strings.Replace(twoViews, "sources:\n", "sources:\n  bmp: {listen: [\"$BMP\"], allow: [127.31.0.0/16]}\n", 1))
	d := s.start()
	other := s.other()
	relay := s.relayTo(5, s.bmp)
	host, port := s.split(relay.address)
	listen := s.freePort(2)
	frr := newFRR(s.t, fill(frrBMPConfig, "ADDRESS", s.host(2), "NEIGHBOR", s.host(4), "RELAY", host, "BMPPORT", port), listen, "-M", "bmp")
	frr.start()
	d.measures(bmpSessions, "1")
	hijacker := s.open(4, listen, 64511, false)
	view := "bmp:edge1/" + s.host(4) + "/pre"
	// FRR takes some seconds for the first route after it has been started; after that it is fast.
	s.atOnce(view, four, func() { hijacker.announce(0, four, 64511) }, func() { hijacker.withdraw(0, four) })
	hijacker.announce(0, four, 64511)
	if i := s.next("opened", "origin-hijack", four).Incident; len(i.Evidence) == 0 || i.Evidence[0].Vantage != view {
		s.t.Errorf("opened: %+v", i)
	}

	relay.cut()
	d.measures(bmpSessions, "0")
	s.longEnough(other)
	relay.mend()
	d.measures(bmpSessions, "1")
	d.measures(`anywatch_vantages{state="unsynchronised"}`, "0")
	s.longEnough(other)
	hijacker.withdraw(0, four)
	if got := s.next("resolved", "origin-hijack", four).Incident.Resolution; !strings.Contains(got, "withdrew it") {
		s.t.Errorf("resolved because %s", got)
	}

	// That the session with the hijacker ends is a fact, which FRR tells.
	hijacker.announce(0, six, 64511)
	s.next("opened", "origin-hijack", six)
	_ = hijacker.conn.Close()
	if got := s.next("resolved", "origin-hijack", six).Incident.Resolution; !strings.Contains(got, "ended") {
		s.t.Errorf("resolved because %s", got)
	}

	// That FRR itself is gone says nothing about the hijack.
	hijacker = s.open(4, listen, 64511, false)
	hijacker.announce(0, four, 64511)
	s.next("opened", "origin-hijack", four)
	frr.kill()
	d.measures(bmpSessions, "0")
	s.longEnough(other)
	other.kept()
	s.hookAgrees()
}
