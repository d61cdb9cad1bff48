package detector

import (
	"cmp"
	"net/netip"
	"slices"

	"anywatch/collector"
	"anywatch/rpki"
	"anywatch/rules"
)

// Shown is a vantage, and the watched routes that it shows.
type Shown struct {
	Vantage *collector.Vantage
	// Up tells that we see the vantage, and Synchronised that its table is complete.
	Up, Synchronised bool
	// Routes are in the order of their prefixes and path identifiers. They are copies; their attributes are shared, and never change.
	Routes []Route
}

// VantageList gives all vantages by name, without their routes.
func (e *Engine) VantageList() []Shown { return e.snapshot(nil) }

// Snapshot gives all vantages by name, with the routes that they show of the watch and of our own ASes. Who owns the engine may hand it to others.
func (e *Engine) Snapshot() []Shown { return e.snapshot(func(netip.Prefix) bool { return true }) }

// SnapshotAround is Snapshot with those routes alone whose prefix equals p, covers it, or is a part of it.
func (e *Engine) SnapshotAround(p netip.Prefix) []Shown { return e.snapshot(p.Overlaps) }

func (e *Engine) snapshot(pick func(netip.Prefix) bool) []Shown {
	out := make([]Shown, 0, len(e.rib.order))
	for _, w := range e.rib.order {
		s := Shown{Vantage: w.v, Up: w.up, Synchronised: w.synced}
		if pick != nil {
			s.Routes = w.copies(pick)
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Shown) int { return a.Vantage.Compare(b.Vantage) })
	return out
}

func (w *view) copies(pick func(netip.Prefix) bool) []Route {
	out := []Route{}
	for n, r := range w.routes {
		if pick(n.Prefix) {
			c := *r
			c.keys, c.cell = nil, nil
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Route) int { return cmp.Or(a.Prefix.Compare(b.Prefix), cmp.Compare(a.PathID, b.PathID)) })
	return out
}

// Basis gives what the engine judges by: neither changes, a later one replaces it.
func (e *Engine) Basis() (*rules.Set, *rpki.Table) { return e.rules, e.vrps }

// OpenKey is an open incident in short.
type OpenKey struct {
	ID       string
	Severity Severity
}

// OpenKeys gives the incidents that are open, by what makes them the same one.
func (e *Engine) OpenKeys() map[Key]OpenKey {
	out := make(map[Key]OpenKey)
	for k, r := range e.ledger.records {
		if r.state == open {
			out[k] = OpenKey{r.id, r.said.severity}
		}
	}
	return out
}
