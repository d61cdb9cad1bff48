package propose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"anywatch/collector/route"
)

// prefixes writes the entries, those in doubt as comments at their place.
func (s *survey) prefixes(p *page, up *upstreams) {
	p.add("prefixes:", "")
	twins := s.twins(up)
	for _, f := range s.order {
		if f.fate != proposed && f.fate != doubtful {
			continue
		}
		entry := &page{}
		s.entry(entry, f, up, twins)
		if f.fate == doubtful {
			entry = entry.commented(2)
		}
		p.append(entry)
	}
}

func (s *survey) entry(p *page, f *fact, up *upstreams, twins map[netip.Prefix]twin) {
	note := s.seenBy(f)
	if f.fate == doubtful {
		note = f.why
	}
	p.add("  - prefix: "+f.prefix.String(), note)
	if len(f.ours) < len(s.ASNs) {
		p.add("    origins: "+list(asnTexts(sorted(f.ours))), "")
	}
	up.writeFor(p, f)
	s.writePrefixSites(p, f)
	if t, ok := twins[f.prefix]; ok && f.fate == proposed {
		t.write(p)
	}
	s.specifics(p, f)
	if f.local && f.all.external() == 0 {
		p.doubt("    scope: local", "every path of it carries NO_EXPORT")
	}
	s.strangers(p, f)
}

// seenBy says who shows a prefix.
func (s *survey) seenBy(f *fact) string {
	external := 0
	for v, stands := range f.all {
		if stands && v.External {
			external++
		}
	}
	inside := len(f.all) > f.all.external()
	of, known := s.of(f.prefix)
	switch {
	case external == 0 && inside:
		return "inside only"
	case external == 0:
		return ""
	}
	text := vantages(external)
	if known && of > 1 {
		text = fmt.Sprintf("%d of %s", external, vantages(of))
	}
	if inside {
		text += ", and inside"
	}
	return text
}

// writePrefixSites names the sites of a prefix that is not announced at all of them.
func (s *survey) writePrefixSites(p *page, f *fact) {
	if len(s.sites) < 2 {
		return
	}
	named := func(x *site) bool { return len(x.match) > 0 }
	all := 0
	for _, x := range s.sites {
		if named(x) {
			all++
		}
	}
	var names []string
	for _, x := range s.sites {
		if f.sites[x] && named(x) {
			names = append(names, safe(x.name))
		}
	}
	switch {
	case len(names) == all:
	case len(names) == 0:
		p.doubt("    sites: […]", s.siteless(f)+": name its sites, or it is expected at every one")
	case !s.pastBest():
		p.doubt("    sites: "+list(names), "more may hide behind these: only best paths were seen")
		if len(names) == 1 {
			p.doubt("    min_sites: 1", "")
		}
	default:
		p.add("    sites: "+list(names), "")
		if len(names) == 1 {
			p.add("    min_sites: 1", "") // whatever defaults will say
		}
	}
}

// siteless says why no site of a prefix is known.
func (s *survey) siteless(f *fact) string {
	if len(f.all) > f.all.external() {
		return "its paths inside carry no mark of a site"
	}
	return "no path inside shows it"
}

// manyParts is from how many more-specifics on they are not listed one by one.
const manyParts = 16

// specifics writes the more-specifics of ours that are no prefixes of their own.
func (s *survey) specifics(p *page, f *fact) {
	longest, sure := 0, 0
	for _, m := range f.parts {
		if m.why == "" {
			longest = max(longest, m.prefix.Bits())
			sure++
		}
	}
	if sure > manyParts {
		p.add(fmt.Sprintf("    more_specifics: {up_to: %d}", longest), fmt.Sprintf("%s were seen, as %s", prefixes(sure), f.parts[0].prefix))
		return
	}
	body := &page{}
	for _, m := range f.parts {
		if m.why == "" {
			body.add("      - "+safe(m.prefix.String()), s.seenBy(m))
		} else {
			body.doubt("      - "+safe(m.prefix.String()), m.why)
		}
	}
	p.under("    ", "more_specifics:", body)
	for _, m := range f.parts {
		s.otherOrigins(p, m)
	}
}

// strangers tells of others that announce the prefix, parts of it, or what covers it.
func (s *survey) strangers(p *page, f *fact) {
	s.otherOrigins(p, f)
	if f.fate != proposed {
		return
	}
	within, around := s.foreigners(f)
	const shown = 5
	for i, g := range within {
		if i == shown {
			p.say("    ", fmt.Sprintf("And %d more inside of it.", len(within)-shown))
			break
		}
		p.say("    ", fmt.Sprintf("%s inside of it has origin %s: left out; if it is meant, give it an entry with that origin.", g.prefix, s.originsOf(g)))
	}
	for i, g := range around {
		if i == shown {
			break
		}
		p.say("    ", fmt.Sprintf("It is covered by %s with origin %s, which will be reported as superprefix.", g.prefix, s.originsOf(g)))
	}
}

// originsOf lists who else originates a prefix, and how many show it.
func (s *survey) originsOf(g *fact) string {
	var texts []string
	for _, c := range ranked(sizes(g.others)) {
		texts = append(texts, fmt.Sprintf("%s (%s)", c.key, s.share(g.others[c.key])))
	}
	return some(texts)
}

// share counts who shows something, and says when it is over.
func (s *survey) share(t tally) string {
	n, stands := len(t), t.standing()
	switch {
	case stands == 0:
		return vantages(n) + ", none in the end"
	case stands < n:
		return fmt.Sprintf("%s, %d in the end", vantages(n), stands)
	}
	return vantages(n)
}

// otherOrigins tells who else originates a prefix. Nobody becomes an allowed origin for being seen.
func (s *survey) otherOrigins(p *page, f *fact) {
	for i, c := range ranked(sizes(f.others)) {
		if i == 5 {
			p.say("    ", fmt.Sprintf("And with %d other origins.", len(f.others)-5))
			return
		}
		t := f.others[c.key]
		all := make(tally)
		for _, set := range append([]tally{f.all}, values(f.others)...) {
			for v := range set {
				all.add(v, true)
			}
		}
		by := fmt.Sprintf("%d of %s", len(t), vantages(len(all)))
		switch n := t.standing(); {
		case n == 0:
			by += ", none in the end"
		case n < len(t):
			by += fmt.Sprintf(", %d in the end", n)
		}
		remedy := "add it to origins if it is yours"
		if private(c.key) && t.external() == 0 {
			remedy = "a private number, seen inside only: add it to asns if your own servers or sites use it"
		}
		what := "Seen also"
		if f.fate == part {
			what = f.prefix.String() + " is seen also"
		}
		p.say("    ", fmt.Sprintf("%s with origin %s by %s: left out; %s.", what, c.key, by, remedy))
	}
}

func values(m map[string]tally) []tally {
	var out []tally
	for _, k := range sorted(m) {
		out = append(out, m[k])
	}
	return out
}

// private tells of an origin as text that it is one AS of those for private use (RFC 6996).
func private(origin string) bool {
	as, err := route.ParseASN(origin)
	return err == nil && (as >= 64512 && as <= 65534 || as >= 4_200_000_000 && as <= 4_294_967_294)
}

// twin is the prefix of the other family that goes with one.
type twin struct {
	prefix netip.Prefix
	others []netip.Prefix // could be it just as well
	sure   bool
}

func (t twin) write(p *page) {
	switch {
	case t.sure:
		p.add("    twin: "+t.prefix.String(), "announced at the same sites")
	case len(t.others) > 0:
		p.doubt("    twin: "+t.prefix.String(), "or "+joinPrefixes(t.others)+": they are announced at the same sites")
	default:
		p.doubt("    twin: "+t.prefix.String(), "the only such pair; whether they belong together, routes don't tell")
	}
}

func joinPrefixes(list []netip.Prefix) string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.String()
	}
	return strings.Join(texts, " or ")
}

// twins pairs IPv4 prefixes with the IPv6 prefixes that are announced at exactly the same sites; without sites, the only pair there is.
func (s *survey) twins(up *upstreams) map[netip.Prefix]twin {
	groups := make(map[string][2][]netip.Prefix)
	for _, f := range s.entries(proposed) {
		k := strings.Join(s.siteNames(f.sites), "\n")
		if len(s.sites) < 2 {
			k = fmt.Sprint(sorted(f.ours), up.around(f))
		} else if k == "" {
			continue
		}
		g := groups[k]
		family := 0
		if f.prefix.Addr().Is6() {
			family = 1
		}
		g[family] = append(g[family], f.prefix)
		groups[k] = g
	}
	out := make(map[netip.Prefix]twin)
	const choice = 3
	for _, g := range groups {
		for i, p := range g[0] {
			switch {
			case len(g[0]) == 1 && len(g[1]) == 1:
				out[p] = twin{prefix: g[1][0], sure: len(s.sites) > 1 && s.pastBest()}
			case len(s.sites) > 1 && len(g[1]) > 0 && len(g[1]) <= choice:
				rest := slices.Clone(g[1])
				at := min(i, len(rest)-1)
				out[p] = twin{prefix: rest[at], others: slices.Delete(rest, at, at+1)}
			}
		}
	}
	return out
}

func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func vantages(n int) string { return number(n, "vantage", "vantages") }
func prefixes(n int) string { return number(n, "prefix", "prefixes") }

func allOf(n int) string {
	if n == 1 {
		return "the one vantage that showed it"
	}
	return fmt.Sprintf("all %d vantages that showed it", n)
}
