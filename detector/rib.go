package detector

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// Route is a watched route as one vantage shows it.
type Route struct {
	route.NLRI
	Attrs *route.Attrs
	// Shown is when the vantage announced it as it is now, by the sender's time.
	Shown time.Time
	// Table says that it stood in the table that the vantage sent at first.
	Table bool
	// Stale says that the session that brought it was lost: whether it still stands is unknown.
	Stale bool

	// expected says that the vantage shows its table again and this route has not come yet.
	expected bool

	foreign bool // it is kept only for what it is evidence of

	cell   *cell  // the place of the watch that it belongs to
	served served // who serves an external vantage by it
	keys   []Key  // the incidents that it is evidence for
}

// view is what the engine knows of a vantage: the state of its session, and its watched routes (its part of the RIB).
type view struct {
	v          *collector.Vantage
	up         bool
	synced     bool
	dumping    bool         // between PeerUp and the end of the initial table
	tabled     bool         // its table came, or comes, with this session: what is not in it is not there
	families   route.Family // what the session carries; zero when unknown
	complete   route.Family // families whose End-of-RIB came
	generation int          // counts sessions, so that a timer knows whether its session is still the same
	losses     int          // counts losses, likewise
	routes     map[route.NLRI]*Route
	identified bool                       // some of its routes came with path identifiers
	speaks     map[int]bool               // the sites that it is
	sites      map[int]bool               // the sites of which it showed a path
	lastShown  map[netip.Prefix]time.Time // when it last showed a watched prefix, exactly
	foreign    int                        // routes kept only for what they are evidence of
	withdrew   map[netip.Prefix]bool      // what it showed and withdrew, until it shows it again: its absence is known
}

// expect waits for the routes of the families to be announced again; those that are not, a sweep removes.
func (w *view) expect(f route.Family) {
	for n, r := range w.routes {
		if route.FamilyOf(n.Prefix)&f != 0 {
			r.expected = true
		}
	}
}

// sorted gives the routes in a fixed order: nothing that comes out may depend on the order of a map.
func (w *view) sorted() []*Route {
	return slices.SortedFunc(maps.Values(w.routes), func(a, b *Route) int {
		return cmp.Or(a.Prefix.Compare(b.Prefix), cmp.Compare(a.PathID, b.PathID))
	})
}

// could tells whether the vantage would show a route of this family if there was one: it is up, and its table is complete.
func (w *view) could(f route.Family) bool {
	return w.up && (w.synced || w.complete&f != 0) && (w.families == 0 || w.families&f != 0)
}

// sendsTable tells whether a route of this family comes with the initial table of the session: it stood before.
func (w *view) sendsTable(p netip.Prefix) bool {
	return w.dumping && w.complete&route.FamilyOf(p) == 0
}

// rib holds all views, by number and in the order in which they were first heard.
type rib struct {
	byID  map[collector.VantageID]*view
	order []*view
}

func newRIB() *rib { return &rib{byID: make(map[collector.VantageID]*view)} }

// view gives the state of a vantage; fresh tells that it was never heard before.
func (r *rib) view(v *collector.Vantage) (w *view, fresh bool) {
	if w = r.byID[v.ID]; w != nil {
		w.v = v
		return w, false
	}
	w = &view{v: v, up: true, routes: make(map[route.NLRI]*Route), withdrew: make(map[netip.Prefix]bool), lastShown: make(map[netip.Prefix]time.Time)}
	r.byID[v.ID] = w
	r.order = append(r.order, w)
	return w, true
}

// routes counts all watched routes.
func (r *rib) routes() (n int) {
	for _, w := range r.order {
		n += len(w.routes)
	}
	return n
}
