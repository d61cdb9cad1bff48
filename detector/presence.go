package detector

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

// PlaceState is what is known of a site's announcement of a prefix.
type PlaceState uint8

// The states.
const (
	PlaceUnknown   PlaceState = iota
	PlaceAnnounced            // some vantage shows a path of the site
	PlaceDraining             // all its paths say that it is about to withdraw
	PlaceMissing              // who could see it does not, for detect.site_missing_after
)

// String gives unknown, announced, draining or missing.
func (s PlaceState) String() string {
	return [...]string{"unknown", "announced", "draining", "missing"}[s]
}

// announcing tells that traffic reaches the site.
func (s PlaceState) announcing() bool { return s == PlaceAnnounced || s == PlaceDraining }

// place is a prefix at a site.
type place struct {
	prefix netip.Prefix
	site   int
}

// cell is what the engine knows of one prefix at one site that should announce it.
type cell struct {
	place
	watched *rules.Prefix
	routes  showings
	state   PlaceState
	since   time.Time
	absent  time.Time // since when who could see it does not; zero while somebody shows it or nobody could know
	seen    bool      // it was announced once
	drained bool      // it was draining when it went
	weak    bool      // its absence follows from best paths only: nobody is served by it, but it may still announce
	shownBy map[collector.VantageID]bool
	gone    []trace // what was withdrawn since it was last announced
	loss    *siteLoss
	odd     oddity
	past    stints
	dirty   bool
}

// presence is the matrix of prefixes and sites.
type presence struct {
	cells    map[place]*cell
	order    []*cell                         // by prefix, then by site
	twins    map[netip.Prefix][]netip.Prefix // the prefixes whose twin it is
	dirty    []*cell
	spare    []*cell        // room for the next ones
	settled  []netip.Prefix // the prefixes of those that are settled, likewise
	everyone bool           // all cells are dirty
	losses   []*siteLoss
	few      map[netip.Prefix]bool // prefixes told as announced from too few sites, and those told as unlike their twins
	unlike   map[netip.Prefix]bool
}

func newPresence(set *rules.Set) *presence {
	p := &presence{
		cells: make(map[place]*cell), twins: make(map[netip.Prefix][]netip.Prefix), everyone: true,
		few: make(map[netip.Prefix]bool), unlike: make(map[netip.Prefix]bool),
	}
	for _, w := range set.Prefixes() {
		if w.Twin.IsValid() {
			p.twins[w.Twin] = append(p.twins[w.Twin], w.Prefix)
		}
		if w.Announced == rules.Never {
			continue
		}
		for n, site := range set.Sites() {
			if slices.Contains(w.Sites, site.Name) {
				c := &cell{place: place{w.Prefix, n}, watched: w, shownBy: make(map[collector.VantageID]bool)}
				p.cells[c.place] = c
				p.order = append(p.order, c)
			}
		}
	}
	return p
}

// inherit takes over what is known of the places that both configurations have.
func (p *presence) inherit(old *presence, was, is *rules.Set) {
	for _, c := range old.order {
		n := is.SiteNumber(was.Sites()[c.site].Name)
		next := p.cells[place{c.prefix, n}]
		if next == nil {
			continue
		}
		// An absence that has not lasted long enough yet begins anew: who waits for it knows the site by its old number.
		next.state, next.since, next.seen, next.drained, next.weak = c.state, c.since, c.seen, c.drained, c.weak
		next.shownBy, next.gone, next.past = c.shownBy, c.gone, c.past
	}
}

// newSites puts another configuration in force for the matrix. What is told of places that are gone is void.
func (e *Engine) newSites(set *rules.Set, why cause) {
	old, was := e.presence, e.rules
	e.rules, e.presence = set, newPresence(set)
	e.presence.inherit(old, was, set)
	e.keepHealth(set, why)
	for _, l := range old.losses {
		e.keepLoss(l, why)
	}
	for _, c := range old.order {
		if c.odd.told {
			e.ledger.lift(Key{Kind: SiteInconsistent, Prefix: c.prefix, Site: was.Sites()[c.site].Name}, why)
		}
	}
	for _, p := range slices.SortedFunc(maps.Keys(old.few), netip.Prefix.Compare) {
		e.keepTold(e.presence.few, p, Key{Kind: TooFewSites, Prefix: p}, why)
	}
	for _, p := range slices.SortedFunc(maps.Keys(old.unlike), netip.Prefix.Compare) {
		e.keepTold(e.presence.unlike, p, Key{Kind: TwinMismatch, Prefix: p}, why)
	}
	for _, w := range e.rib.order {
		w.sites = nil
		e.introduce(w)
		for _, r := range w.routes {
			r.cell = nil
		}
	}
	e.planMaintenance()
}

// keepLoss carries a loss over to the places that still are, or lifts it when none is.
func (e *Engine) keepLoss(l *siteLoss, why cause) {
	next := &siteLoss{key: l.key, site: e.rules.SiteNumber(l.key.Site), opened: l.opened, since: l.since, names: l.names, prefixes: l.prefixes}
	for _, c := range l.cells {
		if now := e.presence.cells[place{c.prefix, next.site}]; now != nil && now.watched.Announced == rules.Always {
			now.loss = next
			next.cells = append(next.cells, now)
		}
	}
	if len(next.cells) == 0 {
		e.ledger.lift(l.key, why)
		return
	}
	e.presence.losses = append(e.presence.losses, next)
}

// keepTold carries over that something was told of a prefix, unless the prefix or its sites are no longer watched.
func (e *Engine) keepTold(told map[netip.Prefix]bool, p netip.Prefix, k Key, why cause) {
	if w := e.rules.Find(p); w != nil && w.Announced == rules.Always && len(e.presence.of(p)) > 0 && (k.Kind != TwinMismatch || w.Twin.IsValid()) {
		told[p] = true
		return
	}
	e.ledger.lift(k, why)
}

// planMaintenance has the matrix looked at again when a maintenance begins or ends: severities change with it.
func (e *Engine) planMaintenance() {
	set := e.rules
	for _, at := range set.Boundaries() {
		if at.After(e.clock) {
			e.timers.set(at, func() {
				if e.rules == set {
					e.presence.everyone = true
				}
			})
		}
	}
}

func (p *presence) touch(c *cell) {
	if p.cells[c.place] != c {
		return // of an earlier configuration, and only a timer remembers it
	}
	if !c.dirty {
		c.dirty = true
		p.dirty = append(p.dirty, c)
	}
}

// of gives the cells of a prefix.
func (p *presence) of(prefix netip.Prefix) []*cell {
	i, _ := slices.BinarySearchFunc(p.order, prefix, func(c *cell, x netip.Prefix) int { return c.prefix.Compare(x) })
	j := i
	for j < len(p.order) && p.order[j].prefix == prefix {
		j++
	}
	return p.order[i:j]
}

// place gives a route to the cell of its site: of a watched prefix, exactly, with an origin that is allowed.
func (e *Engine) place(w *view, r *Route, c *Case) {
	var next *cell
	if c.Site != rules.NoSite && c.Exact() {
		if _, bad := c.Watched.Unallowed(c.Origin); !bad {
			next = e.presence.cells[place{c.Prefix, c.Site}]
			if w.sites == nil {
				w.sites = make(map[int]bool)
			}
			w.sites[c.Site] = true
		}
	}
	if r.cell != nil && r.cell != next {
		e.displace(w, r)
	}
	if next == nil {
		return
	}
	r.cell = next
	next.routes.put(w, r, e.rules.Sites()[next.site].Draining(r.Attrs))
	next.shownBy[w.v.ID] = true
	e.presence.touch(next)
}

// displace takes a route out of its cell.
func (e *Engine) displace(w *view, r *Route) {
	c := r.cell
	if c == nil {
		return
	}
	c.routes.take(w, r)
	r.cell = nil
	if len(c.gone) < evidenceShown {
		c.gone = append(c.gone, traceOf(w.v, r).ended(e.clock))
	}
	e.presence.touch(c)
}

// sees tells whether a vantage would show a path of a site if there was one: it looks past best paths, or it is the site itself. An external one
// must have shown that it sees that far.
func (w *view) sees(site int) bool {
	return w.speaks[site] || w.v.AllPaths && (w.v.Scope == collector.Internal || w.sites[site])
}

// introduce finds out which sites a vantage speaks for.
func (e *Engine) introduce(w *view) {
	w.speaks = nil
	for n := range e.rules.Sites() {
		if e.rules.Sites()[n].Speaks(w.v.Peer, w.v.Router) {
			if w.speaks == nil {
				w.speaks = make(map[int]bool)
			}
			w.speaks[n] = true
		}
	}
}

// changed has the cells looked at again that depend on the state of a vantage.
func (e *Engine) changed(w *view) {
	if w.v.AllPaths || len(w.speaks) > 0 {
		e.presence.everyone = true
		return
	}
	for _, c := range e.presence.order {
		if c.shownBy[w.v.ID] {
			e.presence.touch(c)
		}
	}
}

// look finds the state of a cell as it is now.
func (e *Engine) look(c *cell) (state PlaceState, weak bool) {
	switch shown := &c.routes; {
	case shown.live > shown.draining:
		return PlaceAnnounced, false
	case shown.live > 0:
		return PlaceDraining, false
	}
	family, witness := route.FamilyOf(c.prefix), false
	for _, w := range e.rib.order {
		if w.sees(c.site) {
			if witness = true; w.could(family) {
				return PlaceMissing, false
			}
		}
	}
	if stale := len(c.routes.list) > 0; witness || stale || !c.seen {
		return PlaceUnknown, false
	}
	for id := range c.shownBy {
		if w := e.rib.byID[id]; w != nil && w.could(family) {
			return PlaceMissing, true
		}
	}
	return PlaceUnknown, false
}

// settlePresence looks at the cells that changed, and tells what follows.
func (e *Engine) settlePresence() {
	p := e.presence
	if p.everyone {
		p.everyone = false
		for _, c := range p.order {
			p.touch(c)
		}
	}
	if len(p.dirty) == 0 {
		return
	}
	dirty := p.dirty
	p.dirty, p.settled = p.spare[:0], p.settled[:0]
	for _, c := range dirty {
		c.dirty = false
		e.settleCell(c)
		p.settled = append(append(p.settled, c.prefix), p.twins[c.prefix]...)
	}
	p.spare = dirty
	slices.SortFunc(p.settled, netip.Prefix.Compare)
	p.settled = slices.Compact(p.settled)
	for _, prefix := range p.settled {
		e.tellPrefix(prefix)
		e.reconsiderCatchment(prefix)
	}
	e.tellLosses()
	e.healthLater()
}

// settleCell brings one cell up to date. Absence must last before it counts.
func (e *Engine) settleCell(c *cell) {
	state, weak := e.look(c)
	switch state {
	case PlaceAnnounced, PlaceDraining:
		c.seen, c.weak, c.absent, c.gone = true, false, time.Time{}, nil
		c.enter(state, e.clock)
	case PlaceUnknown:
		c.absent = time.Time{}
		c.enter(state, e.clock)
	case PlaceMissing:
		c.weak = weak
		if c.state == PlaceMissing || !c.absent.IsZero() {
			return
		}
		c.absent, c.drained = e.clock, c.state == PlaceDraining
		site := c.site
		e.timers.set(e.clock.Add(e.rules.SiteMissingAfter), func() { e.review(site) })
	}
}

func (c *cell) enter(s PlaceState, at time.Time) {
	if c.state != s {
		c.past.add(Stint{c.state, c.since, at})
		c.state, c.since = s, at
	}
}

// Presence is what is known of a prefix at a site.
type Presence struct {
	Prefix netip.Prefix
	Site   string
	State  PlaceState
	Since  time.Time // zero while nothing was ever known
	// Hidden says of a missing site that it may still announce, unseen behind better paths.
	Hidden bool
}

// Sites gives the matrix of prefixes and sites, by prefix and in the order of the sites.
func (e *Engine) Sites() []Presence {
	out := make([]Presence, 0, len(e.presence.order))
	for _, c := range e.presence.order {
		out = append(out, Presence{c.prefix, e.rules.Sites()[c.site].Name, c.state, c.since, c.weak})
	}
	return out
}
