package detector

import (
	"cmp"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

const (
	catchmentDelay  = 5 * time.Second // a prefix is looked at so long after its first change: many vantages move together
	catchmentMoves  = 4096            // moves of one prefix that are remembered, to compare with
	catchmentPoints = 512             // shares of one prefix that are kept to be drawn; then every other one is dropped
)

// served is who serves a vantage with a prefix: nobody, a route that no site explains, or a site.
type served int32

const (
	notServed     served = iota // it has no route, none of an allowed origin, or one that may not stand any more
	servedUnknown               // by a site that no matcher tells
	servedBySite                // by the first site; by site n it is servedBySite+n
)

// site gives the number of the site; rules.NoSite where none is known.
func (s served) site() int { return int(s - servedBySite) }

// catchments are who is served by which site, of all prefixes that may be announced.
type catchments struct {
	by    map[netip.Prefix]*catchment
	order []*catchment // in address order
}

// catchment is which external vantages reach a prefix at which site.
type catchment struct {
	watched *rules.Prefix
	clients map[collector.VantageID]*client
	counts  []int // of clients, by served
	moves   []move
	history []point
	flows   map[[2]served]int // how often a vantage went from one to the other
	told    map[int]shift     // what is told, by site
	walks   int               // comparisons made

	dirty   []*view   // whose routes changed since the last look
	since   time.Time // when the first of them did
	due     time.Time // when the next look is planned; zero for none
	rebased bool      // the sites were configured anew: what the next look finds has not moved
}

// client is a vantage in a catchment.
type client struct {
	now   served
	last  served // the last that was not notServed
	dirty bool
	first time.Time // when it was first served
	flips int       // how often it changed from one site to another
	hour  time.Time // that hourly counts, and the most flips of any hour
	count int
	worst int
	then  served // who served it at the step that a comparison has come back to,
	walk  int    // when this is the number of that comparison
}

// move is a vantage that began to be served by another.
type move struct {
	at       time.Time
	who      *client
	from, to served
}

// point is how many vantages who serves from a time on.
type point struct {
	at     time.Time
	counts []int
}

func newCatchments(set *rules.Set) *catchments {
	all := &catchments{by: make(map[netip.Prefix]*catchment)}
	for _, w := range set.Prefixes() {
		if w.Announced == rules.Never {
			continue
		}
		c := &catchment{
			watched: w, clients: make(map[collector.VantageID]*client), counts: make([]int, int(servedBySite)+len(set.Sites())),
			flows: make(map[[2]served]int), told: make(map[int]shift),
		}
		all.by[w.Prefix] = c
		all.order = append(all.order, c)
	}
	return all
}

// serve notes who serves a vantage by a route that is judged. Only others' view of us makes a catchment: our own network goes by other rules.
func (e *Engine) serve(w *view, r *Route, c *Case) {
	next := notServed
	if w.v.Scope == collector.External && c.Exact() && c.Watched.Announced != rules.Never {
		if _, bad := c.Watched.Unallowed(c.Origin); !bad {
			next = servedBySite + served(c.Site)
		}
	}
	was := r.served
	r.served = next
	if was != notServed || next != notServed {
		e.servedAnew(w, r)
	}
}

// servedAnew has a vantage looked at, because a route that served it changed, came, went, or may not stand any more.
func (e *Engine) servedAnew(w *view, r *Route) {
	all := e.catchments.by[r.Prefix]
	if all == nil || w.v.Scope != collector.External {
		return
	}
	x := all.clients[w.v.ID]
	if x == nil {
		if r.served == notServed {
			return
		}
		x = &client{first: e.clock}
		all.clients[w.v.ID] = x
	}
	if x.dirty {
		return
	}
	if len(all.dirty) == 0 {
		all.since = e.clock
	}
	x.dirty = true
	all.dirty = append(all.dirty, w)
	e.planCatchment(all, e.clock.Add(catchmentDelay))
}

// planCatchment has a catchment looked at, unless that is planned for sooner.
func (e *Engine) planCatchment(c *catchment, at time.Time) {
	if !c.due.IsZero() && !at.Before(c.due) {
		return
	}
	c.due = at
	e.timers.set(at, func() {
		if c.due.Equal(at) && e.catchments.by[c.watched.Prefix] == c {
			c.due = time.Time{}
			e.lookAtCatchment(c)
		}
	})
}

// reconsiderCatchment looks again at a prefix of which a shift is told, when the state of a site changed: that may be the reason.
func (e *Engine) reconsiderCatchment(p netip.Prefix) {
	if c := e.catchments.by[p]; c != nil && len(c.told) > 0 {
		e.planCatchment(c, e.clock.Add(catchmentDelay))
	}
}

// lookAtCatchment brings up to date who serves the vantages that changed, and tells what follows. The cost is that of what changed, and of what
// moved within detect.catchment.within.
func (e *Engine) lookAtCatchment(c *catchment) {
	changed := len(c.dirty) > 0
	for _, w := range c.dirty {
		x, next := c.clients[w.v.ID], notServed
		if r := w.shown(c.watched.Prefix); r != nil {
			next = r.served
		}
		x.dirty = false
		c.move(w.v.ID, next)
	}
	c.dirty, c.rebased = c.dirty[:0], false
	if changed {
		c.note(c.since)
	}
	e.tellShifts(c)
}

// move notes who serves a vantage now.
func (c *catchment) move(id collector.VantageID, next served) {
	x := c.clients[id]
	was := x.now
	if was == next {
		return
	}
	c.counts[was]--
	c.counts[next]++
	x.now = next
	if !c.rebased {
		if len(c.moves) == catchmentMoves {
			c.moves = append(c.moves[:0], c.moves[catchmentMoves/2:]...)
		}
		c.moves = append(c.moves, move{c.since, x, was, next})
		x.flip(c, next, c.since)
	}
	if next != notServed {
		x.last = next
	}
}

// flip counts a change of sites, also when the vantage had no route for a while between. That is what breaks the long-lived TCP sessions of those who
// are served.
func (x *client) flip(c *catchment, next served, at time.Time) {
	if x.last == notServed || next == notServed || x.last == next {
		return
	}
	c.flows[[2]served{x.last, next}]++
	if x.last == servedUnknown || next == servedUnknown {
		return
	}
	x.flips++
	if hour := at.Truncate(time.Hour); !hour.Equal(x.hour) {
		x.hour, x.count = hour, 0
	}
	x.count++
	x.worst = max(x.worst, x.count)
}

// note keeps the shares to be drawn, when they changed.
func (c *catchment) note(at time.Time) {
	n := len(c.history)
	if n > 0 && slices.Equal(c.history[n-1].counts[1:], c.counts[1:]) {
		return
	}
	if n == catchmentPoints {
		for i := range catchmentPoints / 2 {
			c.history[i] = c.history[2*i]
		}
		c.history = c.history[:catchmentPoints/2]
	}
	c.history = append(c.history, point{at, slices.Clone(c.counts)})
}

// takeCatchments carries what is known over to another configuration. When the sites are others, vantages have not moved but are told apart
// in another way: then nothing is compared with the time before.
func (e *Engine) takeCatchments(why cause, was *rules.Set) {
	old := e.catchments
	e.catchments = newCatchments(e.rules)
	same := reflect.DeepEqual(was.Sites(), e.rules.Sites())
	for _, c := range old.order {
		next := e.catchments.by[c.watched.Prefix]
		if next == nil || !same {
			for _, site := range sortedSites(c.told) {
				e.ledger.lift(shiftKey(c.watched.Prefix, was.Sites()[site].Name), why)
			}
		}
		if next == nil {
			continue
		}
		if same {
			w := next.watched
			*next = *c
			next.watched, next.due = w, time.Time{}
		} else {
			next.translate(c, was, e.rules)
		}
		e.planCatchment(next, e.clock.Add(catchmentDelay))
	}
}

// translate takes over what another configuration of the sites leaves of a catchment.
func (c *catchment) translate(old *catchment, was, is *rules.Set) {
	number := func(s served) served {
		if s < servedBySite {
			return s
		}
		return servedBySite + served(is.SiteNumber(was.Sites()[s.site()].Name))
	}
	recount := func(counts []int) []int {
		out := make([]int, len(c.counts))
		for s, n := range counts {
			out[number(served(s))] += n
		}
		return out
	}
	c.clients, c.dirty, c.since, c.rebased, c.walks = old.clients, old.dirty, old.since, true, old.walks
	for _, x := range c.clients {
		x.now, x.last = number(x.now), number(x.last)
	}
	c.counts = recount(old.counts)
	for _, p := range old.history {
		c.history = append(c.history, point{p.at, recount(p.counts)})
	}
	for f, n := range old.flows {
		if a, b := number(f[0]), number(f[1]); a != b {
			c.flows[[2]served{a, b}] += n
		}
	}
}

// Catchment is which external vantages reach a prefix at which site.
type Catchment struct {
	Watched *rules.Prefix
	// Announcing are the sites that announce the prefix, as far as anybody can tell, in the order of the configuration.
	Announcing []string
	// Served are the vantages that have a route, by name.
	Served []Served
	// Flips are the vantages that ever changed sites, the worst first.
	Flips []Flips
	// Shares are how many vantages each site served, over time: one number per site of the configuration, and Unknown for no known site.
	Shares []Share
	// Flows are how often vantages went from one site to another, most first.
	Flows []Flow
}

// Served is a vantage, and the site that serves it.
type Served struct {
	Vantage *collector.Vantage
	Site    string // "" where no site explains the route
	Path    route.Path
}

// Flips are how often a vantage changed sites.
type Flips struct {
	Vantage *collector.Vantage
	Count   int
	// Worst is the most of any hour of the clock, PerHour the mean since the vantage was first served, over an hour at least.
	Worst   int
	PerHour float64
}

// Share is how many vantages who serves from a time on.
type Share struct {
	At      time.Time
	Sites   []int
	Unknown int
}

// Flow is how often vantages went from one site to another; "" is no known site.
type Flow struct {
	From, To string
	Count    int
}

// Catchments gives who is served by which site, by prefix: those that some vantage ever had a route for.
func (e *Engine) Catchments() []Catchment {
	var out []Catchment
	for _, c := range e.catchments.order {
		if len(c.clients) == 0 {
			continue
		}
		x := Catchment{Watched: c.watched}
		counts := make([]int, len(c.counts))
		for _, w := range e.rib.order {
			if r := w.shown(c.watched.Prefix); r != nil && r.served != notServed {
				counts[r.served]++
				x.Served = append(x.Served, Served{w.v, e.siteName(r.served), r.Attrs.Path})
			}
			if n := c.clients[w.v.ID]; n != nil && n.flips > 0 {
				hours := max(1, e.clock.Sub(n.first).Hours())
				x.Flips = append(x.Flips, Flips{w.v, n.flips, n.worst, float64(n.flips) / hours})
			}
		}
		slices.SortFunc(x.Served, func(a, b Served) int { return a.Vantage.Compare(b.Vantage) })
		slices.SortFunc(x.Flips, func(a, b Flips) int { return cmp.Or(cmp.Compare(b.Count, a.Count), a.Vantage.Compare(b.Vantage)) })
		for n, s := range e.rules.Sites() {
			p := e.presence.cells[place{c.watched.Prefix, n}]
			if counts[servedBySite+served(n)] > 0 || p != nil && p.state.announcing() {
				x.Announcing = append(x.Announcing, s.Name)
			}
		}
		for _, p := range c.history {
			x.Shares = append(x.Shares, Share{p.at, slices.Clone(p.counts[servedBySite:]), p.counts[servedUnknown]})
		}
		for f, n := range c.flows {
			x.Flows = append(x.Flows, Flow{e.siteName(f[0]), e.siteName(f[1]), n})
		}
		slices.SortFunc(x.Flows, func(a, b Flow) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
		})
		out = append(out, x)
	}
	return out
}

// Places gives the sites of the configuration.
func (e *Engine) Places() []rules.Site { return e.rules.Sites() }

func (e *Engine) siteName(s served) string {
	if s < servedBySite {
		return ""
	}
	return e.rules.Sites()[s.site()].Name
}
