package detector

import (
	"cmp"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// Link is a pair of ASes that was seen next to each other where one of our routes begins: an origin that is allowed, or the last of our own ASes
// behind it, and the AS that has the route from it. A link that is new says something in an incident; by itself it is none.
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
type links struct {
	seen  map[pair]*sight
	order []pair // by when they were first seen
}

func newLinks() links { return links{seen: make(map[pair]*sight)} }

// meet remembers the link of a route with an allowed origin, as the world outside shows it.
func (e *Engine) meet(c *Case) {
	if c.Vantage.Scope != collector.External || c.Watched == nil || c.unused() || len(c.path.way.asns) < 2 {
		return
	}
	asns, edge := c.path.way.asns, c.edge()
	if _, bad := c.Watched.Unallowed(c.Origin); !bad && edge+1 < len(asns) {
		e.links.add(pair{asns[edge], asns[edge+1]}, e.clock, e.clock)
	}
}

func (l *links) add(p pair, first, last time.Time) {
	s := l.seen[p]
	if s == nil {
		if len(l.order) == linksKept {
			l.makeRoom()
		}
		s = &sight{first, last}
		l.seen[p] = s
		l.insert(p)
		return
	}
	if first.Before(s.first) {
		i, _ := l.place(p)
		l.order = slices.Delete(l.order, i, i+1)
		s.first = first
		l.insert(p)
	}
	if last.After(s.last) {
		s.last = last
	}
}

// place finds where a link stands, or belongs, in the order.
func (l *links) place(p pair) (int, bool) {
	return slices.BinarySearchFunc(l.order, p, func(a, b pair) int {
		return cmp.Or(l.seen[a].first.Compare(l.seen[b].first), cmp.Compare(a.origin, b.origin), cmp.Compare(a.neighbor, b.neighbor))
	})
}

func (l *links) insert(p pair) {
	i, _ := l.place(p)
	l.order = slices.Insert(l.order, i, p)
}

// makeRoom forgets what is known for the shortest time, so that a flood of made-up links pushes out itself and not what is known for long.
func (l *links) makeRoom() {
	last := len(l.order) - 1
	delete(l.seen, l.order[last])
	l.order = l.order[:last]
}

// watching is since when links are watched: since this run began, or an earlier one whose links were taken over.
func (e *Engine) watching() time.Time {
	if l := &e.links; len(l.order) > 0 {
		return min2(e.began, l.seen[l.order[0]].first)
	}
	return e.began
}

// Links gives the links that were seen, by origin and neighbour.
func (e *Engine) Links() []Link {
	out := make([]Link, 0, len(e.links.seen))
	for p, s := range e.links.seen {
		out = append(out, Link{p.origin, p.neighbor, s.first.UTC(), s.last.UTC()})
	}
	slices.SortFunc(out, func(a, b Link) int {
		return cmp.Or(cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Neighbor, b.Neighbor))
	})
	return out
}

// RestoreLinks takes over what Links gave in an earlier life. What was seen since counts as well; what has no time, or ends before it begins, says
// nothing and is left out.
func (e *Engine) RestoreLinks(list []Link) {
	for _, k := range list {
		if k.First.IsZero() || k.Last.Before(k.First) {
			continue
		}
		e.links.add(pair{k.Origin, k.Neighbor}, k.First, k.Last)
	}
}
