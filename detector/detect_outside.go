package detector

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

const (
	shownMemory  = 24 * time.Hour  // a vantage that showed a prefix this recently counts among those that could
	zombieAfter  = 5 * time.Minute // by then a withdrawal has reached everybody who handles it
	namedHolders = 3               // vantages that a summary names
)

// blackholed finds a watched prefix, or a part of it, that somebody marks to be thrown away.
var blackholed = Detector{
	Kind: Blackholed,
	Judge: func(c *Case) (Finding, string) {
		if c.Watched == nil {
			return Finding{}, "the prefix is not watched"
		}
		if c.blackhole() == "" {
			return Finding{}, "it carries neither BLACKHOLE (65535:666) nor a community of detect.blackhole"
		}
		f := c.finding(Blackholed, 0, 0, Critical)
		f.Origin, f.Note = c.originAS(), c.blackhole()
		return f, ""
	},
	Says: func(f *Finding) string {
		return fmt.Sprintf("%s carries %s: networks that honour it throw the traffic away.", f.Prefix, f.Note)
	},
	Actions: func(f *Finding, _ route.Path) []string {
		return []string{
			fmt.Sprintf("If you asked for it, against an attack say, end it when that is over: withdraw %s, or take the community off", f.Prefix),
			"If not, ask the AS that announces it to take the community off, and its neighbours not to honour it",
		}
	},
}

// blackhole names the community by which a route asks to be thrown away; "" for none.
func (c *Case) blackhole() string {
	if c.Attrs.Has(route.Blackhole) {
		return "BLACKHOLE (65535:666)"
	}
	for _, x := range c.Rules.Blackhole {
		if c.Attrs.Has(x) {
			return x.String() + ", a blackhole community"
		}
	}
	return ""
}

// scopeLeak finds a prefix of local scope that went further than to the neighbours of its origin.
var scopeLeak = Detector{
	Kind: ScopeLeak,
	Judge: func(c *Case) (Finding, string) {
		switch {
		case c.Watched == nil || !c.Watched.LocalScope:
			return Finding{}, "the prefix is not of scope local"
		case c.Vantage.Scope != collector.External:
			return Finding{}, "it is seen inside our network"
		}
		if _, bad := c.Watched.Unallowed(c.Origin); bad {
			return Finding{}, "the origin is not allowed: that is a hijack"
		}
		asns, edge := c.courses().way.asns, c.edge()
		if len(asns) < edge+3 {
			return Finding{}, "it is seen next to its origin"
		}
		leaker := asns[edge+1]
		f := c.finding(ScopeLeak, leaker, leaker, Warning)
		f.Prefix, f.Origin = c.Watched.Prefix, c.originAS()
		f.Note = c.Prefix.String()
		return f, ""
	},
	Says: func(f *Finding) string {
		return fmt.Sprintf("%s is of local scope and has leaked through %s: it is seen more than one AS away from %s.", f.Note, f.Offender, f.Origin)
	},
	Actions: func(f *Finding, _ route.Path) []string {
		return []string{
			fmt.Sprintf("Ask %s to honour NO_EXPORT, or to filter %s towards its neighbours", f.Offender, f.Prefix),
			"Look whether our announcement to it still carries NO_EXPORT (65535:65281)",
			"If the prefix is meant for all, write scope: global",
		}
	},
}

// visible tells whether an external vantage shows a prefix, and whether it counts among those that could: its table is loaded, or it has
// shown the prefix lately.
func (w *view) visible(p netip.Prefix, now time.Time) (sees, could bool) {
	if w.v.Scope != collector.External || !w.up {
		return false, false
	}
	sees = w.shown(p) != nil
	if sees {
		return true, true
	}
	if r := w.routes[route.NLRI{Prefix: p}]; r != nil {
		return false, false // stale: whether it still stands is unknown
	}
	last, known := w.lastShown[p]
	lately := known && now.Sub(last) <= shownMemory && w.synced
	return false, lately || w.tabled && w.could(route.FamilyOf(p))
}

// tellVisibility finds a prefix that too few of the external vantages see that could.
func (e *Engine) tellVisibility(w *rules.Prefix) {
	key := Key{Kind: VisibilityLoss, Prefix: w.Prefix}
	seeing, of, known := 0, 0, false
	var blind []string
	for _, v := range e.rib.order {
		sees, could := v.visible(w.Prefix, e.clock)
		if could {
			of++
		}
		if _, ever := v.lastShown[w.Prefix]; ever {
			known = true
		}
		if sees {
			seeing++
		} else if could && len(blind) < namedHolders {
			blind = append(blind, v.v.Name())
		}
	}
	share := 100.0
	if of > 0 {
		share = float64(seeing) * 100 / float64(of)
	}
	t := e.rules.Visibility
	// A share that falls was higher before: what nobody outside has ever shown is not announced yet, and that is for the sites to tell.
	if w.Announced != rules.Always || w.LocalScope || of == 0 || !known || share >= t.Warning || of-seeing < e.rules.Confirm.External {
		switch {
		case !e.ledger.holds(key):
		case of == 0:
			e.ledger.doubt(key)
		default:
			e.ledger.lift(key, cause{says: fmt.Sprintf("%d of %d external vantages see it again", seeing, of)})
		}
		return
	}
	c := Condition{
		Key: key, Severity: Warning, Since: e.clock, Watched: w, Seeing: seeing, Of: of,
		Says: fmt.Sprintf("%s is seen by %d of %d external vantages, %.0f %%; the warning is at %g %%, critical at %g %%.", w.Label(), seeing, of, share, t.Warning, t.Critical),
		Was:  fmt.Sprintf("%s was seen by too few external vantages.", w.Label()),
		Why:  []string{fmt.Sprintf("%d of %d synchronised external vantages that could see %s do", seeing, of, w.Prefix)},
		Actions: []string{
			"Look at what the sites announce, and to whom: a session to an upstream that is down, a filter, a ROA that makes it invalid",
			"Ask the networks that do not see it (the vantages are named) whether they filter it",
		},
	}
	for _, name := range blind {
		c.Why = append(c.Why, name+" does not see it")
	}
	if share < t.Critical {
		c.Severity = Critical
	}
	e.ledger.raise(c)
}

// tellZombie finds a prefix that every site has withdrawn and somebody outside still holds. A withdrawal takes its time to get around.
func (e *Engine) tellZombie(w *rules.Prefix) {
	key := Key{Kind: Zombie, Prefix: w.Prefix}
	since, all := e.withdrawn(w)
	if !all {
		if e.ledger.holds(key) {
			e.ledger.lift(key, cause{says: "a site announces it again"})
		}
		return
	}
	holders := e.outsideHolders(w)
	if len(holders) == 0 {
		if e.ledger.holds(key) {
			e.ledger.lift(key, cause{says: "no external vantage holds it any more"})
		}
		return
	}
	if due := since.Add(zombieAfter); due.After(e.clock) {
		e.timers.set(due, func() { e.lookLater(w.Prefix) })
		return
	}
	n := len(holders)
	e.ledger.raise(Condition{
		Key: key, Severity: Warning, Since: since, Watched: w, Seeing: n, Of: max(n, e.externals(w.Prefix)), Evidence: holders[:min(n, evidenceShown)],
		Says: fmt.Sprintf("%s was withdrawn by every site, and %d external vantages still hold it, such as %s.", w.Label(), n, holders[0].Vantage),
		Was:  fmt.Sprintf("%s was held by external vantages after every site had withdrawn it.", w.Label()),
		Why: []string{
			"no site announces it since " + since.UTC().Format(time.RFC3339),
			fmt.Sprintf("%s still shows it along %s", holders[0].Vantage, holders[0].Path),
		},
		Actions: []string{
			"Find the AS that all these paths have in common and ask it to clear the route: its router has a stuck route",
			"Announce the prefix once more and withdraw it again: that often clears it",
		},
	})
}

// outsideHolders lists the external vantages that show a prefix with an origin that is allowed.
func (e *Engine) outsideHolders(w *rules.Prefix) (holders []Evidence) {
	for _, v := range e.rib.order {
		if v.v.Scope != collector.External || !v.up {
			continue
		}
		if r := v.shown(w.Prefix); r != nil {
			if _, bad := w.Unallowed(r.Attrs.Path.Origin(v.v.Local)); !bad {
				holders = append(holders, evidenceOf(v.v, r))
			}
		}
	}
	return holders
}

// withdrawn tells whether every site has withdrawn a prefix, known from vantages that look past best paths, and since when.
func (e *Engine) withdrawn(w *rules.Prefix) (since time.Time, all bool) {
	cells := e.presence.of(w.Prefix)
	for _, c := range cells {
		if c.state != PlaceMissing || c.weak || !c.seen {
			return since, false
		}
		if c.since.After(since) {
			since = c.since
		}
	}
	return since, len(cells) > 0
}

// externals counts the external vantages that could show a prefix.
func (e *Engine) externals(p netip.Prefix) (n int) {
	for _, v := range e.rib.order {
		if _, could := v.visible(p, e.clock); could {
			n++
		}
	}
	return n
}

// outside is what is looked at again a moment after routes changed: many vantages change at once, and each look asks all of them.
type outside struct {
	dirty   map[netip.Prefix]bool
	planned bool
}

const outsideDelay = 200 * time.Millisecond

// lookOutside has a prefix looked at from outside, and its sites compared.
func (e *Engine) lookLater(p netip.Prefix) {
	if e.rules.Find(p) == nil {
		return
	}
	e.outside.dirty[p] = true
	if e.outside.planned {
		return
	}
	e.outside.planned = true
	e.timers.set(e.clock.Add(outsideDelay), func() {
		e.outside.planned = false
		dirty := slices.SortedFunc(maps.Keys(e.outside.dirty), netip.Prefix.Compare)
		clear(e.outside.dirty)
		for _, p := range dirty {
			if w := e.rules.Find(p); w != nil {
				e.tellVisibility(w)
				e.tellZombie(w)
				if w.Announced == rules.Always {
					e.compareSites(w)
				}
			}
		}
	})
}

// lookOutsideAt has all prefixes looked at that a vantage shows or showed.
func (e *Engine) lookOutsideAt(w *view) {
	if w.v.Scope != collector.External {
		return
	}
	for p := range w.lastShown {
		e.lookLater(p)
	}
	if w.tabled {
		for _, p := range e.rules.Prefixes() {
			e.lookLater(p.Prefix)
		}
	}
}
