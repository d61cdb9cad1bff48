package propose

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"anywatch/collector/route"
)

// Write proposes a configuration as YAML. The same input gives the same text. The error says that there is nothing to propose, and why.
func Write(in Seen) (string, error) {
	s := newSurvey(in)
	s.findSites()
	s.judge()
	if len(s.entries(proposed)) == 0 {
		return "", s.nothing()
	}
	up := newUpstreams(s)
	p := &page{}
	s.header(p)
	p.gap()
	s.asns(p)
	p.gap()
	s.defaults(p, up)
	p.gap()
	s.prefixes(p, up)
	p.gap()
	s.leftOut(p)
	p.gap()
	s.writeSites(p, up)
	p.gap()
	p.say("", "Still to be written: sources (where routes come from), rpki, alerts. Then: anywatch check -c FILE, and anywatch replay -c FILE INPUT.")
	return p.String(), nil
}

// nothing says why there is nothing to propose.
func (s *survey) nothing() error {
	names := make([]string, len(s.ASNs))
	for i, a := range s.ASNs {
		names[i] = a.String()
	}
	who := strings.Join(names, ", ")
	var why []string
	for _, f := range s.entries(doubtful) {
		why = append(why, fmt.Sprintf("%s is %s", f.prefix, f.why))
	}
	if len(why) > 0 {
		return fmt.Errorf("nothing certain to propose for %s: %s", who, some(why))
	}
	switch {
	case len(s.entries(inside)) > 0:
		return fmt.Errorf("nothing to propose for %s: it originates private address space or a default route only, as %s", who, s.entries(inside)[0].prefix)
	case len(s.Transit) > 0:
		return fmt.Errorf("nothing to propose for %s: it originates no prefix in this input, but stands in the middle of the paths of %s", who, prefixes(len(s.Transit)))
	case len(s.Vantages) == 0:
		return errors.New("nothing to propose: the input holds no routes")
	}
	return fmt.Errorf("nothing to propose for %s: no route in this input has it as origin; name another with --asn, or give an input that shows your prefixes", who)
}

func (s *survey) header(p *page) {
	p.say("", "Proposed by anywatch generate from what was seen: read it before you use it. What is in doubt stands in comments.")
	names := make([]string, len(s.From))
	for i, n := range s.From {
		names[i] = oneLine(n)
	}
	const shown = 10
	from := strings.Join(names[:min(shown, len(names))], ", ")
	if more := len(names) - shown; more > 0 {
		from += fmt.Sprintf(" and %d more", more)
	}
	if !s.Newest.IsZero() {
		from += "; newest record " + s.Newest.UTC().Format(time.RFC3339)
	}
	p.say("", "From: "+from+".")
	if s.Records > 0 {
		read := "Read: " + number(int(s.Records), "record", "records")
		if s.Malformed > 0 {
			read += fmt.Sprintf(", %d of which could not be read", s.Malformed)
		}
		p.say("", read+".")
	}
	external, tables := 0, 0
	for _, v := range s.Vantages {
		if v.External {
			external++
		}
		if v.Table {
			tables++
		}
	}
	p.say("", fmt.Sprintf("Vantages: %d outside, %d inside our network; whole tables from %d.", external, len(s.Vantages)-external, tables))
	if len(s.full) < 2 && external > 0 && tables == 0 {
		p.say("", "Only changes were seen, and no table: what did not change in that time is missing here. A RIB dump shows all.")
	}
}

func (s *survey) asns(p *page) {
	note := ""
	if s.Told != "" {
		note = oneLine(s.Told) + "; name others with --asn"
	}
	p.add("asns: "+list(asnTexts(s.ASNs)), note)
	for _, a := range s.ASNs {
		if !slices.ContainsFunc(s.order, func(f *fact) bool { return f.ours[a] != nil }) {
			p.say("", a.String()+" originates no prefix here.")
		}
	}
}

// defaults writes what prefixes inherit.
func (s *survey) defaults(p *page, up *upstreams) {
	body := &page{}
	switch {
	case len(up.of) == 0:
		p.say("", "No path from outside shows who stands next to us: without upstreams, anybody may.")
	case up.split:
		p.say("", "The upstreams of our ASes have nothing in common, so they stand with each prefix.")
		up.explain(p)
	default:
		up.write(body)
	}
	if n := len(s.sites); n > 1 {
		body.doubt("  min_sites: 2", fmt.Sprintf("fewer sites than this is critical; %d were seen", n))
	}
	p.under("", "defaults:", body)
}

// leftOut tells of prefixes that are not proposed.
func (s *survey) leftOut(p *page) {
	private, first := 0, netip.Prefix{}
	var outside []string
	for _, f := range s.entries(inside) {
		private++
		if !first.IsValid() {
			first = f.prefix
		}
		if f.all.external() > 0 {
			outside = append(outside, f.prefix.String())
		}
	}
	if private > 0 {
		p.say("", fmt.Sprintf("Left out: %s of private address space, or default routes, as %s.", number(private, "prefix", "prefixes"), first))
	}
	if n := len(outside); n > 0 {
		p.say("", "Of these, vantages outside show "+some(outside)+": nobody there should.")
	}
	if len(s.Transit) > 0 {
		behind := make(map[route.ASN]int)
		for _, origin := range s.Transit {
			behind[origin]++
		}
		var who []string
		for _, c := range ranked(behind) {
			who = append(who, fmt.Sprintf("%s (%d)", c.key, c.n))
		}
		p.say("", fmt.Sprintf("Left out: %s of others whose paths lead through our ASes, with origin %s.", prefixes(len(s.Transit)), some(who)))
	}
}

// some lists a few texts and counts the rest.
func some(texts []string) string {
	const shown = 5
	if more := len(texts) - shown; more > 0 {
		return strings.Join(texts[:shown], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(texts, ", ")
}

func (s *survey) writeSites(p *page, up *upstreams) {
	if len(s.sites) < 2 {
		s.whyNoSites(p, up)
		return
	}
	if !s.pastBest() {
		p.say("", "The vantages inside show best paths only: a site behind a better one is not seen. Sessions with Add-Path, or BMP of every router, show all.")
	}
	body := &page{}
	for _, x := range s.sites {
		one := &page{}
		x.write(one)
		if len(x.match) == 0 {
			one = one.commented(2)
		}
		body.append(one)
	}
	p.under("", "sites:", body)
	for _, r := range s.regions {
		var names []string
		for _, x := range r.sites {
			names = append(names, x.name)
		}
		p.say("", fmt.Sprintf("%s %s is on all paths of %s: a region, or one site with several routers.", strings.ReplaceAll(r.mark.kind.key(), "_", " "), r.mark.text, strings.Join(names, ", ")))
	}
}

// pastBest tells that sites don't hide behind each other: some vantage shows all paths, or several routers speak for themselves.
func (s *survey) pastBest() bool {
	speak := make(map[string]bool)
	for _, r := range s.Routes {
		if !s.usable(r) {
			continue
		}
		if r.AllPaths {
			return true
		}
		if !r.Attrs.OriginatorID.IsValid() {
			speak[cmp.Or(r.Router, r.Peer.String())] = true
		}
	}
	return len(speak) > 1
}

func (x *site) write(p *page) {
	p.add("  - name: "+safe(x.name), "")
	p.doubt("    location: {city: …, country: …}", "routes don't tell where it is")
	routers := strings.Join(x.exits[:min(3, len(x.exits))], ", ")
	if more := len(x.exits) - 3; more > 0 {
		routers += fmt.Sprintf(" and %d more", more)
	}
	shown := make(map[*fact]bool)
	for _, t := range x.trails {
		shown[t.fact] = true
	}
	note := fmt.Sprintf("%s; router %s", prefixes(len(shown)), oneLine(routers))
	switch len(x.match) {
	case 0:
		p.add("    match: []", note+": nothing on its paths tells them from those of other sites")
	case 1:
		p.add("    match: [{"+x.match[0].String()+"}]", note)
	default:
		p.add("    match:", note)
		for _, m := range x.match {
			p.add("      - "+m.String(), "")
		}
	}
}

// String is the matcher as YAML.
func (m mark) String() string { return m.kind.key() + ": " + safe(m.text) }

// whyNoSites says why no sites are proposed, and what would show them.
func (s *survey) whyNoSites(p *page, up *upstreams) {
	if len(s.sites) == 1 {
		p.say("", fmt.Sprintf("sites: all paths inside lead to one router, %s. If there are more, sessions with Add-Path, or BMP of every router, show them.", oneLine(s.sites[0].exits[0])))
		return
	}
	p.say("", "sites: paths from outside don't show by which site we are reached. A route reflector's table with Add-Path, or BMP of our routers, does.")
	next := up.origins()
	if len(next) < 2 || len(next) > 8 {
		return
	}
	p.say("", "If each site has an upstream of its own, this tells them apart:")
	body := &page{}
	for _, as := range sorted(next) {
		origins := asnTexts(sorted(next[as]))
		text := origins[0]
		if len(origins) > 1 {
			text = "(" + strings.Join(origins, "|") + ")"
		}
		body.doubt(fmt.Sprintf("  - name: via-%d", uint32(as)), "")
		body.doubt(fmt.Sprintf("    match: [{as_path: '(^| )%d( %s)+$'}]", uint32(as), text), "")
	}
	p.under("", "sites:", body)
}
