package detector

import (
	"anywatch/collector"
	"anywatch/collector/route"
)

// peerUp begins a session. What the vantage showed before, if nobody said that it was lost, must be shown again to count.
func (e *Engine) peerUp(w *view, families route.Family) {
	e.markStale(w)
	w.up, w.synced, w.dumping, w.tabled = true, false, true, true
	w.families, w.complete = families, 0
	e.awaitSync(w)
}

// awaitSync begins a new session of the vantage, and takes its table as complete when the time is over.
func (e *Engine) awaitSync(w *view) {
	w.generation++
	generation := w.generation
	e.timers.set(e.clock.Add(e.rules.InitialSync), func() {
		if w.generation == generation && w.up {
			e.synchronised(w)
		}
	})
}

// endOfRIB completes one family; when all families of the session are complete, so is the table.
func (e *Engine) endOfRIB(w *view, f route.Family) {
	w.complete |= f
	e.sweep(w, f)
	if w.families != 0 && w.complete&w.families == w.families {
		e.synchronised(w)
	}
}

// synchronised completes the table: what the new session did not bring again is gone. After a mere gap no table came, and nothing follows from
// what is not in it.
func (e *Engine) synchronised(w *view) {
	w.synced, w.dumping = true, false
	if w.tabled {
		e.sweep(w, route.IPv4|route.IPv6)
	}
	e.changed(w)
	e.lookOutsideAt(w)
}

// sweep removes the routes of the families that a table should have brought again and did not.
func (e *Engine) sweep(w *view, f route.Family) {
	e.dropAll(w, e.clock, w.v.Name()+" did not announce it again in its new session", func(r *Route) bool {
		return r.Stale && route.FamilyOf(r.Prefix)&f != 0
	})
	e.dropAll(w, e.clock, w.v.Name()+" did not announce it again when it showed its table again", func(r *Route) bool {
		return r.expected && route.FamilyOf(r.Prefix)&f != 0
	})
}

func (e *Engine) down(w *view, reason string) {
	e.forgetStale(w)
	e.ledger.lift(limitKey(w.v), cause{says: "its session ended" + because(reason) + "; in the next one it is counted anew"})
	w.up, w.synced, w.dumping = false, false, false
	w.generation++
}

// loseRoutes keeps the routes of a lost vantage as stale for a while.
func (e *Engine) loseRoutes(w *view, ev collector.Event) {
	e.markStale(w)
	keep := e.rules.StaleAfterLoss
	if ev.Keep > 0 {
		keep = ev.Keep
	}
	w.losses++
	loss := w.losses
	e.timers.set(e.clock.Add(keep), func() {
		if w.losses != loss || w.dumping { // lost again since, or just sending its table
			return
		}
		says := w.v.Name() + " was lost and did not show it again within " + HumanDuration(keep) + because(ev.Reason)
		e.dropAll(w, e.clock, says, func(r *Route) bool { return r.Stale })
	})
}

func (e *Engine) markStale(w *view) {
	for _, r := range w.sorted() {
		r.Stale = true
		e.servedAnew(w, r)
		if r.cell != nil {
			r.cell.routes.recount(w, r)
			e.presence.touch(r.cell)
		}
		for _, k := range r.keys {
			e.ledger.stale(k, w.v, e.clock)
		}
	}
}
