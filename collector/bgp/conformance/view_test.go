//go:build interop

package conformance

import (
	"fmt"
	"net/netip"
	"slices"

	"anywatch/collector"
	"anywatch/collector/route"
)

// held is a route as its vantage last showed it.
type held struct {
	route.NLRI
	attrs *route.Attrs
	stale bool // shown before the feed was lost, or before the table began anew
}

// view is what whoever hears the events of one vantage knows of its watched routes: the plainest reading of what the events mean.
type view struct {
	watched map[netip.Prefix]bool
	list    map[route.NLRI]held
}

func newView(watch []netip.Prefix) view {
	v := view{watched: make(map[netip.Prefix]bool), list: make(map[route.NLRI]held)}
	for _, p := range watch {
		v.watched[p] = true
	}
	return v
}

// watches tells whether a prefix is watched, or is half of one that is. Updates bring others along.
func (v *view) watches(p netip.Prefix) bool {
	return v.watched[p] || v.watched[netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked()]
}

func (v *view) apply(ev collector.Event) {
	switch ev.Kind {
	case collector.Routes:
		for _, u := range ev.Updates {
			for _, n := range u.Withdrawn {
				delete(v.list, n)
			}
			for _, n := range u.Announced {
				if v.watches(n.Prefix) {
					v.list[n] = held{n, u.Attrs, false}
				}
			}
		}
	case collector.FeedLost:
		v.age(route.IPv4 | route.IPv6)
	case collector.TableBegins:
		v.age(ev.Family)
	case collector.EndOfRIB:
		v.sweep(ev.Family)
	}
}

// age makes the routes of some families stale.
func (v *view) age(f route.Family) {
	for n, h := range v.list {
		if route.FamilyOf(n.Prefix)&f != 0 {
			h.stale = true
			v.list[n] = h
		}
	}
}

// sweep takes away what is still stale when the table is complete.
func (v *view) sweep(f route.Family) {
	for n, h := range v.list {
		if h.stale && route.FamilyOf(n.Prefix)&f != 0 {
			delete(v.list, n)
		}
	}
}

func (v *view) find(p netip.Prefix) (list []held) {
	for n, h := range v.list {
		if n.Prefix == p {
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(a, b held) int { return int(a.PathID) - int(b.PathID) })
	return list
}

// routes writes the routes, without path identifiers, which every daemon chooses anew: "192.0.2.0/24 [64501 65099] stale".
func (v *view) routes() []string {
	list := make([]string, 0, len(v.list))
	for n, h := range v.list {
		line := fmt.Sprintf("%v [%v]", n.Prefix, h.attrs.Path)
		if h.stale {
			line += " stale"
		}
		list = append(list, line)
	}
	slices.Sort(list)
	return list
}
