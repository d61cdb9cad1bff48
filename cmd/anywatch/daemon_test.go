package main

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"anywatch/cmd/internal/lab/rtrcache"
)

// TestDaemon runs the binary as an operator does, with GoBGP and routers made by hand as its peers.
func TestDaemon(t *testing.T) {
	bin := buildDaemon(t)
	t.Run("hijack", func(t *testing.T) { testHijack(newStation(t, bin, 1)) })
	t.Run("VRP file", func(t *testing.T) { testVRPFile(newStation(t, bin, 2)) })
	t.Run("RPKI cache", func(t *testing.T) { testRPKICache(newStation(t, bin, 3)) })
	t.Run("metrics", func(t *testing.T) { testMetrics(newStation(t, bin, 4)) })
	t.Run("reload", func(t *testing.T) { testReload(newStation(t, bin, 5)) })
	t.Run("refused reload", func(t *testing.T) { testRefusedReload(newStation(t, bin, 6)) })
	t.Run("stop", func(t *testing.T) { testStop(newStation(t, bin, 7)) })
	t.Run("stop with a sink that hangs", func(t *testing.T) { testStopWithHangingSink(newStation(t, bin, 8)) })
	t.Run("kill", func(t *testing.T) { testKill(newStation(t, bin, 9)) })
	t.Run("recording", func(t *testing.T) { testRecording(newStation(t, bin, 11)) })
	t.Run("start-up", func(t *testing.T) { testStartUp(newStation(t, bin, 10)) })
	t.Run("asked", func(t *testing.T) { testAsked(newStation(t, bin, 12)) })
	t.Run("people", func(t *testing.T) { testPeople(newStation(t, bin, 13)) })
}

// oneTransit is a configuration with one neighbor, outside our network, whose word is enough.
const oneTransit = `
asns: [64500]
prefixes:
  - {prefix: 192.0.2.0/24, name: dns-a}
  - {prefix: "2001:db8:53::/48", name: dns-a-v6}
sources:
  bgp:
    listen: ["$BGP"]
    neighbors:
      - {name: transit, address: $R2, asn: 64501, scope: external, add_path: true}
detect: {confirm: {external_vantages: 1}, resolve_after: 1s}
alerts:
  sinks:
    - {name: file, file: {path: alerts.jsonl}}
    - {name: hook, webhook: {url: "$HOOK", secret_file: secret}}
web: {listen: "$WEB"}
`

// aboutHijacks is oneTransit where nobody is told but of hijacks: a prefix without a ROA is an incident too, and not what the test is about.
var aboutHijacks = strings.NewReplacer("{path: alerts.jsonl}", hijacksAlone("{path: alerts.jsonl}"), "secret_file: secret}", hijacksAlone("secret_file: secret}")).Replace(oneTransit)

func hijacksAlone(sink string) string { return sink + ", kinds: [origin-hijack, subprefix-hijack]" }

const (
	four = "192.0.2.0/24"
	six  = "2001:db8:53::/48"
)

// A hijack is told when it begins and when it is over, and told again under its id when it comes back.
func testHijack(s *station) {
	s.configure(oneTransit)
	d := s.start()
	if status, body := d.get("/-/ready"); status != http.StatusServiceUnavailable || !strings.Contains(body, "no feed") {
		s.t.Errorf("ready without a feed: %d %s", status, body)
	}
	p := s.speaker(2, 64501)
	p.announce(four, 64500)
	p.announce(six, 64500)
	d.synchronised(1)
	if status, body := d.get("/-/ready"); status != http.StatusOK {
		s.t.Errorf("not ready with a feed: %d %s", status, body)
	}
	s.still()

	p.announce(four, 64511)
	opened := s.next("opened", "origin-hijack", four)
	i := opened.Incident
	if i.Origin != 64511 || i.Severity != "critical" || i.State != "open" || i.Watched != four || i.PreExisting || i.RPKI.State != "not-checked" ||
		i.Vantages.Seeing != 1 || i.Vantages.Of != 1 || len(i.Evidence) != 1 || i.Evidence[0].Vantage != "bgp:transit" {
		s.t.Errorf("opened: %+v", opened)
	}
	p.withdraw(four)
	resolved := s.next("resolved", "origin-hijack", four).Incident
	if resolved.ID != i.ID || resolved.Vantages.Seeing != 0 || resolved.State != "resolved" || !strings.Contains(resolved.Resolution, "withdrew it") {
		s.t.Errorf("resolved: %+v", resolved)
	}
	p.announce(four, 64511)
	if again := s.next("opened", "origin-hijack", four).Incident; again.ID != i.ID || again.Reopened != 1 {
		s.t.Errorf("opened again: %+v", again)
	}
	p.announce("2001:db8:53:7::/64", 64512)
	s.next("opened", "subprefix-hijack", "2001:db8:53:7::/64")
	s.hookAgrees()
}

// A VRP file that is replaced changes the verdict of an incident that is open.
func testVRPFile(s *station) {
	s.put("vrps.json", `{"roas": [{"prefix": "203.0.113.0/24", "maxLength": 24, "asn": "AS64500"}]}`)
	s.configure(aboutHijacks + "rpki: {files: [vrps.json]}\n")
	d := s.start()
	d.measures("anywatch_rpki_vrps", "1")
	p := s.speaker(2, 64501)
	p.announce(four, 64511)
	if got := s.next("opened", "origin-hijack", four).Incident.RPKI; got.State != "not-found" {
		s.t.Errorf("before the ROA: %+v", got)
	}
	s.put("vrps.json", `{"roas": [{"prefix": "192.0.2.0/24", "maxLength": 24, "asn": "AS64500"}]}`)
	got := s.next("updated", "origin-hijack", four).Incident
	if got.RPKI.State != "invalid" || len(got.RPKI.VRPs) != 1 || got.RPKI.VRPs[0] != "192.0.2.0/24-24 AS64500" {
		s.t.Errorf("with the ROA: %+v", got.RPKI)
	}
	s.put("vrps.json", `{"roas": [{"prefix": "192.0.2.0/24", "maxLength": 24`) // torn: the old data stay in use
	d.says("the old ones stay in use")
	d.measures("anywatch_rpki_vrps", "1")
	s.still()
	s.put("vrps.json", `{"roas": [{"prefix": "192.0.2.0/24", "maxLength": 24, "asn": "AS64511"}]}`)
	if got := s.next("updated", "origin-hijack", four).Incident; got.RPKI.State != "valid" || got.Severity != "warning" {
		s.t.Errorf("with a ROA for the other: %+v", got)
	}
	s.hookAgrees()
}

// startCache serves VRPs over RTR at an address of the station.
func (s *station) startCache() (*rtrcache.Cache, string) {
	s.t.Helper()
	c, err := rtrcache.New(4711, rtrcache.DefaultTimers(), slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	l, err := net.Listen("tcp", s.host(53)+":0")
	if err != nil {
		s.t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- c.Serve(l) }()
	s.t.Cleanup(func() {
		c.Close()
		if err := <-served; err != nil {
			s.t.Errorf("the cache: %v", err)
		}
	})
	return c, l.Addr().String()
}

func (s *station) serve(c *rtrcache.Cache, prefix string, asn uint32) {
	s.t.Helper()
	n := netip.MustParsePrefix(prefix)
	if err := c.Set([]rtrcache.VRP{{Prefix: n, MaxLength: n.Bits(), ASN: asn}}); err != nil {
		s.t.Fatal(err)
	}
}

// What a cache says over RTR changes the verdict too, and the daemon is not ready before it has said anything.
func testRPKICache(s *station) {
	cache, address := s.startCache()
	s.configure(aboutHijacks + "rpki: {caches: [{address: \"" + address + "\", transport: tcp}]}\n")
	d := s.start()
	p := s.speaker(2, 64501)
	d.synchronised(1)
	if status, body := d.get("/-/ready"); status != http.StatusServiceUnavailable || !strings.Contains(body, "no VRPs") {
		s.t.Errorf("ready without VRPs: %d %s", status, body)
	}
	p.announce(four, 64511)
	if got := s.next("opened", "origin-hijack", four).Incident.RPKI.State; got != "not-checked" {
		s.t.Errorf("without VRPs: %s", got)
	}
	s.serve(cache, four, 64500)
	if got := s.next("updated", "origin-hijack", four).Incident.RPKI.State; got != "invalid" {
		s.t.Errorf("with our ROA: %s", got)
	}
	if status, body := d.get("/-/ready"); status != http.StatusOK {
		s.t.Errorf("not ready with VRPs: %d %s", status, body)
	}
	s.serve(cache, four, 64511)
	if got := s.next("updated", "origin-hijack", four).Incident; got.RPKI.State != "valid" || got.Severity != "warning" {
		s.t.Errorf("with a ROA for the other: %+v", got)
	}
	s.hookAgrees()
}

// The metrics are there, right, and as Prometheus wants them.
func testMetrics(s *station) {
	s.put("vrps.json", `{"roas": [{"prefix": "192.0.2.0/24", "maxLength": 24, "asn": "AS64500"}]}`)
	s.configure(aboutHijacks + "rpki: {files: [vrps.json]}\n")
	d := s.start()
	p := s.speaker(2, 64501)
	d.synchronised(1)
	p.announce("203.0.113.0/24", 64502) // touches nothing that is watched
	p.announce(four, 64511)
	s.next("opened", "origin-hijack", four)
	s.hookAgrees()
	for name, value := range map[string]string{
		`anywatch_sessions{source="bgp"}`:                                     "1",
		`anywatch_matched_updates_total{source="bgp"}`:                        "1",
		`anywatch_skipped_updates_total{source="bgp"}`:                        "3", // one route, two End-of-RIB
		`anywatch_updates_total{source="bgp"}`:                                "4",
		`anywatch_prefixes_total{source="bgp"}`:                               "2",
		`anywatch_malformed_messages_total{source="bgp"}`:                     "0",
		`anywatch_queue_depth`:                                                "0",
		`anywatch_feed_lag_seconds{source="bgp"}`:                             "0",
		`anywatch_rpki_vrps`:                                                  "1",
		`anywatch_incidents_open{kind="origin-hijack"}`:                       "1",
		`anywatch_incidents_open{kind="squatting"}`:                           "0",
		`anywatch_notifications_total{outcome="sent",sink="file"}`:            "1",
		`anywatch_notifications_total{outcome="sent",sink="hook"}`:            "1",
		`anywatch_notifications_total{outcome="failed",sink="hook"}`:          "0",
		`anywatch_watched_routes`:                                             "1",
		`anywatch_vantages{state="unsynchronised"}`:                           "0",
		`anywatch_config_last_reload_successful`:                              "1",
		`anywatch_incident_events_total{event="opened",kind="origin-hijack"}`: "1",
	} {
		d.measures(name, value)
	}
	for _, name := range []string{`anywatch_messages_total{source="bgp"}`, `anywatch_feed_last_message_age_seconds{source="bgp"}`, "anywatch_rpki_age_seconds"} {
		if v := d.metrics()[name]; v == "" || v == "0" {
			s.t.Errorf("%s is %q", name, v)
		}
	}
	_, text := d.get("/metrics")
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, x := range problems {
		s.t.Errorf("%s: %s", x.Metric, x.Text)
	}
	if status, _ := d.get("/metrics/nothing"); status != http.StatusNotFound {
		s.t.Errorf("a page that there is not: %d", status)
	}
}
