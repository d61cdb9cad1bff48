package main

import (
	"encoding/json"
	"slices"
	"strings"
)

// exceptedTransit has a ROA that an exception takes away, and one that an exception adds.
const exceptedTransit = `
asns: [64510]
defaults: {upstreams: [64501]}
prefixes:
  - {prefix: 192.0.2.0/24, name: dns-a, sites: [ams, nrt]}
  - {prefix: 198.51.100.0/24, name: dns-b, sites: [ams]}
sites:
  - {name: ams, match: [{peer: $R2}]}
  - {name: nrt, match: [{community: "64510:102"}]}
sources:
  bgp:
    listen: ["$BGP"]
    asn: 64500 # a speaker does not send a route to an AS that is in its path
    neighbors: [{name: transit, address: $R2, asn: 64501, scope: external}]
rpki: {files: [vrps.json], slurm: slurm.json, max_age: 1000000h}
detect: {confirm: {external_vantages: 1}}
web: {listen: "$WEB"}
`

// The report is as the daemon knows it: what is announced now, the exceptions in force, and what would become of it with others.
func testRPKIReported(s *station) {
	s.put("vrps.json", `{"roas": [{"prefix": "192.0.2.0/24", "maxLength": 24, "asn": "AS64510"}, {"prefix": "198.51.100.0/24", "maxLength": 24, "asn": "AS64510"}],
		"aspas": [{"customer": "AS64510", "providers": ["AS64501"]}]}`)
	s.put("slurm.json", `{"slurmVersion": 1, "validationOutputFilters": {"prefixFilters": [{"prefix": "198.51.100.0/24"}], "bgpsecFilters": []},
		"locallyAddedAssertions": {"prefixAssertions": [{"asn": 64501, "prefix": "198.51.100.0/24", "maxPrefixLength": 24}], "bgpsecAssertions": []}}`)
	s.put("empty.json", `{"slurmVersion": 1, "validationOutputFilters": {"prefixFilters": [], "bgpsecFilters": []},
		"locallyAddedAssertions": {"prefixAssertions": [], "bgpsecAssertions": []}}`)
	s.put("planned.json", `{"roas": [{"prefix": "192.0.2.0/24", "maxLength": 24, "asn": "AS64501"}]}`)
	s.configure(exceptedTransit)
	d := s.start()
	p := s.speaker(2, 64501)
	p.announce(four, 64510)
	p.announce("198.51.100.0/24", 64510)
	d.measures("anywatch_watched_routes", "2")

	s.errand("report", "rpki").answer(0,
		"198.51.100.0/24 AS64510 ams yes invalid 198.51.100.0/24-24 AS64501 configured-not-authorised",
		"192.0.2.0/24 AS64510 ams yes valid 192.0.2.0/24-24 AS64510 -",
		"192.0.2.0/24 AS64510 nrt no valid 192.0.2.0/24-24 AS64510 configured-not-seen",
		"ASPA of AS64510: complete", "delete SLURM assertion 198.51.100.0/24-24 AS64501")
	s.errand("report", "rpki", "--what-if", s.dir+"/empty.json").answer(0,
		"198.51.100.0/24 AS64510 ams yes invalid → valid 198.51.100.0/24-24 AS64510 -", "With "+s.dir+"/empty.json instead: 1 row changes its state, none becomes invalid")
	s.errand("report", "rpki", "--what-if", s.dir+"/planned.json").answer(0,
		"192.0.2.0/24 AS64510 ams yes valid → invalid 192.0.2.0/24-24 AS64501 configured-not-authorised",
		"192.0.2.0/24 AS64510 nrt no valid → invalid ")
	_, stderr := s.errand("report", "rpki", "--announce", "192.0.2.0/25=64510@nrt", "--fail-on", "invalid").answer(1,
		"192.0.2.0/25 AS64510 nrt planned invalid 192.0.2.0/24-24 AS64510 max-length-short", "create ROA 192.0.2.0/25-25 AS64510")
	if stderr != "--fail-on: some rows are invalid\n" {
		s.t.Error(stderr)
	}
	if _, stderr := s.errand("report", "rpki", "--announce", "192.0.2.0/25=64510@lhr").answer(2); !strings.Contains(stderr, `"lhr" is not a site of the configuration; there is ams, nrt`) {
		s.t.Error(stderr)
	}
	s.reportPage()
}

// reportPage reads the report as programs do.
func (s *station) reportPage() {
	s.t.Helper()
	stdout, _ := s.errand("report", "rpki", "--format", "json").answer(0)
	var doc struct {
		Report string
		Rows   []struct {
			Prefix, State, Site string
			Announced           bool
			Findings            []string
		}
		Basis json.RawMessage
	}
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil || doc.Report != "rpki" || len(doc.Rows) != 4 || doc.Basis != nil {
		s.t.Fatalf("%v: %s", err, stdout)
	}
	if r := doc.Rows[0]; r.State != "invalid" || r.Site != "ams" || !r.Announced || !slices.Equal(r.Findings, []string{"configured-not-authorised"}) {
		s.t.Errorf("%+v", r)
	}
}

// toldOfAll hears of every incident.
const toldOfAll = `
asns: [64510]
prefixes: [{prefix: 192.0.2.0/24, name: dns-a}]
sources:
  bgp:
    listen: ["$BGP"]
    asn: 64500 # a speaker does not send a route to an AS that is in its path
    neighbors: [{name: transit, address: $R2, asn: 64501, scope: external}]
rpki: {files: [vrps.json], max_age: 1000000h, max_drop: 100%}
detect: {confirm: {external_vantages: 1}, resolve_after: 0s}
alerts: {sinks: [{name: file, file: {path: alerts.jsonl}}]}
web: {listen: "$WEB"}
`

// What happens to the VRPs is told as what it does to us: our ROA that goes, another that makes our announcement invalid, and both set right.
func testRPKIIncidents(s *station) {
	const elsewhere = `{"prefix": "203.0.113.0/24", "maxLength": 24, "asn": "AS64511"}`
	ours := `{"prefix": "192.0.2.0/24", "maxLength": 24, "asn": "AS64510"}`
	theirs := strings.Replace(ours, "64510", "64511", 1)
	roas := func(list ...string) { s.put("vrps.json", `{"roas": [`+strings.Join(list, ",")+`]}`) }
	roas(elsewhere, ours)
	s.configure(toldOfAll)
	d := s.start()
	p := s.speaker(2, 64501)
	p.announce(four, 64510)
	d.measures("anywatch_watched_routes", "1")
	s.still()

	roas(elsewhere)
	all := s.together("opened roa-changed", "opened roa-missing", "resolved roa-changed")
	if x := all["opened roa-changed"]; x.Incident.Prefix != four || !strings.Contains(x.Incident.Summary, "VRP 192.0.2.0/24-24 AS64510 was removed. 192.0.2.0/24 from AS64510 is not-found now, was valid;") {
		s.t.Errorf("%+v", x)
	}
	if x := all["opened roa-missing"]; x.Incident.Prefix != four || x.Incident.Origin != 64510 {
		s.t.Errorf("%+v", x)
	}
	roas(elsewhere, theirs)
	all = s.together("opened rpki-invalid", "opened roa-changed", "resolved roa-missing")
	if x := all["opened rpki-invalid"]; x.Incident.Prefix != four || x.Incident.RPKI.State != "invalid" || x.Incident.Severity != "warning" {
		s.t.Errorf("%+v", x)
	}
	roas(elsewhere, ours)
	all = s.together("resolved rpki-invalid", "opened roa-changed")
	if x := all["resolved rpki-invalid"]; !strings.Contains(x.Incident.Summary, "AS64510 announces 192.0.2.0/24 as configured") {
		s.t.Errorf("%+v", x)
	}
}

// together waits until all of this has been told, in whatever order and whatever else is told between, and gives the last of each.
func (s *station) together(events ...string) map[string]told {
	s.t.Helper()
	all := make(map[string]told)
	eventually(s.t, strings.Join(events, ", "), func() bool {
		for _, x := range s.lines()[s.passed:] {
			s.passed++
			all[x.Event+" "+x.Incident.Kind] = x
		}
		return !slices.ContainsFunc(events, func(e string) bool { return all[e].Event == "" })
	})
	return all
}
