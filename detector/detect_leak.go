package detector

import (
	"fmt"
	"net/netip"
	"slices"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rpki"
)

// routeLeak finds a route that somebody passed on against the order of things (RFC 7908): up again after it had come down, or where its mark or
// an agreement says that it must not be.
var routeLeak = Detector{
	Kind: RouteLeak,
	Judge: func(c *Case) (Finding, string) {
		k := c.courses()
		switch {
		case !k.leak.found:
			return Finding{}, k.leak.says
		case k.leak.to != 0:
			return c.carrierFinding(k.leak), ""
		}
		severity := Warning
		if c.undeclared() {
			severity = Critical
		}
		return c.pathFinding(RouteLeak, k.leak, severity), ""
	},
	Says: func(f *Finding) string {
		if f.Subject != "" {
			return fmt.Sprintf("%s carries routes of others between its upstreams %s: %s, such as %s.", f.AS, f.Subject, f.Note, f.announced())
		}
		return fmt.Sprintf("%s has leaked %s: %s.", f.AS, f.announced(), f.Note)
	},
	Actions: func(f *Finding, path route.Path) []string {
		if f.Offender == 0 {
			return []string{
				fmt.Sprintf("Find the session of %s whose export filter lets routes of others out, and close it there first", f.AS),
				"Announce to upstreams and peers nothing but your own prefixes and your customers'; BGP roles (RFC 9234) keep to that by themselves",
			}
		}
		return []string{
			fmt.Sprintf("Ask %s to stop passing %s on: it leaks it", f.AS, f.announced()),
			filterAfter(f, path),
		}
	},
}

// carrierFinding is about our own AS between two upstreams. One leak is one incident, however many prefixes go that way.
func (c *Case) carrierFinding(l fault) Finding {
	f := c.finding(RouteLeak, l.as, 0, Warning)
	f.Prefix, f.Announced, f.Origin, f.Note = netip.Prefix{}, c.Prefix, c.originAS(), l.says
	f.Subject = fmt.Sprintf("%s and %s", min(l.from, l.to), max(l.from, l.to))
	return f
}

// leaked finds a leak of a watched prefix with an allowed origin.
func (c *Case) leaked() fault {
	if f := c.marked(); f.found {
		return f
	}
	if f := c.valley(); f.found {
		return f
	}
	return c.carried()
}

// marked finds a leak by the Only-to-Customer attribute (RFC 9234 section 5): it says that the route was sent down or across, by that AS or to the
// one after it.
func (c *Case) marked() fault {
	if !c.Attrs.HasOTC {
		return fault{}
	}
	otc, v := c.Attrs.OTC, c.Vantage
	if v.View == collector.AdjOutPost {
		return c.markedOut()
	}
	if v.Scope != collector.External {
		return fault{}
	}
	switch v.Role {
	// "If a route with the OTC Attribute is received from a Customer or an RS-Client, then it is a route leak".
	case collector.Customer, collector.RouteServerClient:
		return wrong(v.PeerAS, fmt.Sprintf("it is marked Only-to-Customer by %s, and comes from a %s", otc, v.Role))
	// "If a route with the OTC Attribute is received from a Peer […] and the Attribute has a value that is not equal to the remote (i.e., Peer's) AS
	// number, then it is a route leak".
	case collector.LateralPeer:
		if otc != v.PeerAS {
			return wrong(v.PeerAS, fmt.Sprintf("it is marked Only-to-Customer by %s, and comes from the peer %s", otc, v.PeerAS))
		}
	}
	return c.markedUp()
}

// markedOut finds our own router sending a marked route where it must not go: "If a route already contains the OTC Attribute, it MUST NOT be
// propagated to Providers, Peers, or RSes". To a peer, the mark is our own where we set it in sending.
func (c *Case) markedOut() fault {
	v := c.Vantage
	switch {
	case v.Role != collector.Provider && v.Role != collector.RouteServer && v.Role != collector.LateralPeer:
	case v.Role == collector.LateralPeer && c.Rules.Ours(c.Attrs.OTC):
	default:
		return wrong(v.Local, fmt.Sprintf("it is marked Only-to-Customer by %s, and our router sends it to %s, a %s", c.Attrs.OTC, v.PeerAS, v.Role))
	}
	return fault{}
}

// markedUp finds a step up behind the mark, where ASPAs tell who is whose provider. The step from the AS in the mark to the next is the one that
// was marked; all behind it must go down.
func (c *Case) markedUp() fault {
	asns := c.path.way.asns
	at := slices.Index(asns, c.Attrs.OTC)
	if at < 0 || c.VRPs.ASPAs() == 0 {
		return fault{}
	}
	for i := at + 1; i+1 < len(asns); i++ {
		if c.provides(asns[i+1], asns[i]) {
			return wrong(asns[i], fmt.Sprintf("it is marked Only-to-Customer by %s, and %s passed it on to its provider %s", c.Attrs.OTC, asns[i], asns[i+1]))
		}
	}
	return fault{}
}

// provides tells that the customer's ASPA names the provider, and that it is not the other way round as well, as between networks that are one.
func (c *Case) provides(provider, customer route.ASN) bool {
	return c.VRPs.Authorized(customer, provider) == rpki.Provider && c.VRPs.Authorized(provider, customer) != rpki.Provider
}

// valley finds where the route came down to an AS from its provider, by that AS's own ASPA, and did not go on down: the AS names the next one as
// its provider as well, or ASPAs make the whole path invalid and the next one's does not name it.
func (c *Case) valley() fault {
	asns := c.path.way.asns
	if c.VRPs.ASPAs() == 0 || c.Vantage.Scope != collector.External || len(c.path.way.sets) > 0 {
		return fault{}
	}
	invalid := c.path.aspa.State == rpki.ASPAInvalid
	for i := 1; i < len(asns); i++ {
		if !c.provides(asns[i-1], asns[i]) {
			continue
		}
		if i+1 == len(asns) {
			if invalid && c.direction() == rpki.Upstream {
				return wrong(asns[i], fmt.Sprintf("it came down to %s from its provider %s, and %s, a %s, may not pass it on to us", asns[i], asns[i-1], asns[i], c.Vantage.Role))
			}
			break
		}
		if c.provides(asns[i+1], asns[i]) || invalid && c.VRPs.Authorized(asns[i+1], asns[i]) == rpki.NotProvider {
			return wrong(asns[i], fmt.Sprintf("it came down to %s from its provider %s and went on to %s, which is no customer of it", asns[i], asns[i-1], asns[i+1]))
		}
	}
	return fault{}
}

// unlocked finds an AS that may have our prefixes from some only, by the configuration, and has them from another.
func (c *Case) unlocked() fault {
	asns := c.path.way.asns
	for _, l := range c.Rules.Locks() {
		for i := 1; i < len(asns); i++ {
			if asns[i] != l.ASN {
				continue
			}
			for _, giver := range c.path.way.at(i - 1) {
				if !slices.Contains(l.From, giver) {
					return wrong(giver, "it handed it to "+l.ASN.String()+", which may have it from others only, by peer_locks"+called(l.Name))
				}
			}
		}
	}
	return fault{}
}

func called(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

// carried finds our own AS between two of its upstreams, with a route of somebody else: on a path outside, or in what our router sends to an
// upstream.
func (c *Case) carried() fault {
	no := fine("nothing shows that it was passed on against the order of things")
	asns, v := c.path.way.asns, c.Vantage
	if len(asns) == 0 || c.Rules.Ours(asns[0]) {
		return no
	}
	out := v.View == collector.AdjOutPost
	if !out && v.Scope != collector.External {
		return no
	}
	us := v.Local
	for i := 1; i < len(asns); i++ {
		if !c.Rules.Ours(asns[i]) {
			continue
		}
		from := asns[i-1]
		for us = asns[i]; i+1 < len(asns) && c.Rules.Ours(asns[i+1]); {
			i++
		}
		if i+1 < len(asns) {
			if to := asns[i+1]; c.between(us, from, to) {
				return through(us, from, to)
			}
		} else if out && c.between(us, from, v.PeerAS) {
			return through(us, from, v.PeerAS)
		}
	}
	if last := asns[len(asns)-1]; out && !c.Rules.Ours(last) && c.between(us, last, v.PeerAS) {
		return through(us, last, v.PeerAS) // a router that does not show its own AS in what it sends
	}
	return no
}

func through(us, from, to route.ASN) fault {
	return fault{found: true, as: us, from: from, to: to, says: fmt.Sprintf("it has them from %s and passes them on to %s", from, to)}
}

// between tells that two ASes are upstreams of ours, by the configuration or by our own ASPA.
func (c *Case) between(us, from, to route.ASN) bool {
	return from != to && c.upstreamOf(us, from) && c.upstreamOf(us, to)
}

func (c *Case) upstreamOf(us, as route.ASN) bool {
	return !c.Rules.Ours(as) && (c.Rules.Carrier(as) || c.VRPs.Authorized(us, as) == rpki.Provider)
}
