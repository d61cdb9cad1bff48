package detector

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

const (
	flapMemory  = 24 * time.Hour // how long the history of a route that flaps no more is kept
	flapRecords = 50_000         // how many routes' histories are kept at most
)

// flaps are the flap histories of watched routes, and of sites as a whole.
type flaps struct {
	routes map[flapKey]*flapRecord
	sites  map[prefixSite]*flapRecord
	away   map[awayKey]map[*flapRecord]bool // routes that were withdrawn, by what they may come back as
	hot    map[Key][]*flapRecord            // that exceeded the alert, by the incident that they are evidence for
}

// prefixSite is a prefix at a site, by its name: numbers change with the configuration.
type prefixSite struct {
	prefix netip.Prefix
	site   string
}

// awayKey finds a route that was withdrawn when it comes back with another path identifier: senders of Add-Path may renumber (RFC 7911 section 3).
type awayKey struct {
	vantage collector.VantageID
	prefixSite
}

type flapKey struct {
	vantage collector.VantageID
	nlri    route.NLRI
}

func newFlaps() *flaps {
	return &flaps{routes: make(map[flapKey]*flapRecord), sites: make(map[prefixSite]*flapRecord), away: make(map[awayKey]map[*flapRecord]bool), hot: make(map[Key][]*flapRecord)}
}

// flapWithdrawn weighs an explicit withdrawal of a route that is still in the RIB.
func (e *Engine) flapWithdrawn(w *view, r *Route) {
	if r.Stale || !e.weighs(r.Prefix) {
		return
	}
	site := ""
	if c := r.cell; c != nil {
		site = e.rules.Sites()[c.site].Name
		if c.routes.live == 1 {
			e.flapSite(c, FlapWithdraw)
		}
	}
	e.flap(w, r, site, FlapWithdraw)
	e.flaps.goes(e.flaps.routes[flapKey{w.v.ID, r.NLRI}])
}

// flapAnnounced weighs an announcement: after a withdrawal, or in place of a route with other attributes. A table, and what a session brings
// that was lost before, count nothing.
func (e *Engine) flapAnnounced(w *view, r *Route, changed, table bool) {
	if !e.weighs(r.Prefix) {
		return
	}
	if rec := e.flaps.routes[flapKey{w.v.ID, r.NLRI}]; table && rec != nil {
		e.flaps.stays(rec)
		rec.withdrawn = false // a table brought it back, which counts nothing
	}
	if table {
		return
	}
	site := ""
	if c := r.cell; c != nil {
		site = e.rules.Sites()[c.site].Name
		if s := e.flaps.sites[prefixSite{c.prefix, site}]; s != nil && s.withdrawn && c.routes.live == 1 {
			e.flapSite(c, FlapReannounce)
		} else if changed && c.routes.speaker() == r {
			e.flapSite(c, FlapChange)
		}
	}
	rec := e.flaps.back(w.v.ID, r.NLRI, site)
	switch {
	case rec != nil && rec.withdrawn:
		e.flap(w, r, site, FlapReannounce)
	case changed:
		e.flap(w, r, site, FlapChange)
	}
}

// goes notes that a route was withdrawn, stays that it is there again.
func (f *flaps) goes(rec *flapRecord) {
	k := awayKey{rec.v.ID, prefixSite{rec.nlri.Prefix, rec.site}}
	if f.away[k] == nil {
		f.away[k] = make(map[*flapRecord]bool)
	}
	f.away[k][rec] = true
}

func (f *flaps) stays(rec *flapRecord) {
	k := awayKey{rec.v.ID, prefixSite{rec.nlri.Prefix, rec.site}}
	if delete(f.away[k], rec); len(f.away[k]) == 0 {
		delete(f.away, k)
	}
}

// back gives the history of a route that is announced: its own, or that of the path of the same site that went away last under another
// identifier.
func (f *flaps) back(v collector.VantageID, n route.NLRI, site string) *flapRecord {
	key := flapKey{v, n}
	if rec := f.routes[key]; rec != nil {
		f.stays(rec)
		return rec
	}
	var last *flapRecord
	for rec := range f.away[awayKey{v, prefixSite{n.Prefix, site}}] {
		if last == nil || cmp.Or(rec.last.Compare(last.last), cmp.Compare(rec.nlri.PathID, last.nlri.PathID)) > 0 {
			last = rec
		}
	}
	if last == nil {
		return nil
	}
	f.stays(last)
	delete(f.routes, flapKey{v, last.nlri})
	last.nlri, f.routes[key] = n, last
	return last
}

// weighs tells whether the flaps of a prefix are counted.
func (e *Engine) weighs(p netip.Prefix) bool {
	return len(e.rules.Flap.Profiles) > 0 && e.rules.Judge(p) != nil
}

func (e *Engine) flapSite(c *cell, ev FlapEvent) {
	key := prefixSite{c.prefix, e.rules.Sites()[c.site].Name}
	rec := e.flaps.sites[key]
	if rec == nil {
		rec = &flapRecord{merits: make([]merit, len(e.rules.Flap.Profiles)), site: key.site, nlri: route.NLRI{Prefix: c.prefix}}
		e.flaps.sites[key] = rec
	}
	rec.count(e.rules.Flap.Profiles, ev, e.clock)
}

// flap weighs an event of a route, and tells when its penalty exceeds the alert.
func (e *Engine) flap(w *view, r *Route, site string, ev FlapEvent) {
	profiles := e.rules.Flap.Profiles
	key := flapKey{w.v.ID, r.NLRI}
	rec := e.flaps.routes[key]
	if rec == nil {
		e.flaps.forget(e.clock)
		rec = &flapRecord{merits: make([]merit, len(profiles)), nlri: r.NLRI}
		e.flaps.routes[key] = rec
	}
	rec.v, rec.site, rec.shown = w.v, cmp.Or(site, rec.site), traceOf(w.v, r)
	if ev == FlapWithdraw {
		rec.shown = rec.shown.ended(e.clock)
	}
	rec.count(profiles, ev, e.clock)
	if rec.merits[0].value > float64(e.rules.Flap.Alert) {
		e.heat(rec)
	}
}

// heat notes a route that exceeded the alert, and opens the incident when enough vantages say so.
func (e *Engine) heat(rec *flapRecord) {
	key := Key{Kind: Flapping, Prefix: rec.nlri.Prefix, Site: rec.site}
	if !slices.Contains(e.flaps.hot[key], rec) {
		if len(e.flaps.hot[key]) == 0 {
			e.coolLater(key, rec)
		}
		e.flaps.hot[key] = append(e.flaps.hot[key], rec)
	}
	internal, external := flapVantages(e.flaps.hot[key])
	c := e.rules.Confirm
	if internal >= c.Vantages && internal > 0 || external >= c.External && external > 0 {
		e.ledger.raise(e.flapping(key))
	}
}

func flapVantages(hot []*flapRecord) (internal, external int) {
	seen := make(map[collector.VantageID]bool)
	for _, rec := range hot {
		if seen[rec.v.ID] {
			continue
		}
		seen[rec.v.ID] = true
		if rec.v.Scope == collector.Internal {
			internal++
		} else {
			external++
		}
	}
	return internal, external
}

// coolLater looks again when a route's penalty will have fallen below the reuse threshold, if nothing happens until then.
func (e *Engine) coolLater(key Key, rec *flapRecord) {
	p, flaps := &e.rules.Flap.Profiles[0], e.flaps
	at := rec.merits[0].falls(p, float64(p.Reuse), e.clock)
	e.timers.set(at.Add(time.Millisecond), func() {
		if e.flaps == flaps {
			e.cool(key)
		}
	})
}

// cool lifts the incident when the penalty of each route of the prefix and site is below the reuse threshold.
func (e *Engine) cool(key Key) {
	p := &e.rules.Flap.Profiles[0]
	var last *flapRecord // that cools down; of several, the order of a map must not decide when is looked again
	var until time.Time
	for k, rec := range e.flaps.routes {
		if k.nlri.Prefix != key.Prefix || rec.site != key.Site || rec.merits[0].decayed(p, e.clock) < float64(p.Reuse) {
			continue
		}
		if at := rec.merits[0].falls(p, float64(p.Reuse), e.clock); last == nil || at.After(until) {
			last, until = rec, at
		}
	}
	if last != nil {
		e.coolLater(key, last)
		return
	}
	delete(e.flaps.hot, key)
	if e.ledger.holds(key) {
		e.ledger.lift(key, cause{says: fmt.Sprintf("every penalty fell below %d, the reuse threshold of %s", p.Reuse, p.Name)})
	}
}

// flapping says what flaps, how much, and who would have suppressed it.
func (e *Engine) flapping(key Key) Condition {
	hot, profiles := e.flaps.hot[key], e.rules.Flap.Profiles
	worst := slices.MaxFunc(hot, func(a, b *flapRecord) int { return cmp.Compare(a.merits[0].value, b.merits[0].value) })
	internal, external := flapVantages(hot)
	c := Condition{Key: key, Severity: Warning, Since: worst.first, Watched: e.rules.Judge(key.Prefix), Seeing: internal + external}
	for _, w := range e.rib.order {
		if w.could(route.FamilyOf(key.Prefix)) {
			c.Of++
		}
	}
	c.Of = max(c.Of, c.Seeing)
	where := key.Prefix.String()
	if key.Site != "" {
		where += " at " + key.Site
	}
	c.Says = fmt.Sprintf("%s flaps: %s within %s, as %s shows it. Its penalty is %.0f by %s; the alert is %d.", where, worst.counted(),
		HumanDuration(max(worst.last.Sub(worst.first), time.Second)), worst.v.Name(), worst.merits[0].value, profiles[0].Name, e.rules.Flap.Alert)
	c.Was = where + " flapped."
	for _, rec := range hot {
		if len(c.Evidence) < evidenceShown {
			c.Evidence = append(c.Evidence, rec.shown.evidence())
		}
		c.Why = append(c.Why, fmt.Sprintf("%s: %s, penalty %.0f", rec.v.Name(), rec.counted(), rec.merits[0].value))
	}
	var by []string
	for i := range profiles {
		if m := &worst.merits[i]; m.suppressed {
			by = append(by, profiles[i].Name)
			until := m.falls(&profiles[i], float64(profiles[i].Reuse), m.at).UTC().Format(time.RFC3339)
			c.Why = append(c.Why, fmt.Sprintf("a router with the parameters of %s suppresses it since %s, until %s if it is quiet from now on", profiles[i].Name, m.from.UTC().Format(time.RFC3339), until))
		}
	}
	c.About = strings.Join(by, " ")
	c.Actions = []string{
		"Find what flaps at its source: a session, a health check that is too nervous, a link",
		"While it flaps, withdraw it there for good: networks that dampen will not see the site for up to an hour",
	}
	return c
}

// counted says how often the route went and changed.
func (r *flapRecord) counted() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{r.withdrawals, "withdrawal"}, {r.changes, "change"}} {
		switch {
		case p.n == 1:
			parts = append(parts, "1 "+p.what)
		case p.n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", p.n, p.what))
		}
	}
	if len(parts) == 0 {
		return "announced again and again"
	}
	return strings.Join(parts, " and ")
}

// forgetFlaps begins anew, when penalties are counted by other parameters.
func (e *Engine) forgetFlaps(why cause) {
	for _, key := range slices.SortedFunc(maps.Keys(e.flaps.hot), Key.compare) {
		e.ledger.lift(key, why)
	}
	e.flaps = newFlaps()
}

// forget makes room: histories that are over for long go first, then the coldest.
func (f *flaps) forget(now time.Time) {
	if len(f.routes) < flapRecords {
		return
	}
	type quiet struct {
		flapKey
		last int64
	}
	cold := make([]quiet, 0, len(f.routes))
	for k, rec := range f.routes {
		if now.Sub(rec.last) > flapMemory {
			f.drop(k)
		} else {
			cold = append(cold, quiet{k, rec.last.UnixNano()})
		}
	}
	if len(f.routes) < flapRecords {
		return
	}
	slices.SortFunc(cold, func(a, b quiet) int {
		if c := cmp.Compare(a.last, b.last); c != 0 {
			return c
		}
		return a.flapKey.compare(b.flapKey)
	})
	for _, k := range cold[:flapRecords/10] {
		f.drop(k.flapKey)
	}
}

func (f *flaps) drop(k flapKey) {
	if rec := f.routes[k]; rec.v != nil {
		f.stays(rec)
	}
	delete(f.routes, k)
}

// Flaps is the flap history of one route, or of a prefix at a site as a whole.
type Flaps struct {
	Prefix               route.NLRI
	Site                 string
	Vantage              *collector.Vantage // nil for a site as a whole
	Withdrawals, Changes int
	PenaltyMax           float64 // by the configured profile
	PenaltyLast          float64
	First, Last          time.Time
	Suppressed           []Suppression
	Curve                []Penalty
}

// FlapHistory gives the flap histories, by prefix, site, vantage and path.
func (e *Engine) FlapHistory() []Flaps {
	profiles := e.rules.Flap.Profiles
	var out []Flaps
	add := func(rec *flapRecord) {
		out = append(out, Flaps{
			Prefix: rec.nlri, Site: rec.site, Vantage: rec.v, Withdrawals: rec.withdrawals, Changes: rec.changes, PenaltyMax: rec.peak,
			PenaltyLast: rec.merits[0].decayed(&profiles[0], e.clock), First: rec.first, Last: rec.last,
			Suppressed: rec.suppressions(profiles, e.clock), Curve: slices.Clone(rec.curve),
		})
	}
	for _, rec := range e.flaps.sites {
		add(rec)
	}
	for _, rec := range e.flaps.routes {
		add(rec)
	}
	name := func(v *collector.Vantage) string {
		if v == nil {
			return ""
		}
		return v.Name()
	}
	number := func(v *collector.Vantage) collector.VantageID {
		if v == nil {
			return 0
		}
		return v.ID
	}
	slices.SortFunc(out, func(a, b Flaps) int {
		return cmp.Or(a.Prefix.Prefix.Compare(b.Prefix.Prefix), cmp.Compare(a.Site, b.Site), cmp.Compare(name(a.Vantage), name(b.Vantage)), cmp.Compare(a.Prefix.PathID, b.Prefix.PathID), cmp.Compare(number(a.Vantage), number(b.Vantage)))
	})
	return out
}

// FlapProfiles gives the parameters by which flaps are counted, the configured ones first.
func (e *Engine) FlapProfiles() []rules.Dampening { return e.rules.Flap.Profiles }
