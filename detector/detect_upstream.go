package detector

import (
	"fmt"
	"slices"
	"strings"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rpki"
)

// unexpectedUpstream finds an AS next to an allowed origin that the configuration does not name there: the origin is forged, so that it passes
// origin validation, or an upstream was not declared.
var unexpectedUpstream = Detector{
	Kind: UnexpectedUpstream,
	Judge: func(c *Case) (Finding, string) {
		k := c.courses()
		if !k.upstream.found {
			return Finding{}, k.upstream.says
		}
		severity := Warning
		if c.undeclared() || k.aspa.State == rpki.ASPAInvalid {
			severity = Critical
		}
		return c.pathFinding(UnexpectedUpstream, k.upstream, severity), ""
	},
	Says: func(f *Finding) string {
		return fmt.Sprintf("%s stands next to %s on the path of %s; expected %s.", f.AS, f.Beside, f.announced(), f.Watched[0].UpstreamList(f.Beside))
	},
	Actions: func(f *Finding, path route.Path) []string {
		w := f.Watched[0]
		actions := []string{
			fmt.Sprintf("If %s has %s from you as an upstream or a peer, add it to upstreams of %s", f.AS, f.announced(), w.Prefix),
			fmt.Sprintf("If not, it forges %s as origin: %s", f.Origin, lowerFirst(filterAfter(f, path))),
		}
		if f.announced() == w.Prefix {
			if low, high, ok := halves(w.Prefix); ok {
				actions = append(actions, fmt.Sprintf("Against a forged origin, announce %s and %s%s: the longer match wins%s", low, high, condition(low, "them"), f.roaFor(low.Bits())))
			}
		}
		return actions
	},
}

// strange finds who stands next to an allowed origin and may not. Of our own ASes behind each other, who stands next to the last of them is judged.
func (c *Case) strange() fault {
	w := &c.path.way
	switch {
	case c.Vantage.Scope != collector.External:
		return fine("it is seen inside our network")
	case len(w.asns) == 0:
		return fine("the path is empty")
	}
	edge := c.edge()
	switch {
	case edge+1 == len(w.asns):
		return fine("nobody stands next to the origin: it is the sender itself")
	case edge > 0 && c.inward(edge):
		return fine("next to the origin only ASes of ours are declared, and one of them is there")
	}
	if _, _, again := c.loop(); again {
		return fine("our AS stands in the path twice: that is a forged path")
	}
	for _, as := range w.at(edge + 1) {
		if c.mayStand(edge, as) {
			continue
		}
		if as.Reserved() {
			return fine("no network can have that number: that is a forged path")
		}
		if c.path.leak.found && c.path.leak.as == as {
			return fine("the path shows that it is a leak")
		}
		return wrong(as, "")
	}
	return fine("the AS next to the origin may stand there")
}

// inward tells that the configuration names nothing but our own ASes next to the origin and to those of ours behind it: who stands next to the last
// of them, it does not say.
func (c *Case) inward(edge int) bool {
	for _, as := range c.path.way.asns[:edge+1] {
		if slices.ContainsFunc(c.Watched.UpstreamsOf(as), func(u route.ASN) bool { return !c.Rules.Ours(u) }) {
			return false
		}
	}
	return true
}

// mayStand tells whether an AS may be next to the last of our own ASes: next to that one, or by name next to the origin or another of ours on the way,
// where the configuration does not know who is between. Where the origin is a set, it must be next to each of its members.
func (c *Case) mayStand(edge int, as route.ASN) bool {
	asns := c.path.way.asns
	if edge > 0 {
		return c.Watched.Upstream(asns[edge], as) || slices.ContainsFunc(asns[:edge], func(ours route.ASN) bool { return slices.Contains(c.Watched.UpstreamsOf(ours), as) })
	}
	for _, origin := range c.path.way.at(0) {
		if !c.Watched.Upstream(origin, as) {
			return false
		}
	}
	return true
}

// filterAfter names who can stop what an AS in the middle of a path sends: the AS that took it from there.
func filterAfter(f *Finding, path route.Path) string {
	var w way
	w.take(path)
	for i, as := range w.asns {
		if as == f.Offender && i+1 < len(w.asns) {
			return fmt.Sprintf("Ask %s to filter the announcement: it takes it from %s", w.asns[i+1], as)
		}
	}
	return fmt.Sprintf("Ask %s to withdraw the announcement", f.AS)
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
