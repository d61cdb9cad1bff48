package detector

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// A public collector's peer can be stuck for weeks: it shows what everybody else knows to be over, or an origin that nobody else sees. One that
// contradicts the others for long is reported, so that the operator can ignore it. At first it looks like a hijack that is seen by one
// vantage only, and is treated so; only time tells them apart.
const (
	staleScan   = 10 * time.Minute // how often contradictions are looked for, while routes change
	staleOthers = 3                // so many others must agree against it,
	staleShare  = 80               // and so many of a hundred that have a view
)

// staleness is since when which vantage contradicts the others about which prefix.
type staleness struct {
	since   map[contradiction]time.Time
	dirty   map[netip.Prefix]bool // watched prefixes whose routes changed since the last scan
	planned bool
}

type contradiction struct {
	vantage collector.VantageID
	prefix  netip.Prefix
}

func newStaleness() staleness {
	return staleness{since: make(map[contradiction]time.Time), dirty: make(map[netip.Prefix]bool)}
}

func staleKey(v *collector.Vantage) Key { return Key{Kind: StaleVantage, Subject: v.Name()} }

// staleLater has a prefix looked at with the next scan. Only what is watched exactly is compared.
func (e *Engine) staleLater(p netip.Prefix) {
	if e.stale.dirty[p] || e.rules.Find(p) == nil {
		return
	}
	e.stale.dirty[p] = true
	e.planStale(e.clock.Add(staleScan))
}

func (e *Engine) planStale(at time.Time) {
	if e.stale.planned {
		return
	}
	e.stale.planned = true
	e.timers.set(at, func() {
		e.stale.planned = false
		e.scanStale()
	})
}

// scanStale compares the vantages about each prefix that changed, reports who contradicted for long enough, and plans the next look.
func (e *Engine) scanStale() {
	for p := range e.stale.dirty {
		e.compare(p)
	}
	clear(e.stale.dirty)
	about := make(map[collector.VantageID][]contradiction)
	var next time.Time
	for c, since := range e.stale.since {
		due := since.Add(e.rules.StaleVantageAfter)
		if !due.After(e.clock) {
			about[c.vantage] = append(about[c.vantage], c)
		} else if next.IsZero() || due.Before(next) {
			next = due
		}
	}
	for _, w := range e.rib.order {
		e.reportStale(w, about[w.v.ID])
	}
	if !next.IsZero() {
		e.planStale(next)
	}
}

// compare brings up to date who contradicts nearly all others about a prefix: with a route where they have none, or with an origin that is not
// allowed where they have another.
func (e *Engine) compare(p netip.Prefix) {
	watched := e.rules.Find(p)
	said := make(map[collector.VantageID]opinion)
	count := make(map[string]int)
	for _, w := range e.rib.order {
		if o, ok := w.says(p); ok {
			said[w.v.ID] = o
			count[o.text]++
		}
	}
	most := common(count)
	for _, w := range e.rib.order {
		c := contradiction{w.v.ID, p}
		o, speaks := said[w.v.ID]
		against := speaks && watched != nil && o.text != "" && o.text != most && count[most] >= staleOthers && count[most]*100 >= len(said)*staleShare
		if against && most != "" {
			_, against = watched.Unallowed(o.origin)
		}
		if _, known := e.stale.since[c]; against && !known {
			e.stale.since[c] = e.clock
		} else if !against {
			delete(e.stale.since, c)
		}
	}
}

// common gives what most say; of two that are as many, the first by name.
func common(count map[string]int) (most string) {
	for _, text := range slices.Sorted(maps.Keys(count)) {
		if count[text] > count[most] {
			most = text
		}
	}
	return most
}

// opinion is what a vantage says about a prefix: its origin, or no text where it is known to have no route.
type opinion struct {
	origin route.Origin
	text   string
}

// says gives the opinion of an external vantage; not ok: it has none.
func (w *view) says(p netip.Prefix) (opinion, bool) {
	if w.v.Scope != collector.External || !w.up {
		return opinion{}, false
	}
	if r := w.shown(p); r != nil {
		o := r.Attrs.Path.Origin(w.v.Local)
		return opinion{o, originText(o)}, true
	}
	return opinion{}, w.withdrew[p] || w.tabled && w.could(route.FamilyOf(p))
}

// shown gives a route of exactly this prefix that is not stale; with several paths, the one of the lowest identifier.
func (w *view) shown(p netip.Prefix) (found *Route) {
	if !w.identified {
		if r := w.routes[route.NLRI{Prefix: p}]; r != nil && !r.Stale {
			return r
		}
		return nil
	}
	for n, r := range w.routes {
		if n.Prefix == p && !r.Stale && (found == nil || n.PathID < found.PathID) {
			found = r
		}
	}
	return found
}

// reportStale raises the incident of a vantage, or lifts it when nothing is left of it.
func (e *Engine) reportStale(w *view, about []contradiction) {
	key := staleKey(w.v)
	if len(about) == 0 {
		if e.ledger.holds(key) {
			e.ledger.lift(key, cause{says: w.v.Name() + " agrees with the others again, or is gone"})
		}
		return
	}
	slices.SortFunc(about, func(a, b contradiction) int { return a.prefix.Compare(b.prefix) })
	c := Condition{Key: key, Severity: Info, Since: e.stale.since[about[0]], Actions: []string{
		"If it is stuck, tell its operator, and leave it out (ignore_peers of sources.rislive) until it is mended",
		"If it is right, the others miss something: look at its path",
	}}
	for _, x := range about {
		c.Since = min2(c.Since, e.stale.since[x])
		o, _ := w.says(x.prefix)
		c.Why = append(c.Why, fmt.Sprintf("it shows %s from %s, and nearly all others have said otherwise since %s", x.prefix, o.text, e.stale.since[x].UTC().Format(time.RFC3339)))
	}
	c.Says = fmt.Sprintf("%s contradicts the others about %s for %s: it may be stale.", w.v.Name(), prefixCount(about), HumanDuration(e.clock.Sub(c.Since)))
	c.Was = fmt.Sprintf("%s contradicted the others about %s.", w.v.Name(), prefixCount(about))
	c.About = fmt.Sprint(len(about))
	e.ledger.raise(c)
}

func prefixCount(about []contradiction) string {
	if len(about) == 1 {
		return about[0].prefix.String()
	}
	return fmt.Sprintf("%d prefixes", len(about))
}

// forgetStale forgets what a vantage said, when its session is over.
func (e *Engine) forgetStale(w *view) {
	clear(w.withdrew)
	maps.DeleteFunc(e.stale.since, func(c contradiction, _ time.Time) bool { return c.vantage == w.v.ID })
	if e.ledger.holds(staleKey(w.v)) {
		e.ledger.lift(staleKey(w.v), cause{says: w.v.Name() + " is gone"})
	}
}
