package detector

import (
	"net/netip"
	"slices"
	"time"
)

// rootsFirst moves what may explain other incidents to the front, so that it is open before they are.
func rootsFirst(touched []*record) {
	slices.SortStableFunc(touched, func(a, b *record) int { return rank(a.key.Kind) - rank(b.key.Kind) })
}

func rank(k Kind) int {
	switch k {
	case Storm, SiteMissing:
		return 0
	}
	return 1
}

// explain finds the open incident from which another follows: it is told with that one, because whoever mends the one mends the other. A lost site
// explains that too few are left, that twins differ, that its service is well and serves nobody, and that its clients went elsewhere.
func (e *Engine) explain(r *record) *record {
	if r.root != nil && r.root.state == open && r.root.key.Kind == Storm {
		return r.root
	}
	switch r.key.Kind {
	case TooFewSites, CatchmentShift:
		return e.lostSite(func(c *Condition) bool { return c.about(r.key.Prefix) })
	case TwinMismatch:
		watched := e.rules.Find(r.key.Prefix)
		return e.lostSite(func(c *Condition) bool {
			return c.about(r.key.Prefix) || watched != nil && watched.Twin.IsValid() && c.about(watched.Twin)
		})
	case HealthyWithdrawn:
		return e.lostSite(func(c *Condition) bool { return c.Site == r.key.Site })
	}
	return nil
}

// lostSite gives the first open incident about a missing site that fits.
func (e *Engine) lostSite(fits func(*Condition) bool) (root *record) {
	for k, r := range e.ledger.records {
		if k.Kind != SiteMissing || r.state != open {
			continue
		}
		if c, ok := r.matter.(*Condition); ok && fits(c) && (root == nil || k.compare(root.key) < 0) {
			root = r
		}
	}
	return root
}

// about tells whether the condition is about a prefix.
func (c *Condition) about(p netip.Prefix) bool {
	return c.Prefix == p || slices.Contains(c.Prefixes, p)
}

// orphanAfter is how long what followed from an incident is left alone when that is over: most of it ends in the same moments.
const orphanAfter = 10 * time.Second

// stillExplain gives the incident from which an open one follows now, or followed until a moment ago.
func (e *Engine) stillExplain(r *record) *record {
	root := e.explain(r)
	if root != nil || r.root == nil {
		return root
	}
	// That clients come back is part of the same, however long it takes.
	if r.key.Kind == CatchmentShift || !r.clear.IsZero() || e.clock.Before(r.root.resolved.Add(orphanAfter)) {
		return r.root
	}
	return root
}

// orphan looks anew, in a while, at what followed from an incident that is over.
func (e *Engine) orphan(root *record) {
	e.timers.set(e.clock.Add(orphanAfter), func() {
		for _, r := range e.ledger.sorted() {
			if r.root == root && r.state == open {
				e.ledger.touch(r)
			}
		}
	})
}
