package detector

import (
	"cmp"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// Link is a pair of ASes that was seen next to each other where one of our routes begins: an origin that is allowed, and the AS that has the route
// from it. A link that is new says something in an incident; by itself it is none.
type Link struct {
	Origin   route.ASN `json:"origin"`
	Neighbor route.ASN `json:"neighbor"`
	// First and Last are when a route outside showed it first and last.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// linksKept bounds the links that are remembered: whoever forges origins can make up as many as there are AS numbers.
const linksKept = 4096

type pair struct{ origin, neighbor route.ASN }

// sight is when a link was seen.
type sight struct{ first, last time.Time }

// links remembers the links.
type links map[pair]*sight

// meet remembers the link of a route with an allowed origin, as the world outside shows it.
func (e *Engine) meet(c *Case) {
	if c.Vantage.Scope != collector.External || c.Watched == nil || c.unused() || len(c.path.way.asns) < 2 {
		return
	}
	if _, bad := c.Watched.Unallowed(c.Origin); !bad {
		e.links.add(pair{c.originAS(), c.path.way.asns[1]}, e.clock, e.clock)
	}
}

func (l links) add(p pair, first, last time.Time) {
	if s := l[p]; s != nil {
		if first.Before(s.first) {
			s.first = first
		}
		if last.After(s.last) {
			s.last = last
		}
		return
	}
	if len(l) >= linksKept {
		l.makeRoom()
	}
	l[p] = &sight{first, last}
}

// makeRoom makes room: what was known for the shortest time goes first, so that a flood of made-up links pushes out itself and not what is
// known for long.
func (l links) makeRoom() {
	var youngest pair
	var at *sight
	for p, s := range l {
		if at == nil || s.first.After(at.first) || s.first.Equal(at.first) && cmp.Or(cmp.Compare(p.origin, youngest.origin), cmp.Compare(p.neighbor, youngest.neighbor)) > 0 {
			youngest, at = p, s
		}
	}
	delete(l, youngest)
}

// Links gives the links that were seen, by origin and neighbour.
func (e *Engine) Links() []Link {
	out := make([]Link, 0, len(e.links))
	for p, s := range e.links {
		out = append(out, Link{p.origin, p.neighbor, s.first.UTC(), s.last.UTC()})
	}
	slices.SortFunc(out, func(a, b Link) int {
		return cmp.Or(cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Neighbor, b.Neighbor))
	})
	return out
}

// RestoreLinks takes over what Links gave in an earlier life. What was seen since counts as well.
func (e *Engine) RestoreLinks(list []Link) {
	for _, k := range list {
		e.links.add(pair{k.Origin, k.Neighbor}, k.First, k.Last)
	}
}
