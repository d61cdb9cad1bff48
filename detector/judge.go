package detector

import (
	"net/netip"
	"slices"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rules"
)

// Case is one announced route with all that is needed to judge it.
type Case struct {
	Rules   *rules.Set
	Vantage *collector.Vantage
	Prefix  netip.Prefix
	Attrs   *route.Attrs
	Origin  route.Origin
	// Watched is the watch that judges the route, the most specific that equals or covers it; nil when none does.
	Watched *rules.Prefix
	// Inside are the watched prefixes that the route covers, where none covers the route.
	Inside []*rules.Prefix
	// Site is the number of the site that the route is of, rules.NoSite for none.
	Site int
	// RPKI is the verdict of origin validation.
	RPKI rpki.Verdict
	// VRPs are what it is by, for what ASPAs say of the path.
	VRPs *rpki.Table

	path  courses       // what is found out about the path
	told  bool          // whether anybody reads why there is no finding
	asked bool          // whether the operator's rules were asked
	fits  []*rules.Rule // those that the route fits
}

// NewCase prepares a route for judgement.
func NewCase(set *rules.Set, vrps *rpki.Table, v *collector.Vantage, p netip.Prefix, a *route.Attrs) *Case {
	c := new(Case)
	c.prepare(set, vrps, v, p, a)
	return c
}

// prepare prepares a route for judgement, in the place of another.
func (c *Case) prepare(set *rules.Set, vrps *rpki.Table, v *collector.Vantage, p netip.Prefix, a *route.Attrs) {
	*c = Case{Rules: set, Vantage: v, Prefix: p, Attrs: a, Origin: a.Path.Origin(v.Local), Watched: set.Judge(p), Site: rules.NoSite, VRPs: vrps}
	if c.Watched != nil {
		c.Site = set.SiteOf(a, v.Peer, v.Router)
	}
	if c.Watched == nil {
		c.Inside = set.Inside(p)
	}
	c.RPKI = vrps.Validate(p, c.Origin)
}

// Exact tells that the route is the watched prefix itself.
func (c *Case) Exact() bool { return c.Watched != nil && c.Watched.Prefix == c.Prefix }

// unused tells that the watch is one for squatting, which judges alone.
func (c *Case) unused() bool { return c.Watched != nil && c.Watched.Announced == rules.Never }

// originAS is the AS that stands for the origin where none is wrong: the smallest member of a set.
func (c *Case) originAS() route.ASN {
	if len(c.Origin.Set) > 0 {
		return c.Origin.Set[0]
	}
	return c.Origin.AS
}

// ours gives one of our ASes that is the origin, or among an origin's set.
func (c *Case) ours() (route.ASN, bool) {
	if c.Origin.Set == nil {
		return c.Origin.AS, c.Rules.Ours(c.Origin.AS)
	}
	for _, m := range c.Origin.Set {
		if c.Rules.Ours(m) {
			return m, true
		}
	}
	return 0, false
}

// Finding is what a detector says about a route.
type Finding struct {
	Key
	Severity Severity
	Origin   route.ASN
	Offender route.ASN // zero where nobody else did it
	// Beside is, of an upstream, who it stands next to: the origin, or the last of our own ASes on the way out.
	Beside route.ASN
	// Watched are the watched prefixes concerned, the judging one first.
	Watched []*rules.Prefix
	RPKI    rpki.Verdict
	// Note is what else the kind's words need.
	Note string
	// Announced is the prefix of the route, where the key is another: the watched prefix, or none.
	Announced netip.Prefix
	// Facts led to it, beside those that every kind names: the declaration, the path and the VRPs.
	Facts []string
}

// Detector is one way in which a route can look wrong.
type Detector struct {
	Kind Kind
	// Judge gives the finding, or why there is none.
	Judge func(c *Case) (Finding, string)
	// Says gives the headline, and Actions what to do about it.
	Says    func(f *Finding) string
	Actions func(f *Finding, path route.Path) []string
}

// detectors are all that judge single routes, in the order in which they are asked.
var detectors = []Detector{
	originHijack, subprefixHijack, superprefix, squatting, moreSpecific, newPrefix, rpkiInvalid, siteUnexpected, blackholed, scopeLeak,
	unexpectedUpstream, forgedPath, routeLeak,
}

// Detectors are all that judge single routes, in the order in which they are asked.
func Detectors() []Detector { return slices.Clone(detectors) }

// byKind finds the detector of a kind.
var byKind = func() map[Kind]Detector {
	m := make(map[Kind]Detector)
	for _, d := range Detectors() {
		m[d.Kind] = d
	}
	return m
}()

// Judge asks all detectors about a route.
func (c *Case) Judge() []Finding {
	var out []Finding
	for i := range detectors {
		if f, why := detectors[i].Judge(c); why == "" {
			out = append(out, f)
		}
	}
	for _, r := range c.matching() {
		out = append(out, c.ruleFinding(r))
	}
	return out
}

// not says why there is no finding, in words that cost something to make: most routes are judged with nobody reading that.
func (c *Case) not(why func() string) string {
	if !c.told {
		return "it is as it should be"
	}
	return why()
}

// finding begins a finding about this route.
func (c *Case) finding(k Kind, as, offender route.ASN, s Severity) Finding {
	f := Finding{Key: Key{Kind: k, Prefix: c.Prefix, AS: as}, Severity: s, Origin: as, Offender: offender, RPKI: c.RPKI}
	if c.Watched != nil {
		f.Watched = []*rules.Prefix{c.Watched}
	}
	return f
}

// unexpected is the column of the verdict matrix for an origin outside the configuration: critical, unless a valid ROA says that the configuration
// may be the one that is wrong.
func (c *Case) unexpected() Severity {
	if c.RPKI.State == rpki.Valid {
		return Warning
	}
	return Critical
}
