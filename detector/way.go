package detector

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rpki"
)

// way is an AS_PATH as the route went: from the origin on, each run of one AS once, confederation segments left out.
type way struct {
	// asns has the smallest member where a set stands.
	asns []route.ASN
	sets []waySet
	room [16]route.ASN // so that few paths need memory of their own
}

// waySet is an AS_SET, and where it stands in a way.
type waySet struct {
	at      int
	members []route.ASN
}

// take reads a path. One that ends inside a confederation begins with its sender, and has no way outside that could be judged: it is empty.
func (w *way) take(p route.Path) {
	w.asns = w.room[:0]
	if len(p) == 0 || p[len(p)-1].Kind == route.ConfedSequence || p[len(p)-1].Kind == route.ConfedSet {
		return
	}
	for i := len(p) - 1; i >= 0; i-- {
		switch s := p[i]; {
		case len(s.ASNs) == 0:
		case s.Kind == route.Set:
			w.sets = append(w.sets, waySet{len(w.asns), s.ASNs})
			w.asns = append(w.asns, slices.Min(s.ASNs))
		case s.Kind == route.Sequence:
			w.sequence(s.ASNs)
		}
	}
}

func (w *way) sequence(asns []route.ASN) {
	for i := len(asns) - 1; i >= 0; i-- {
		if n := len(w.asns); n == 0 || w.asns[n-1] != asns[i] || w.isSet(n-1) {
			w.asns = append(w.asns, asns[i])
		}
	}
}

func (w *way) isSet(at int) bool {
	return len(w.sets) > 0 && w.sets[len(w.sets)-1].at == at
}

// at gives who may stand at a place: one AS, or the members of a set.
func (w *way) at(i int) []route.ASN {
	for _, s := range w.sets {
		if s.at == i {
			return s.members
		}
	}
	return w.asns[i : i+1]
}

// courses is what the path of a route shows. It is found out once: what one detector says, another leaves alone, so that one cause is one incident.
type courses struct {
	known bool
	way   way
	aspa  rpki.ASPAVerdict
	// Each fault gives its AS, or why there is none.
	upstream, forged, leak fault
}

// fault is one thing that is wrong with a path.
type fault struct {
	found bool
	as    route.ASN
	// says is what is wrong, and when nothing is, why not.
	says string
	// From and to are, of a leak through ourselves, the upstreams that the route came from and went to.
	from, to route.ASN
}

func wrong(as route.ASN, says string) fault { return fault{found: true, as: as, says: says} }

func fine(why string) fault { return fault{says: why} }

// courses judges the path, once.
func (c *Case) courses() *courses {
	k := &c.path
	if k.known {
		return k
	}
	k.known = true
	k.way.take(c.Attrs.Path)
	if c.Watched == nil || c.unused() {
		no := fine("the prefix is not watched as one that is announced")
		k.upstream, k.forged, k.leak = no, no, c.carried()
		return k
	}
	if _, bad := c.Watched.Unallowed(c.Origin); bad {
		no := fine("the origin is not allowed: that is a hijack, whatever its path")
		k.upstream, k.forged, k.leak = no, no, c.carried()
		return k
	}
	if c.Vantage.Scope == collector.External && c.VRPs.ASPAs() > 0 && len(k.way.asns) > 0 {
		k.aspa = c.VRPs.VerifyPath(c.Attrs.Path, c.direction())
	}
	k.leak = c.leaked()
	k.upstream = c.strange()
	if lock := c.unlocked(); !k.leak.found && lock.found && !(k.upstream.found && k.upstream.as == lock.as) {
		k.leak = lock
	}
	k.forged = c.impossible()
	if k.forged.found && k.leak.found && k.forged.as == k.leak.as {
		k.leak = fine("the path is a forged one")
	}
	return k
}

// direction is the procedure of ASPA verification that fits who sends the path: a customer, a lateral peer, a route server and its client may only
// send what went up to them; everybody else, and whoever feeds a public collector, may be a provider.
func (c *Case) direction() rpki.Direction {
	switch c.Vantage.Role {
	case collector.Customer, collector.LateralPeer, collector.RouteServer, collector.RouteServerClient:
		return rpki.Upstream
	}
	return rpki.Downstream
}

// edge is the place of the last of our own ASes on the way out, from an origin that is allowed: they are one network, however many numbers it has.
func (c *Case) edge() int {
	w, edge := &c.path.way, 0
	for edge+1 < len(w.asns) && c.Rules.Ours(w.asns[edge+1]) && len(w.at(edge+1)) == 1 {
		edge++
	}
	return edge
}

// undeclared tells that the route is a more-specific of ours that the configuration does not know: it draws all traffic wherever it is heard.
func (c *Case) undeclared() bool {
	return !c.Exact() && !c.Watched.MoreSpecifics.Allow(c.Prefix)
}

// pathFinding begins a finding about the path of a watched prefix, whose key is the watched prefix and an AS.
func (c *Case) pathFinding(k Kind, f fault, s Severity) Finding {
	out := c.finding(k, f.as, f.as, s)
	out.Prefix, out.Announced, out.Origin, out.Note = c.Watched.Prefix, c.Prefix, c.originAS(), f.says
	if c.Rules.Ours(f.as) {
		out.Offender = 0
	}
	if k == UnexpectedUpstream {
		out.Beside = c.path.way.asns[c.edge()]
		out.Facts = []string{fmt.Sprintf("allowed next to %s: %s", out.Beside, strings.ReplaceAll(c.Watched.UpstreamList(out.Beside), " or ", ", "))}
	}
	return out
}

// announced is the prefix of the route.
func (f *Finding) announced() netip.Prefix {
	if f.Announced.IsValid() {
		return f.Announced
	}
	return f.Prefix
}
