package detector

import (
	"net/netip"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rules"
)

// Options are what an engine is made of.
type Options struct {
	Rules *rules.Set
	VRPs  *rpki.Table // nil: origins are not checked
	// Emit takes every change of an incident, in order. It must not call the engine.
	Emit func(Change)
	// Age shows the age of VRPs in incidents; replay takes the files as they stand.
	Age bool
}

// Engine applies events to the RIB, judges, and keeps the ledger. Not for concurrent use: one goroutine owns it.
type Engine struct {
	rules        *rules.Set
	vrps         *rpki.Table
	emit         func(Change)
	age          bool
	clock        time.Time
	began        time.Time // where the clock first stood
	timers       timers
	rib          *rib
	ledger       *ledger
	feeds        map[string]*feed // that are down
	feedsPlanned bool
	stale        staleness
	presence     *presence
	flaps        *flaps
	outside      outside
	links        links
	catchments   *catchments
	authority    authority
	// health is by site, of those whose service is checked.
	health        map[string]*service
	healthPlanned bool
	silences      []Silence
	storms        storms
	scratch       Case // the route that is judged
}

// New makes an engine whose clock stands at the zero time until the first event or Advance.
func New(o Options) *Engine {
	e := &Engine{rules: o.Rules, vrps: o.VRPs, emit: o.Emit, age: o.Age, rib: newRIB(), ledger: newLedger(), feeds: make(map[string]*feed), stale: newStaleness(), presence: newPresence(o.Rules), flaps: newFlaps(), links: newLinks(), outside: outside{dirty: make(map[netip.Prefix]bool)}, catchments: newCatchments(o.Rules), health: make(map[string]*service), authority: newAuthority()}
	e.planMaintenance()
	return e
}

// Clock is the time up to which the engine has judged.
func (e *Engine) Clock() time.Time { return e.clock }

// Began is where the clock first stood; zero before the first event.
func (e *Engine) Began() time.Time { return e.began }

// Due is when the engine next has something to do without an event; false when nothing is pending.
func (e *Engine) Due() (time.Time, bool) { return e.timers.earliest() }

// Advance moves the clock on to now, and does what came due until then, each thing at its own time. The clock never goes back.
func (e *Engine) Advance(now time.Time) {
	if e.began.IsZero() {
		e.began = now
	}
	for {
		t, ok := e.timers.next(now)
		if !ok {
			break
		}
		if t.at.After(e.clock) {
			e.clock = t.at
		}
		t.run()
		e.settle()
	}
	if now.After(e.clock) {
		e.clock = now
	}
}

// Apply applies an event at a time: of its arrival when live, its own in a replay. An event older than the clock is applied at the clock and
// keeps its own time as evidence.
func (e *Engine) Apply(ev collector.Event, at time.Time) {
	e.Advance(at)
	if ev.Vantage == nil {
		e.feed(ev)
	} else {
		e.vantage(ev)
	}
	e.settle()
	e.Advance(e.clock) // what is due at once, as with resolve_after: 0s
}

// vantage applies an event of a vantage.
func (e *Engine) vantage(ev collector.Event) {
	w, fresh := e.rib.view(ev.Vantage)
	if fresh && ev.Kind != collector.PeerUp {
		e.awaitSync(w)
	}
	if fresh || ev.Kind == collector.PeerUp {
		e.introduce(w)
	}
	was := w.up
	defer func() {
		if w.up != was {
			e.feedsLater()
		}
		if ev.Kind != collector.Routes {
			e.changed(w)
			e.lookOutsideAt(w)
		}
	}()
	switch ev.Kind {
	case collector.Routes:
		e.routes(w, ev)
	case collector.PeerUp:
		e.peerUp(w, ev.Family)
	case collector.PeerDown:
		e.down(w, ev.Reason)
		e.dropAll(w, ev.Time, "the session of "+w.v.Name()+" ended"+because(ev.Reason), nil)
	case collector.FeedLost:
		e.down(w, ev.Reason)
		e.loseRoutes(w, ev)
	case collector.EndOfRIB:
		e.endOfRIB(w, ev.Family)
	case collector.Synchronised:
		w.tabled = true
		e.synchronised(w)
	case collector.Gap:
		w.up, w.synced, w.tabled = true, false, false
		e.awaitSync(w)
	case collector.TableBegins:
		w.expect(ev.Family)
	case collector.PrefixLimit:
		e.prefixLimit(w, ev)
	}
}

// dropAll removes the routes of a vantage that a condition picks; nil picks all.
func (e *Engine) dropAll(w *view, at time.Time, says string, pick func(*Route) bool) {
	for _, r := range w.sorted() {
		if pick == nil || pick(r) {
			e.drop(w, r, at, says)
		}
	}
}

// because puts a reason behind a statement, where there is one.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// routes applies announcements and withdrawals.
func (e *Engine) routes(w *view, ev collector.Event) {
	w.up = true
	for _, u := range ev.Updates {
		for _, n := range u.Withdrawn {
			if r := w.routes[n]; r != nil {
				e.flapWithdrawn(w, r)
				last, shown := w.lastShown[n.Prefix]
				e.drop(w, r, ev.Time, w.v.Name()+" withdrew it")
				w.withdrew[n.Prefix] = true
				if shown {
					w.lastShown[n.Prefix] = last
				}
			}
		}
		for _, n := range u.Announced {
			e.announce(w, n, u.Attrs, ev)
		}
	}
}

// announce puts a route into the RIB. The same route again is no change; another path in its place withdraws the old one.
func (e *Engine) announce(w *view, n route.NLRI, a *route.Attrs, ev collector.Event) {
	r := w.routes[n]
	delete(w.withdrew, n.Prefix)
	w.identified = w.identified || n.PathID != 0
	if r != nil && r.Attrs.Equal(a) {
		e.revive(w, r)
		return
	}
	table, changed := ev.Table || w.sendsTable(n.Prefix), r != nil && !r.Stale
	if r == nil {
		r = &Route{NLRI: n}
		w.routes[n] = r
	}
	r.Attrs, r.Shown, r.Table, r.Stale, r.expected = a, ev.Time, table, false, false
	e.judge(w, r, ev.Time, cause{says: w.v.Name() + " showed another route in its place"})
	e.flapAnnounced(w, r, changed, table)
}

// revive ends the staleness of a route that was announced again unchanged.
func (e *Engine) revive(w *view, r *Route) {
	r.expected = false
	if !r.Stale {
		return
	}
	r.Stale = false
	e.servedAnew(w, r)
	if r.cell != nil {
		r.cell.routes.recount(w, r)
		e.presence.touch(r.cell)
	}
	for _, k := range r.keys {
		if rec := e.ledger.records[k]; rec != nil {
			e.ledger.touch(rec)
		}
	}
}

// judge asks the detectors about a route, and brings the ledger up to date with what it was evidence for and is now. A route that neither touches
// the watch nor comes from us is not kept.
func (e *Engine) judge(w *view, r *Route, at time.Time, why cause) {
	e.staleLater(r.Prefix)
	c := &e.scratch
	c.prepare(e.rules, e.vrps, w.v, r.Prefix, r.Attrs)
	e.place(w, r, c)
	e.serve(w, r, c)
	if w.v.Scope == collector.External && c.Exact() {
		if _, bad := c.Watched.Unallowed(c.Origin); !bad {
			w.lastShown[r.Prefix] = e.clock
		}
		e.lookLater(r.Prefix)
	}
	findings := c.Judge()
	foreign := c.foreign()
	if foreign && len(findings) > 0 && !w.keepForeign(r) {
		findings = nil
	}
	if f, ok := e.doubted(c); ok {
		findings = append(findings, f)
	}
	e.roasLater(r.Prefix)
	keys := make([]Key, 0, len(findings))
	for _, f := range findings {
		e.ledger.hold(f, w.v, r, e.clock, e.rules.Confirm)
		keys = append(keys, f.Key)
	}
	for _, k := range r.keys {
		if !slices.Contains(keys, k) {
			e.ledger.release(k, w.v, r, e.clock, at, why)
		}
	}
	r.keys = keys
	e.meet(c)
	if foreign && len(keys) == 0 {
		w.letGo(r.NLRI, r)
	}
}

// drop removes a route.
func (e *Engine) drop(w *view, r *Route, at time.Time, says string) {
	w.letGo(r.NLRI, r)
	e.displace(w, r)
	e.servedAnew(w, r)
	delete(w.lastShown, r.Prefix) // what was not withdrawn but lost is unknown
	e.lookLater(r.Prefix)
	e.staleLater(r.Prefix)
	e.roasLater(r.Prefix)
	for _, k := range r.keys {
		e.ledger.release(k, w.v, r, e.clock, at, cause{says: says})
	}
	r.keys = nil
}

// SetRules puts other rules in force; every watched route is judged again, and an incident that the new rules make void resolves at once.
func (e *Engine) SetRules(set *rules.Set, now time.Time) {
	e.Advance(now)
	reloaded := cause{"the configuration changed, and by the new one nothing is wrong", true}
	if !slices.Equal(e.rules.Flap.Profiles, set.Flap.Profiles) {
		e.forgetFlaps(reloaded)
	}
	was := e.rules
	e.newSites(set, reloaded)
	e.takeCatchments(reloaded, was)
	e.rejudge(reloaded)
	e.tellROAs(reloaded)
	e.settlePresence()
	for _, rec := range e.ledger.sorted() {
		e.ledger.touch(rec) // thresholds may have changed too
		if rec.state == open && rec.cause == reloaded && rec.matter.standing() == gone {
			rec.refresh(e.clock)
			e.resolve(rec)
		}
	}
	e.settle()
	e.Advance(e.clock)
}

func (e *Engine) rejudge(why cause) {
	for _, w := range e.rib.order {
		for _, r := range w.sorted() {
			e.judge(w, r, e.clock, why)
		}
	}
}

// settle draws the consequences for all records that were touched.
func (e *Engine) settle() {
	e.settlePresence()
	touched := e.ledger.touched
	e.ledger.touched = nil
	rootsFirst(touched)
	for _, r := range touched {
		r.dirty = false
		if r.state == open {
			e.settleOpen(r)
		} else {
			e.settleClosed(r)
		}
	}
}

// settleClosed opens a record that has enough evidence, and forgets one that has none.
func (e *Engine) settleClosed(r *record) {
	if r.byHand {
		if r.matter.standing() == gone {
			r.byHand, r.resolved = false, e.clock
			r.matter.over()
			e.retireLater(r)
		}
		return
	}
	ok, since, table := r.matter.enough(e.rules.Confirm, e.clock)
	if ok && r.matter.standing() == there {
		r.open(e.clock, since, table)
		r.refresh(e.clock)
		if r.root = e.gust(r); r.root == nil {
			r.root = e.explain(r)
		}
		r.silenced = e.muted(r)
		e.say(Opened, r)
		return
	}
	if r.state == pending && r.matter.standing() == gone {
		e.forgetLater(r, e.rules.Confirm.Within)
	}
}

// forgetLater drops the evidence that got too old, and the record when none is left.
func (e *Engine) forgetLater(r *record, after time.Duration) {
	e.timers.set(e.clock.Add(after+1), func() {
		if r.state == pending && r.matter.standing() == gone && r.matter.prune(e.rules.Confirm, e.clock) {
			e.ledger.remove(r)
		}
	})
}

// settleOpen tells what changed of an open incident, and plans its end when nobody shows it any more.
func (e *Engine) settleOpen(r *record) {
	r.refresh(e.clock)
	r.root, r.silenced = e.stillExplain(r), e.muted(r)
	if r.statement() != r.said {
		e.say(Updated, r)
	}
	if !r.clear.IsZero() && !r.clear.Equal(r.planned) {
		e.resolveLater(r)
	}
}

// resolveLater resolves the incident when it has been clear for long enough, unless it is shown again before.
func (e *Engine) resolveLater(r *record) {
	clear := r.clear
	r.planned = clear
	e.timers.set(clear.Add(e.rules.ResolveAfter), func() {
		if r.state != open || !r.clear.Equal(clear) {
			return
		}
		e.resolve(r)
	})
}

// resolve ends an incident.
func (e *Engine) resolve(r *record) {
	r.state, r.resolved = resolved, e.clock
	e.say(Resolved, r)
	if !r.byHand {
		r.matter.over()
	}
	if e.storms.root == r {
		e.storms.root = nil
	}
	if rank(r.key.Kind) == 0 {
		e.orphan(r)
	}
	e.retireLater(r)
}

// retireLater forgets a resolved incident when it is too late to reopen it.
func (e *Engine) retireLater(r *record) {
	at := r.resolved
	e.timers.set(at.Add(e.rules.ReopenWithin+1), func() {
		switch {
		case r.state != resolved || !r.resolved.Equal(at):
		case r.byHand: // it is still there: forgotten, it would open as if it were new
			r.resolved = e.clock
			e.retireLater(r)
		default:
			e.ledger.remove(r)
		}
	})
}

func (e *Engine) say(event EventName, r *record) {
	c := Change{Event: event, Time: e.clock.UTC()}
	now := r.statement()
	if event == Updated {
		c.Changed = now.since(r.said)
	}
	r.updated, r.said = e.clock, now
	c.Incident = e.incident(r)
	e.emit(c)
}

// Open gives the incidents that are open, in the order of their keys.
func (e *Engine) Open() []Incident {
	var out []Incident
	for _, r := range e.ledger.sorted() {
		if r.state == open {
			out = append(out, e.incident(r))
		}
	}
	return out
}

// Vantages gives how many vantages are known, and how many of them are synchronised.
func (e *Engine) Vantages() (known, synchronised int) {
	for _, w := range e.rib.order {
		known++
		if w.up && w.synced {
			synchronised++
		}
	}
	return known, synchronised
}

// Routes gives how many watched routes the RIB holds.
func (e *Engine) Routes() int { return e.rib.routes() }
