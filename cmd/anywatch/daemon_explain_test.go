package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// explainedTransit has a rule whose summary fails on short paths, two external vantages that must agree, and a sink that hears of little.
const explainedTransit = `
asns: [64500]
defaults: {upstreams: [64501]}
prefixes:
  - {prefix: 192.0.2.0/24, name: dns-a}
sources:
  bgp:
    listen: ["$BGP"]
    neighbors:
      - {name: transit-a, address: $R2, asn: 64501, scope: external}
      - {name: transit-b, address: $R3, asn: 64502, scope: external}
rules:
  - {name: far, when: as_peer == 64502, summary: '{{if .Path}}behind {{index .Path 2}}{{end}}'}
rpki: {files: [vrps.json], max_age: 1000000h}
detect: {confirm: {external_vantages: 2}}
alerts:
  sinks:
    - {name: file, file: {path: alerts.jsonl}, kinds: [origin-hijack], severity: critical}
web: {listen: "$WEB"}
`

// Why did you not alert? The daemon says it of what it holds, and of what nobody announced.
func testExplained(s *station) {
	s.put("vrps.json", `{"roas": [{"prefix": "192.0.2.0/24", "maxLength": 24, "asn": "AS64500"}]}`)
	s.configure(explainedTransit)
	d := s.start()
	a, b := s.speaker(2, 64501), s.speaker(3, 64502)
	d.synchronised(2)
	s.errand("explain", four).answer(0, "the daemon holds no announcement of 192.0.2.0/24, of what covers it, or of its parts", "Not judged from single announcements, and not open about this: ")

	a.announce(four, 64511)
	d.measures("anywatch_watched_routes", "1")
	s.errand("explain", four).answer(0,
		`192.0.2.0/24, path "64501 64511" held by 1 external vantage, bgp:transit-a AS64511 may not originate 192.0.2.0/24: it is covered by 192.0.2.0/24-24 AS64500.`,
		"origin-hijack critical: ", "opens when 2 external vantages show it within 1m; 1 do now", "told to file (file)",
		"rule:far no: the route does not fit: as_peer == 64502")
	b.announce(four, 64511)
	id := s.next("opened", "origin-hijack", four).Incident.ID
	s.errand("explain", "192.0.2.53").answer(0, "is open already, since ", ", as "+id, "rule:far ", "not told to file (file): it hears of critical and above")
	eventually(s.t, "the rule that can't say what it found is counted", func() bool {
		v := d.metrics()[`anywatch_rule_failures_total{rule="far"}`]
		return v != "" && v != "0"
	})
	if n := strings.Count(d.log.String(), "a rule fails on routes"); n != 1 {
		s.t.Errorf("the failure is said %d times", n)
	}
	s.explainedAsPlanned(id)
	s.explainPage(d)
}

// explainedAsPlanned asks about announcements that nobody made, by the daemon's configuration and by another file.
func (s *station) explainedAsPlanned(id string) {
	s.t.Helper()
	s.errand("explain", "--path", "64501 64511", four).answer(0, "state: the daemon's: ", "is open already, since ", ", as "+id)
	s.errand("explain", "--path", "64501 64512", four).answer(0, "opens when 2 external vantages show it within 1m; 0 do now")
	s.errand("explain", "--path", "64502 64500", four).answer(0, "unexpected-upstream warning: ")

	s.put("other.yaml", strings.Replace(s.read("anywatch.yaml"), "upstreams: [64501]", "upstreams: [64502]", 1))
	other := s.dir + "/other.yaml"
	s.errand("explain", "-c", other, "--path", "64502 64500", four).answer(0, "VRPs: of the daemon at ", "Incidents that would open: rule:far ",
		"The daemon, by the configuration in force there, finds unexpected-upstream (warning), rule:far (warning).")
	stdout, _ := s.errand("explain", "-c", other, "--path", "64501 64511", four).answer(0, "is open already, since ", ", as "+id, "The daemon, by the configuration in force there, finds the same.")
	if strings.Contains(stdout, "do now") {
		s.t.Errorf("a file that no vantage was judged by says how many show it:\n%s", stdout)
	}
	stdout, _ = s.errand("explain", "-c", other, "--path", "64502 64500", "--format", "json", four).answer(0)
	var both struct {
		Routes []struct{ Incidents []struct{ Kind string } }
		Daemon struct {
			Routes []struct{ Incidents []struct{ Kind string } }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &both); err != nil || len(both.Routes) != 1 || len(both.Daemon.Routes) != 1 ||
		len(both.Routes[0].Incidents) != 1 || len(both.Daemon.Routes[0].Incidents) != 2 {
		s.t.Errorf("%v: %s", err, stdout)
	}
}

// explainPage asks as programs do.
func (s *station) explainPage(d *process) {
	s.t.Helper()
	const page = "/api/v1/explain"
	status, body := d.get(page + "?prefix=192.0.2.0/24&path=64501+64500&role=customer&otc=64501")
	var got struct {
		Hypothetical bool
		Routes       []struct {
			Role      string
			Incidents []struct{ Kind, Opens string }
		}
		Conditions []struct{ Kind string }
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK || !got.Hypothetical || len(got.Routes) != 1 || got.Routes[0].Role != "customer" ||
		len(got.Routes[0].Incidents) != 1 || got.Routes[0].Incidents[0].Kind != "route-leak" || len(got.Conditions) == 0 {
		s.t.Errorf("%d %v: %s", status, err, body)
	}
	for query, says := range map[string]string{
		"":                                    `prefix="" is not a prefix; write an address, a slash and a length`,
		"?prefix=192.0.2.1/24":                "has bits set after its length; write 192.0.2.0/24",
		"?prefix=192.0.2.0/24&path=x":         `path: "x": an AS number is a number`,
		"?prefix=192.0.2.0/24&scope=sideways": `scope "sideways": it is external or internal`,
		"?prefix=192.0.2.0/24&role=friend":    `role "friend": it is customer, provider, peer, rs, rs-client`,
		"?prefix=192.0.2.0/24&role=peer&scope=internal": "role is of who shows it from outside; leave it out with scope internal",
		"?prefix=192.0.2.0/24&otc=friend":               `otc: "friend": an AS number is a number`,
		"?prefix=192.0.2.0/24&next_hop=nowhere":         `next_hop "nowhere": it is an address`,
	} {
		if status, body := d.get(page + query); status != http.StatusBadRequest || !strings.Contains(strings.ReplaceAll(body, `\"`, `"`), says) {
			s.t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

func TestDaemonAndRPKI(t *testing.T) {
	bin := buildDaemon(t)
	t.Run("explained", func(t *testing.T) { testExplained(newStation(t, bin, 25)) })
	t.Run("reported", func(t *testing.T) { testRPKIReported(newStation(t, bin, 26)) })
	t.Run("its incidents", func(t *testing.T) { testRPKIIncidents(newStation(t, bin, 27)) })
}
