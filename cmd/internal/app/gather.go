package app

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/collector/screen"
	"anywatch/rules/propose"
)

// gatherer keeps what every vantage shows, and in outline what it showed before: a hijack that is over, an upstream that is no longer used.
type gatherer struct {
	*finder
	asns     []route.ASN   // ours
	near     *screen.Watch // the prefixes of ours, and what is inside and around them
	vantages map[collector.VantageID]*watcher
	before   map[outline]propose.Route
	transit  map[netip.Prefix]route.ASN
}

// watcher is a vantage with its routes.
type watcher struct {
	*propose.Vantage
	of     *collector.Vantage
	routes map[route.NLRI]*held
}

// held is a route that stands. Again tells that its vantage shows its table anew, and has not shown this one.
type held struct {
	propose.Route
	again bool
}

// outline is what makes a route of the past different enough from others to be remembered.
type outline struct {
	v            *watcher
	prefix       netip.Prefix
	origin, next route.ASN
	hop, id      netip.Addr
}

func newGatherer(f *finder, asns []route.ASN, near *screen.Watch) *gatherer {
	return &gatherer{finder: f, asns: asns, near: near, vantages: make(map[collector.VantageID]*watcher), before: make(map[outline]propose.Route), transit: make(map[netip.Prefix]route.ASN)}
}

// Emit takes an event. That the session of a vantage ended says nothing about what is ours: its last routes count.
func (g *gatherer) Emit(_ context.Context, ev collector.Event) error {
	if ev.Vantage == nil {
		return nil
	}
	w := g.watcher(ev.Vantage)
	switch ev.Kind {
	case collector.Routes:
		w.Table = w.Table || ev.Table
		g.routes(w, ev)
	case collector.PeerUp:
		w.Table = true
	case collector.TableBegins:
		for n, r := range w.routes {
			r.again = r.again || ev.Family == 0 || route.FamilyOf(n.Prefix)&ev.Family != 0
		}
	case collector.EndOfRIB, collector.Synchronised:
		w.Table = true
		g.sweep(w, ev)
	}
	return nil
}

// watcher gives a vantage, as it is described by now.
func (g *gatherer) watcher(v *collector.Vantage) *watcher {
	w := g.vantages[v.ID]
	if w == nil {
		w = &watcher{Vantage: &propose.Vantage{}, routes: make(map[route.NLRI]*held)}
		g.vantages[v.ID] = w
	}
	if w.of != v {
		w.of = v
		table := w.Table
		*w.Vantage = describe(v)
		w.Table = table
	}
	return w
}

// describe tells a proposal what it needs to know of a vantage.
func describe(v *collector.Vantage) propose.Vantage {
	return propose.Vantage{
		Name: v.Name(), External: v.Scope == collector.External, Local: v.Local, Router: v.Router, Peer: v.Peer, RouterID: v.BGPID,
		Named: v.Source == "bgp", LocRIB: v.View == collector.LocRIB, AllPaths: v.AllPaths,
		Sent: v.View == collector.AdjOutPre || v.View == collector.AdjOutPost,
	}
}

func (g *gatherer) routes(w *watcher, ev collector.Event) {
	for _, u := range ev.Updates {
		for _, n := range u.Withdrawn {
			g.end(w, n, ev.Time)
		}
		if u.Attrs == nil {
			continue
		}
		origin := u.Attrs.Path.Origin(w.Local)
		carried := slices.ContainsFunc(g.asns, u.Attrs.Path.Contains)
		for _, n := range u.Announced {
			if !g.concerns(n.Prefix, w.of, u.Attrs) {
				g.end(w, n, ev.Time)
				if carried {
					g.transit[n.Prefix] = origin.AS
				}
				continue
			}
			if old := w.routes[n]; old != nil && g.outline(w, old.Route) != g.outline(w, propose.Route{Prefix: n.Prefix, Attrs: u.Attrs}) {
				g.end(w, n, ev.Time)
			}
			w.routes[n] = &held{Route: propose.Route{Vantage: w.Vantage, Prefix: n.Prefix, Attrs: u.Attrs}}
		}
	}
}

// concerns tells whether a route is one of ours, or at, inside or around a prefix of ours; else one of our ASes only stands in its path.
func (g *gatherer) concerns(p netip.Prefix, v *collector.Vantage, a *route.Attrs) bool {
	return g.near.Overlaps(p) || g.originated(v, a)
}

// end notes that a route no longer stands.
func (g *gatherer) end(w *watcher, n route.NLRI, at time.Time) {
	if r := w.routes[n]; r != nil {
		delete(w.routes, n)
		r.Gone = at
		g.before[g.outline(w, r.Route)] = r.Route
	}
}

func (g *gatherer) outline(w *watcher, r propose.Route) outline {
	next, _ := r.Attrs.Path.Neighbor()
	return outline{w, r.Prefix, r.Attrs.Path.Origin(w.Local).AS, next, r.Attrs.NextHop, r.Attrs.OriginatorID}
}

// sweep ends what a table that was shown again did not hold any more.
func (g *gatherer) sweep(w *watcher, ev collector.Event) {
	for n, r := range w.routes {
		if r.again && (ev.Kind == collector.Synchronised || route.FamilyOf(n.Prefix)&ev.Family != 0) {
			g.end(w, n, ev.Time)
		}
	}
}

// into hands over what was gathered, in an order that depends on nothing but the input.
func (g *gatherer) into(seen *propose.Seen) {
	order := slices.SortedFunc(maps.Values(g.vantages), func(a, b *watcher) int { return a.of.Compare(b.of) })
	for _, w := range order {
		seen.Vantages = append(seen.Vantages, w.Vantage)
		for _, r := range w.routes {
			seen.Routes = append(seen.Routes, r.Route)
		}
	}
	seen.Routes = slices.AppendSeq(seen.Routes, maps.Values(g.before))
	slices.SortFunc(seen.Routes, func(a, b propose.Route) int {
		return cmp.Or(a.Prefix.Compare(b.Prefix), cmp.Compare(a.Name, b.Name), a.Gone.Compare(b.Gone), a.Attrs.NextHop.Compare(b.Attrs.NextHop),
			a.Attrs.OriginatorID.Compare(b.Attrs.OriginatorID), cmp.Compare(a.Attrs.Path.String(), b.Attrs.Path.String()),
			slices.Compare(a.Attrs.Communities, b.Attrs.Communities))
	})
	seen.Transit = g.transit
}
