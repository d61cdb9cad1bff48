package detector

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// A shift is found by going back through the moves of the last while, from now on, and comparing at each step who serves whom now with who did
// then. Only vantages that had a route both times count: that feeds come and go, and that anywatch itself starts, moves no traffic.

const (
	shiftNamed = 3               // vantages and sites that an incident names
	backLately = 2 * time.Minute // vantages come back to a site within this time of its return
)

func shiftKey(p netip.Prefix, site string) Key {
	return Key{Kind: CatchmentShift, Prefix: p, Site: site}
}

func sortedSites(told map[int]shift) []int { return slices.Sorted(maps.Keys(told)) }

// shift is how far the share of a site moved, in percent, compared with the time just before since.
type shift struct {
	since time.Time
	by    float64 // below zero when it shrank
}

// replaces tells whether a shift is to be told in place of one that was: the same, a greater one, one in the other direction. Of one that gets
// older nothing is taken back step by step: it stands until it is over.
func (s shift) replaces(old shift) bool {
	return !s.since.After(old.since) || math.Abs(s.by) > math.Abs(old.by) || s.by*old.by < 0
}

// comparison is who serves whom now against who did just before a time, over the vantages that had a route both times.
type comparison struct {
	since, last  time.Time // the first and the last move in between
	both         int
	then         int // vantages that had a route then
	before, lost []int
	gained       []int
	flows        map[[2]served]int // where asked for
}

func compareNow(c *catchment) comparison {
	n := len(c.counts)
	x := comparison{before: slices.Clone(c.counts), lost: make([]int, n), gained: make([]int, n)}
	x.before[notServed] = 0
	for _, k := range x.before {
		x.both += k
	}
	x.then = x.both
	return x
}

// pair adds a vantage, or with −1 takes it away, that was served by one and is by the other.
func (x *comparison) pair(then, now served, n int) {
	if then != notServed {
		x.then += n
	}
	if then == notServed || now == notServed {
		return
	}
	x.both += n
	x.before[then] += n
	if then != now {
		x.lost[then] += n
		x.gained[now] += n
		if x.flows != nil {
			x.flows[[2]served{then, now}] += n
		}
	}
}

// moved is by how many vantages a share grew or shrank.
func (x *comparison) moved(s served) int { return x.gained[s] - x.lost[s] }

// share is a number of vantages in percent of those compared.
func (x *comparison) share(n int) float64 { return 100 * float64(n) / float64(x.both) }

// telling says whether the comparison covers enough: at least half of who has a route now, and of who had one then.
func (x *comparison) telling(now int) bool {
	return x.both > 0 && 2*x.both >= now && 2*x.both >= x.then
}

// back goes back through the moves that are younger than detect.catchment.within, and shows each step.
func (c *catchment) back(oldest time.Time, x *comparison, step func()) {
	c.walks++
	for i := len(c.moves) - 1; i >= 0 && !c.moves[i].at.Before(oldest); i-- {
		m := &c.moves[i]
		if m.who.walk != c.walks {
			m.who.walk, m.who.then = c.walks, m.who.now
		}
		x.pair(m.who.then, m.who.now, -1)
		x.pair(m.from, m.who.now, +1)
		m.who.then = m.from
		if x.last.IsZero() {
			x.last = m.at
		}
		if x.since = m.at; i == 0 || !c.moves[i-1].at.Equal(m.at) {
			step()
		}
	}
}

// tellShifts raises an incident for each site whose share moved too far within the time, and lifts what has been stable for as long.
func (e *Engine) tellShifts(c *catchment) {
	t, confirm := e.rules.Catchment, e.rules.Confirm
	if t.Within <= 0 {
		return
	}
	oldest := e.clock.Add(-t.Within)
	c.moves = slices.Delete(c.moves, 0, firstSince(c.moves, oldest))
	x := compareNow(c)
	now, unsure := x.both, false
	worst := make(map[int]shift)
	c.back(oldest, &x, func() {
		if !x.telling(now) {
			unsure = true
			return
		}
		for s := servedBySite; int(s) < len(c.counts); s++ {
			by := x.share(x.moved(s))
			if math.Abs(by) > max(t.Shift, math.Abs(worst[s.site()].by)) && x.lost[s]+x.gained[s] >= confirm.External {
				worst[s.site()] = shift{x.since, by}
			}
		}
	})
	for _, site := range sortedSites(worst) {
		if old, told := c.told[site]; !told || worst[site].replaces(old) {
			c.told[site] = worst[site]
			e.ledger.raise(e.catchmentShift(c, site, worst[site].since))
		}
	}
	for _, site := range sortedSites(c.told) {
		if _, still := worst[site]; still {
			continue
		}
		key := shiftKey(c.watched.Prefix, e.rules.Sites()[site].Name)
		if unsure || now == 0 && len(c.moves) > 0 {
			e.ledger.doubt(key)
			continue
		}
		over := fmt.Sprintf("its share has moved by no more than %g %% in the last %s", t.Shift, HumanDuration(t.Within))
		if now == 0 {
			over = "no external vantage has shown a route for " + HumanDuration(t.Within)
		}
		delete(c.told, site)
		e.ledger.lift(key, cause{says: over})
	}
	if len(c.told) > 0 && len(c.moves) > 0 {
		e.planCatchment(c, c.moves[0].at.Add(t.Within+1))
	}
}

// firstSince gives the index of the first move that is not before a time.
func firstSince(moves []move, at time.Time) int {
	i, _ := slices.BinarySearchFunc(moves, at, func(m move, at time.Time) int { return m.at.Compare(at) })
	return i
}

// catchmentShift says from where to where the vantages went, and whether there is a reason that is told already: then it is info.
func (e *Engine) catchmentShift(c *catchment, site int, since time.Time) Condition {
	x := compareNow(c)
	x.flows = make(map[[2]served]int)
	c.back(since, &x, func() {})
	me, name, w := servedBySite+served(site), e.rules.Sites()[site].Name, c.watched
	moved := x.moved(me)
	others := x.partners(me, moved < 0)
	verb, towards := "lost", "towards"
	if moved > 0 {
		verb, towards = "gained", "from"
	}
	var names []string
	for _, o := range others[:min(len(others), shiftNamed)] {
		names = append(names, fmt.Sprintf("%s (%.0f %%)", orUnknown(e.siteName(o.who)), x.share(o.n)))
	}
	took := "at once"
	if d := x.last.Sub(x.since); d > 0 {
		took = "within " + HumanDuration(d)
	}
	k := Condition{
		Key: shiftKey(w.Prefix, name), Severity: Warning, Since: x.since, Watched: w, Seeing: max(moved, -moved), Of: x.both,
		About: fmt.Sprint(verb, int(x.share(max(moved, -moved))/max(e.rules.Catchment.Shift, 1))),
		Says: fmt.Sprintf("%s served %.0f %% of the vantages that reach %s, and now serves %.0f %%: it %s %.0f %% %s, %s %s.", name, x.share(x.before[me]),
			w.Label(), x.share(x.before[me]+moved), verb, x.share(max(moved, -moved)), took, towards, strings.Join(names, ", ")),
		Was: fmt.Sprintf("the share of vantages that %s serves with %s went from %.0f %% to %.0f %%.", name, w.Label(), x.share(x.before[me]), x.share(x.before[me]+moved)),
		Why: []string{
			fmt.Sprintf("detect.catchment.shift is %g %% within %s", e.rules.Catchment.Shift, HumanDuration(e.rules.Catchment.Within)),
			fmt.Sprintf("%d external vantages had a route both before %s and now; %d of them left %s, %d came to it", x.both, x.since.UTC().Format(time.RFC3339), x.lost[me], name, x.gained[me]),
		},
		Actions: []string{
			"Look at what changed: a session to an upstream, prepending, a community, the preference of an upstream; the evidence shows the paths as they are now",
			"If it was meant, nothing is to be done: it is over when the shares have been stable for " + HumanDuration(e.rules.Catchment.Within),
		},
	}
	e.showMoved(c, &k, me, since)
	e.excuse(c, &k, &x, me)
	return k
}

func orUnknown(site string) string {
	if site == "" {
		return "no known site"
	}
	return site
}

// partner is who took vantages from a site, or gave them, and how many.
type partner struct {
	who served
	n   int
}

// partners lists where the vantages of a site went, or came from, most first.
func (x *comparison) partners(me served, went bool) (out []partner) {
	for s := servedUnknown; int(s) < len(x.before); s++ {
		n := x.flows[[2]served{me, s}] - x.flows[[2]served{s, me}]
		if !went {
			n = -n
		}
		if s != me && n > 0 {
			out = append(out, partner{s, n})
		}
	}
	slices.SortStableFunc(out, func(a, b partner) int { return b.n - a.n })
	return out
}

// showMoved gives the routes of the vantages that left a site or came to it as evidence, and names some.
func (e *Engine) showMoved(c *catchment, k *Condition, me served, since time.Time) {
	first := make(map[*client]served)
	for i := firstSince(c.moves, since); i < len(c.moves); i++ {
		if m := c.moves[i]; first[m.who] == notServed {
			first[m.who] = m.from
		}
	}
	for _, w := range e.rib.order {
		x := c.clients[w.v.ID]
		if x == nil {
			continue
		}
		was, now := first[x], x.now
		if was == notServed || now == notServed || was == now || was != me && now != me {
			continue
		}
		if r := w.shown(c.watched.Prefix); r != nil && len(k.Evidence) < evidenceShown {
			if len(k.Evidence) < shiftNamed {
				k.Why = append(k.Why, fmt.Sprintf("%s went from %s to %s", w.v.Name(), orUnknown(e.siteName(was)), orUnknown(e.siteName(now))))
			}
			k.Evidence = append(k.Evidence, evidenceOf(w.v, r))
		}
	}
}

// excuse lowers a shift to info when it is what follows from something that is told already: a site at one of its ends went missing, drains, is
// under maintenance, or has just come back. What moved between other sites must still be less than a shift.
func (e *Engine) excuse(c *catchment, k *Condition, x *comparison, me served) {
	left, because := x.moved(me), ""
	mine := e.reason(c, me, x.since)
	var whys []string
	if mine != "" {
		left = 0
		whys = append(whys, mine)
	} else {
		for _, p := range x.partners(me, left < 0) {
			if why := e.reason(c, p.who, x.since); why != "" {
				left += map[bool]int{true: p.n, false: -p.n}[left < 0]
				whys = append(whys, why)
			}
		}
	}
	if len(whys) == 0 {
		return
	}
	k.Why = append(k.Why, whys...)
	if x.share(max(left, -left)) <= e.rules.Catchment.Shift {
		k.Severity = Info
		because = whys[0]
		k.Says += " That follows from another fact: " + because + "."
	}
}

// withdrewIt tells whether our own network knows that a site does not announce any more what others outside still show for a while.
func (e *Engine) withdrewIt(p *cell) bool {
	for _, x := range p.routes.list {
		if x.live && x.by.v.Scope == collector.Internal {
			return false
		}
	}
	return slices.ContainsFunc(e.rib.order, func(w *view) bool {
		return w.v.Scope == collector.Internal && p.shownBy[w.v.ID] && w.sees(p.site) && w.could(route.FamilyOf(p.prefix))
	})
}

// reason says why vantages may be expected to leave a site, or to come to it; "" for no reason.
func (e *Engine) reason(c *catchment, who served, since time.Time) string {
	if who < servedBySite {
		return ""
	}
	name := e.rules.Sites()[who.site()].Name
	if m := e.rules.Maintained(name, e.clock); m != nil {
		return name + " is under maintenance until " + m.To.UTC().Format(time.RFC3339)
	}
	p := e.presence.cells[place{c.watched.Prefix, who.site()}]
	switch {
	case p == nil:
		return ""
	case p.state == PlaceMissing:
		return name + " is missing since " + p.since.UTC().Format(time.RFC3339)
	case !p.absent.IsZero():
		return name + " does not announce it since " + p.absent.UTC().Format(time.RFC3339)
	case e.withdrewIt(p):
		return name + " does not announce it any more, as our own network shows"
	case p.state == PlaceDraining:
		return name + " drains since " + p.since.UTC().Format(time.RFC3339)
	case p.state == PlaceAnnounced && !p.since.Before(since.Add(-backLately)):
		if was := p.past.before(); was == PlaceMissing || was == PlaceDraining {
			return name + " announces it again since " + p.since.UTC().Format(time.RFC3339) + ", it was " + was.String() + " before"
		}
	}
	return ""
}
