package detector

import (
	"fmt"
	"slices"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rpki"
)

// forgedPath finds a path to an allowed origin that no route can have gone: somebody wrote it.
var forgedPath = Detector{
	Kind: ForgedPath,
	Judge: func(c *Case) (Finding, string) {
		k := c.courses()
		if !k.forged.found {
			return Finding{}, k.forged.says
		}
		severity := Warning
		if c.undeclared() {
			severity = Critical
		}
		return c.pathFinding(ForgedPath, k.forged, severity), ""
	},
	Says: func(f *Finding) string {
		return fmt.Sprintf("The path of %s is impossible at %s: %s.", f.announced(), f.AS, f.Note)
	},
	Actions: func(f *Finding, path route.Path) []string {
		if f.Offender == 0 {
			return []string{fmt.Sprintf("Look at where %s announces %s, and at its ASPA: others take the path for forged", f.AS, f.announced())}
		}
		actions := []string{
			fmt.Sprintf("Find out whether the traffic of %s goes through %s: a traceroute from the vantages that show it tells", f.announced(), f.AS),
			filterAfter(f, path),
		}
		if f.AS.Reserved() || special(f.AS) != "" {
			actions = append(actions, fmt.Sprintf("If %s is a part of your own network, take it off towards the outside, or name it in the configuration", f.AS))
		}
		return actions
	},
}

// impossible finds what can't be in a path.
func (c *Case) impossible() fault {
	if first, between, again := c.loop(); again {
		return wrong(between, fmt.Sprintf("%s stands in it twice, with %s between", first, between))
	}
	if f := c.unassignable(); f.found {
		return f
	}
	k := &c.path
	switch {
	case k.aspa.State != rpki.ASPAInvalid:
		return fine("no AS in the path is impossible, and no ASPA contradicts it")
	case k.aspa.ASSet:
		as := k.way.aggregator()
		return wrong(as, "there is an AS_SET in it, which makes it ASPA-invalid")
	case len(k.aspa.Hops) == 0:
		return fine("the path is empty")
	}
	h := k.aspa.Hops[0]
	switch {
	case k.leak.found:
		return fine("the path shows that it is a leak")
	case k.upstream.found && k.upstream.as == h.Provider:
		return fine("what the ASPA contradicts is the AS next to the origin: that is an unexpected upstream")
	}
	return wrong(h.Provider, fmt.Sprintf("ASPA-invalid, because the ASPA of %s does not name it as provider", h.Customer))
}

// loop finds one of our ASes that stands in the path twice with ASes of others between: who, and the other that is nearest to the origin. Real
// routers refuse such a route; a forger, or a network that poisons its own path, writes it.
func (c *Case) loop() (ours, between route.ASN, found bool) {
	asns := c.path.way.asns
	for i, a := range asns {
		if !c.Rules.Ours(a) {
			continue
		}
		other, some := route.ASN(0), false
		for _, b := range asns[i+1:] {
			switch {
			case b == a && some:
				return a, other, true
			case !some && !c.Rules.Ours(b):
				other, some = b, true
			}
		}
	}
	return 0, 0, false
}

// unassignable finds an AS number that nobody can have on the way outside. What the configuration names is meant, and who sends us the path is
// there. Inside our own network private numbers are in use. Where our own AS has a private number, or one for documentation, the world outside is
// a laboratory, and others in it have such numbers too.
func (c *Case) unassignable() fault {
	k := &c.path
	for i, as := range k.way.asns {
		if as == c.Vantage.PeerAS && as != 0 && i == len(k.way.asns)-1 || c.Rules.Listed(as) {
			continue
		}
		if as.Reserved() {
			return wrong(as, "no network can have that number ("+special(as)+")")
		}
		if i == 0 || c.Vantage.Scope != collector.External || k.upstream.found && k.upstream.as == as {
			continue
		}
		if why := special(as); why != "" && !c.alike(why) && !(c.Vantage.PeerAS == 0 && i == len(k.way.asns)-1) {
			return wrong(as, "that is "+why+", which has no place in a path outside")
		}
	}
	return fault{}
}

// alike tells that one of our own AS numbers is set aside for the same.
func (c *Case) alike(why string) bool {
	return slices.ContainsFunc(c.Rules.ASNs(), func(a route.ASN) bool { return special(a) == why })
}

// special says for what an AS number is set aside, "" for those that networks have.
func special(as route.ASN) string {
	switch {
	case as == route.ASZero:
		return "AS0, RFC 7607"
	case as == route.ASTrans:
		return "AS_TRANS, RFC 6793 section 9"
	case as == 65535 || as == 4294967295:
		return "reserved, RFC 7300"
	case as >= 64496 && as <= 64511 || as >= 65536 && as <= 65551:
		return "a number for documentation (RFC 5398)"
	case as >= 64512 && as <= 65534 || as >= 4200000000:
		return "a private number (RFC 6996)"
	}
	return ""
}

// aggregator gives the AS that made the first set of the path: the one behind it on the way, else the set's smallest member.
func (w *way) aggregator() route.ASN {
	if len(w.sets) == 0 {
		return 0
	}
	first := w.sets[0]
	return w.asns[min(first.at+1, len(w.asns)-1)]
}
