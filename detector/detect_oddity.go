package detector

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

// siblings is how many other sites must agree with each other before one that is unlike them is odd.
const siblings = 2

// oddity is how a site's announcement differs from that of its siblings.
type oddity struct {
	says  string
	since time.Time
	told  bool
}

// traits are what is compared between the sites of a prefix. Communities that tell sites apart are not: they differ on purpose.
type traits struct {
	origin      string
	upstream    string
	prepending  int
	noExport    bool
	noAdvertise bool
	communities []string
}

// compareSites finds sites that announce a prefix unlike their siblings. A change that is being rolled out makes sites unlike for a while: it must
// last as long as a missing site.
func (e *Engine) compareSites(w *rules.Prefix) {
	var cells []*cell
	var all []traits
	for _, c := range e.presence.of(w.Prefix) {
		if t, ok := e.traits(c); ok && c.state == PlaceAnnounced {
			cells, all = append(cells, c), append(all, t)
		} else {
			e.settleOddity(c, "")
		}
	}
	for i, c := range cells {
		e.settleOddity(c, odd(all[i], slices.Delete(slices.Clone(all), i, i+1)))
	}
}

// settleOddity notes how a site is odd now, tells it when it lasted, and lifts it when it is over.
func (e *Engine) settleOddity(c *cell, says string) {
	key := Key{Kind: SiteInconsistent, Prefix: c.prefix, Site: e.rules.Sites()[c.site].Name}
	switch {
	case says == "" && c.odd.told:
		e.ledger.lift(key, cause{says: "it announces as its siblings do, or no longer announces"})
		c.odd = oddity{}
	case says == "":
		c.odd = oddity{}
	case c.odd.says == "":
		c.odd = oddity{says: says, since: e.clock}
		e.timers.set(e.clock.Add(e.rules.SiteMissingAfter), func() { e.presence.touch(c) })
	case c.odd.told && c.odd.says == says:
	case c.odd.told || !e.clock.Before(c.odd.since.Add(e.rules.SiteMissingAfter)):
		c.odd.says, c.odd.told = says, true
		e.ledger.raise(e.inconsistent(key, c))
	default:
		c.odd.says = says
	}
}

func (e *Engine) inconsistent(key Key, c *cell) Condition {
	return Condition{
		Key: key, Severity: Warning, Watched: c.watched, Since: c.odd.since, About: c.odd.says, Evidence: c.shown(),
		Says:    fmt.Sprintf("%s announces %s unlike its siblings: %s.", key.Site, c.watched.Label(), c.odd.says),
		Was:     fmt.Sprintf("%s announced %s unlike its siblings: %s.", key.Site, c.watched.Label(), c.odd.says),
		Why:     []string{fmt.Sprintf("%s is announced at %s, and all other sites agree with each other", c.watched.Label(), key.Site), c.odd.says},
		Actions: []string{"Compare the BGP configuration of " + key.Site + " with that of another site"},
	}
}

// shown lists the routes of a cell as evidence, in a fixed order.
func (c *cell) shown() []Evidence {
	out := make([]Evidence, 0, len(c.routes.list))
	for _, x := range c.routes.list {
		out = append(out, evidenceOf(x.by.v, x.route))
	}
	slices.SortStableFunc(out, func(a, b Evidence) int { return strings.Compare(a.Vantage, b.Vantage) })
	return out[:min(len(out), evidenceShown)]
}

// traits gives how a site announces a prefix, by an internal vantage: outside, each site is seen through upstreams of its own.
func (e *Engine) traits(c *cell) (traits, bool) {
	var best *Route
	var by *view
	for _, x := range c.routes.list {
		if x.live && x.by.v.Scope == collector.Internal {
			best, by = x.route, x.by
			break
		}
	}
	if best == nil {
		return traits{}, false
	}
	a := best.Attrs
	t := traits{origin: originText(a.Path.Origin(by.v.Local)), noExport: a.Has(route.NoExport), noAdvertise: a.Has(route.NoAdvertise), prepending: prepending(a.Path)}
	if n, ok := a.Path.Neighbor(); ok {
		t.upstream = n.String()
	}
	for _, x := range a.Communities {
		if x != route.NoExport && x != route.NoAdvertise && x != route.GracefulShutdown {
			t.communities = append(t.communities, x.String())
		}
	}
	for _, x := range a.Large {
		t.communities = append(t.communities, x.String())
	}
	return t, true
}

func originText(o route.Origin) string {
	if o.Set != nil {
		return fmt.Sprint(o.Set)
	}
	return o.AS.String()
}

// prepending is how often the origin stands at the end of a path beyond the first time.
func prepending(p route.Path) (n int) {
	if len(p) == 0 {
		return 0
	}
	last := p[len(p)-1].ASNs
	for i := len(last) - 2; i >= 0 && last[i] == last[len(last)-1]; i-- {
		n++
	}
	return n
}

// odd says in words how one differs from all others where these agree; "" for not at all.
func odd(t traits, others []traits) string {
	if len(others) < siblings {
		return ""
	}
	var says []string
	differ := func(what string, get func(traits) string) {
		mine, theirs := get(t), get(others[0])
		if mine != theirs && !slices.ContainsFunc(others, func(o traits) bool { return get(o) != theirs }) {
			says = append(says, fmt.Sprintf("%s is %s there, %s at all others", what, mine, theirs))
		}
	}
	differ("the origin", func(t traits) string { return t.origin })
	differ("the AS next to the origin", func(t traits) string { return orNone(t.upstream) })
	differ("prepending", func(t traits) string { return fmt.Sprintf("%d×", t.prepending) })
	differ("NO_EXPORT", func(t traits) string { return setOrNot(t.noExport) })
	differ("NO_ADVERTISE", func(t traits) string { return setOrNot(t.noAdvertise) })
	for _, x := range others[0].communities {
		if !slices.Contains(t.communities, x) && !slices.ContainsFunc(others, func(o traits) bool { return !slices.Contains(o.communities, x) }) {
			says = append(says, "it lacks the community "+x+" that all others have")
		}
	}
	return strings.Join(says, "; ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func setOrNot(b bool) string {
	if b {
		return "set"
	}
	return "not set"
}

// siteUnexpected finds a site that announces a prefix which is not its own.
var siteUnexpected = Detector{
	Kind: SiteUnexpected,
	Judge: func(c *Case) (Finding, string) {
		switch {
		case c.Watched == nil || !c.Exact() || c.unused():
			return Finding{}, "it is not a watched prefix itself that is announced"
		case c.Site == rules.NoSite:
			return Finding{}, "no matcher of a site fits the path"
		}
		name := c.Rules.Sites()[c.Site].Name
		if _, bad := c.Watched.Unallowed(c.Origin); bad {
			return Finding{}, "the origin is not allowed: that is a hijack"
		}
		if slices.Contains(c.Watched.Sites, name) {
			return Finding{}, c.not(func() string { return c.Watched.Label() + " may be announced at " + name })
		}
		f := c.finding(SiteUnexpected, c.originAS(), 0, Warning)
		f.AS, f.Site = 0, name
		return f, ""
	},
	Says: func(f *Finding) string {
		return fmt.Sprintf("%s announces %s, which is not one of its prefixes.", f.Site, f.Watched[0].Label())
	},
	Actions: func(f *Finding, _ route.Path) []string {
		return []string{
			fmt.Sprintf("If it should, add %s to sites of %s in the configuration", f.Site, f.Prefix),
			fmt.Sprintf("If not, withdraw %s at %s: it draws clients there", f.Prefix, f.Site),
		}
	},
}
