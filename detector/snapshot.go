package detector

import (
	"slices"

	"anywatch/collector"
)

// Shown is a vantage, and the watched routes that it shows.
type Shown struct {
	Vantage *collector.Vantage
	// Up tells that we see the vantage, and Synchronised that its table is complete.
	Up, Synchronised bool
	// Routes are in the order of their prefixes and path identifiers. They are copies; their attributes are shared, and never change.
	Routes []Route
}

// Snapshot gives all vantages by name, with the routes that they show of the watch and of our own ASes. Who owns the engine may hand it to others.
func (e *Engine) Snapshot() []Shown {
	out := make([]Shown, 0, len(e.rib.order))
	for _, w := range e.rib.order {
		s := Shown{Vantage: w.v, Up: w.up, Synchronised: w.synced, Routes: make([]Route, 0, len(w.routes))}
		for _, r := range w.sorted() {
			c := *r
			c.keys = nil
			s.Routes = append(s.Routes, c)
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Shown) int { return a.Vantage.Compare(b.Vantage) })
	return out
}
