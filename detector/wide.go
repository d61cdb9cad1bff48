package detector

import (
	"cmp"

	"anywatch/collector/route"
)

// wide is one route of an incident that routes of several prefixes are evidence for: the watched prefix and its parts, or whatever is leaked. Which
// of them is shown, and how bad it is, depends on which are there.
type wide struct {
	route   *Route
	finding Finding
}

// note keeps what a route is evidence for, where the incident may have routes of other prefixes as well.
func (h *holder) note(r *Route, f Finding) {
	if !f.Announced.IsValid() {
		return
	}
	for i := range h.wide {
		if h.wide[i].route == r {
			h.wide[i].finding = f
			return
		}
	}
	h.wide = append(h.wide, wide{r, f})
}

// worst is how bad it is in the eyes of one vantage.
func (h *holder) worst() Severity {
	if len(h.wide) == 0 {
		return h.severity
	}
	worst := Info
	for i := range h.wide {
		if !h.wide[i].route.Stale {
			worst = max(worst, h.wide[i].finding.Severity)
		}
	}
	return worst
}

// choose picks what stands for all: the worst, of equals the one that was shown before, else the widest prefix.
func (s *sighting) choose() {
	var best *Finding
	for _, h := range s.holders {
		for i := range h.wide {
			if f := &h.wide[i].finding; !h.wide[i].route.Stale && (best == nil || s.before(f, best)) {
				best = f
			}
		}
	}
	if best != nil {
		s.finding = *best
		s.shown = best.Announced
	}
}

func (s *sighting) before(a, b *Finding) bool {
	if a.Severity != b.Severity {
		return a.Severity > b.Severity
	}
	if as, bs := a.Announced == s.shown, b.Announced == s.shown; as != bs {
		return as
	}
	return cmp.Or(cmp.Compare(a.Announced.Bits(), b.Announced.Bits()), a.Announced.Compare(b.Announced)) < 0
}

// stands tells that a route is there, and is of the prefix that is shown.
func (s *sighting) stands(r *Route) bool {
	return !r.Stale && (!s.finding.Announced.IsValid() || r.Prefix == s.finding.Announced)
}

// foreignKept bounds the routes of a vantage that are kept although they are of no concern but for what they are evidence of: a table that leaks
// through us has a million.
const foreignKept = 1000

// foreign tells that the route neither touches the watch nor comes from us.
func (c *Case) foreign() bool {
	_, ours := c.ours()
	return !ours && c.Watched == nil && len(c.Inside) == 0
}

// keepForeign tells whether there is room for a foreign route, and takes it.
func (w *view) keepForeign(r *Route) bool {
	if !r.foreign && w.foreign >= foreignKept {
		return false
	}
	if !r.foreign {
		r.foreign = true
		w.foreign++
	}
	return true
}

// letGo forgets a route that is not kept any more.
func (w *view) letGo(n route.NLRI, r *Route) {
	delete(w.routes, n)
	if r.foreign {
		r.foreign = false
		w.foreign--
	}
}
