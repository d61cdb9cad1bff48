package compliance

import (
	"net/netip"

	"anywatch/collector/route"
	"anywatch/rpki"
)

// Transition is what becomes of a row with other VRPs.
type Transition struct {
	Prefix                netip.Prefix
	Origin                *route.ASN
	Site                  string
	Announced, Planned    bool
	Before, After         rpki.State
	VRPsBefore, VRPsAfter []rpki.VRP
}

// Changed tells whether origin validation says something else.
func (t *Transition) Changed() bool { return t.Before != t.After }

// Compare gives of every row that is announced, configured or planned what it is before and after, in the order of the report after. Rows
// that stand only for a VRP are left out: they come and go with it.
func Compare(before, after Report) (out []Transition) {
	was := make(map[rowKey]*Row)
	for i := range before.Rows {
		was[before.Rows[i].key()] = &before.Rows[i]
	}
	for i := range after.Rows {
		r := &after.Rows[i]
		old := was[r.key()]
		if old == nil || !r.Announced && !r.Configured && !r.planned {
			continue
		}
		out = append(out, Transition{
			Prefix: r.Prefix, Origin: r.Origin, Site: r.Site, Announced: r.Announced, Planned: r.planned,
			Before: old.State, After: r.State, VRPsBefore: old.VRPs, VRPsAfter: r.VRPs,
		})
	}
	return out
}
