package config

import (
	"strings"
	"testing"
)

// advised is a configuration on which there is no advice; the cases change a part of it.
const advised = `
asns: [64500]
defaults: {min_sites: 2}
prefixes:
  - {prefix: 192.0.2.0/24, name: dns-a, twin: "2001:db8:53::/48"}
  - {prefix: "2001:db8:53::/48"}
sites:
  - {name: ams, location: {region: eu}, match: [{community: "64500:101"}]}
  - {name: nrt, location: {region: ap}, match: [{community: "64500:102"}]}
  - {name: iad, location: {region: na}, match: [{community: "64500:103"}]}
sources: {bgp: {neighbors: [{name: rr1, address: 10.0.0.1, asn: 64500, add_path: true}]}}
rpki: {caches: [{address: "127.0.0.1:3323"}]}
`

// adviceOn gives a line for each advice about the configuration in which the pairs of texts were replaced.
func adviceOn(t *testing.T, pairs ...string) (lines []string) {
	t.Helper()
	text := advised
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the configuration has no %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	for _, a := range Advise(parsed(t, text)) {
		if a.What == "" || a.Why == "" || a.Do == "" || strings.Contains(a.String(), "  ") {
			t.Errorf("not in words: %q", a)
		}
		lines = append(lines, a.String())
	}
	return lines
}

const (
	rr         = "{bgp: {neighbors: [{name: rr1, address: 10.0.0.1, asn: 64500, add_path: true}]}}"
	noAddPath  = "{bgp: {neighbors: [{name: rr1, address: 10.0.0.1, asn: 64500}]}}"
	external   = "{bgp: {neighbors: [{name: rr1, address: 10.0.0.1, asn: 64501}]}}"
	publicOnly = `{rislive: [{url: "wss://ris-live.ripe.net/v1/ws/"}]}`
)

// Each case is a configuration with one weakness, and what is said of it.
func TestAdvise(t *testing.T) {
	const nrt, iad = `  - {name: nrt, location: {region: ap}, match: [{community: "64500:102"}]}`, `  - {name: iad, location: {region: na}, match: [{community: "64500:103"}]}`
	for _, c := range []struct {
		name  string
		pairs []string
		want  string // how the only advice begins; "" for none
	}{
		{"nothing to say", nil, ""},
		{"two sites", []string{iad + "\n", ""}, "there are two sites, ams and nrt: when one is lost"},
		{"one region", []string{"region: ap", "region: eu", "region: na", "region: eu"}, "all 3 sites are in region eu: "},
		{"a region that nobody declared", []string{"region: ap", "city: Tokyo", "region: na", "region: eu"}, ""},
		{"a prefix without twin", []string{`, twin: "2001:db8:53::/48"`, ""}, "192.0.2.0/24 (dns-a) has no IPv6 twin: "},
		{"the twin names it", []string{`, twin: "2001:db8:53::/48"`, "", `{prefix: "2001:db8:53::/48"}`, `{prefix: "2001:db8:53::/48", twin: 192.0.2.0/24}`}, ""},
		{"no IPv6 at all", []string{`, twin: "2001:db8:53::/48"`, "", `  - {prefix: "2001:db8:53::/48"}` + "\n", ""}, "no IPv6 prefix is watched: "},
		{"IPv4 that is not announced, or not to everybody", []string{`, twin: "2001:db8:53::/48"}`, "}\n  - {prefix: 198.51.100.0/24, announced: never}\n  - {prefix: 203.0.113.0/24, scope: local}",
			`{prefix: "2001:db8:53::/48"}`, `{prefix: "2001:db8:53::/48", twin: 192.0.2.0/24}`}, ""},
		{"one site is enough", []string{"defaults: {min_sites: 2}\n", ""}, "192.0.2.0/24 (dns-a) and 2001:db8:53::/48 have min_sites 1: "},
		{"none is needed", []string{"min_sites: 2", "min_sites: 0"}, ""},
		{"no VRPs", []string{`rpki: {caches: [{address: "127.0.0.1:3323"}]}` + "\n", ""}, "there is no source of VRPs: "},
		{"the same community", []string{"64500:103", "64500:101"}, "community 64500:101 of site iad fits the earlier site ams too: "},
		{"a next hop inside another's", []string{`community: "64500:101"`, "next_hop: 10.1.0.0/16", `community: "64500:103"`, "next_hop: 10.1.7.7"}, "next_hop 10.1.7.7 of site iad fits the earlier site ams too: "},
		{"a next hop around another's", []string{`community: "64500:101"`, "next_hop: 10.1.7.7", `community: "64500:103"`, "next_hop: 10.1.0.0/16"}, ""},
		{"no matcher", []string{`{region: na}, match: [{community: "64500:103"}]`, "{region: na}"}, "no matcher tells the paths of iad: "},
		{"no source", []string{"sources: " + rr + "\n", ""}, "there is no source: "},
		{"best paths of the reflector", []string{rr, noAddPath}, "no source looks past best paths for ams, nrt and iad: "},
		{"public feeds", []string{rr, publicOnly}, "no source looks past best paths for ams, nrt and iad: "},
		{"BMP", []string{rr, "{bmp: {}}"}, ""},
		{"public feeds do not show next hops", []string{rr, publicOnly, `community: "64500:101"`, "next_hop: 10.1.0.1", `community: "64500:102"`, "next_hop: 10.2.0.1", `community: "64500:103"`, "originator_id: 10.3.0.1"},
			"no source could show which paths are of ams, nrt and iad (2 prefixes): "},
		{"nor do others' routers", []string{rr, external, `community: "64500:101"`, "next_hop: 10.1.0.1", `community: "64500:102"`, "next_hop: 10.2.0.1", `community: "64500:103"`, "peer: 10.3.0.1"},
			"no source could show which paths are of ams, nrt and iad (2 prefixes): "},
		{"a session with each site", []string{rr, "{bgp: {neighbors: [{address: 10.1.0.1, asn: 64500}, {name: tyo, address: 10.2.0.1, asn: 64500}, {range: 10.3.0.0/24, asn: 64500, add_path: true}]}}",
			`community: "64500:101"`, "peer: 10.1.0.1", `community: "64500:102"`, "router: tyo", `community: "64500:103"`, "peer: 10.3.0.1"}, ""},
		{"one matcher of two is seen", []string{rr, external, `match: [{community: "64500:101"}]`, `match: [{next_hop: 10.1.0.1}, {community: "64500:101"}]`}, "no source looks past best paths for ams, nrt and iad: "},
	} {
		got := adviceOn(t, c.pairs...)
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], c.want)) {
			t.Errorf("%s: %q, expected %q", c.name, got, c.want)
		}
	}
	one := adviceOn(t, nrt+"\n", "", iad+"\n", "", "min_sites: 2", "min_sites: 1")
	if len(one) != 1 || !strings.HasPrefix(one[0], "there is one site, ams: ") {
		t.Errorf("one site: %q", one)
	}
}

// A prefix alone is a beginning, and is told what comes next, not everything.
func TestAdviseTheSmallest(t *testing.T) {
	var got []string
	for _, a := range Advise(parsed(t, "asns: [64500]\nprefixes: [{prefix: 192.0.2.0/24}]\n")) {
		got = append(got, a.What)
	}
	equal(t, "advice", strings.Join(got, "; "), "no site is declared; no IPv6 prefix is watched; there is no source; there is no source of VRPs")
}

func TestSeveral(t *testing.T) {
	for want, list := range map[string]string{"a": "a", "a and b": "a b", "a, b and c": "a b c", "a, b, c and 1 more": "a b c d"} {
		equal(t, list, several(strings.Fields(list)), want)
	}
}
