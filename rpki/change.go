package rpki

import (
	"iter"
	"slices"

	"anywatch/collector/route"
)

// Change is a difference to a Set: what an RPKI-to-Router cache sends between two serial numbers.
type Change struct {
	Add, Remove []VRP
	// Attest replaces the ASPAs of its customers; Retract takes those of its customers away.
	Attest  []ASPA
	Retract []route.ASN
}

// Apply gives the set with a change made, in one pass. What is removed and not there, or added and there already, changes
// nothing. The error names the first entry of the change that is impossible.
func (s *Set) Apply(c Change) (*Set, error) {
	if s == nil {
		s = &Set{}
	}
	added, err := NewSet(c.Add, c.Attest)
	if err != nil {
		return nil, err
	}
	removed, err := NewSet(c.Remove, nil)
	if err != nil {
		return nil, err
	}
	out := &Set{anchors: unitedAnchors(s, added, removed)}
	add, remove := added.numbered(out.anchors), removed.numbered(out.anchors)
	out.records = make([]record, 0, len(s.records)+len(add))
	for _, r := range s.numbered(out.anchors) {
		for len(remove) > 0 && remove[0].compare(r) < 0 {
			remove = remove[1:]
		}
		for len(add) > 0 && add[0].compare(r) < 0 {
			out.records, add = append(out.records, add[0]), add[1:]
		}
		if len(remove) > 0 && remove[0].compare(r) == 0 {
			continue
		}
		out.records = append(out.records, r)
	}
	out.records = unique(append(out.records, add...))
	out.aspas = s.attested(added.aspas, c.Retract)
	return out, nil
}

// attested gives the ASPAs with some replaced and some gone.
func (s *Set) attested(replaced []ASPA, gone []route.ASN) []ASPA {
	if len(replaced) == 0 && len(gone) == 0 {
		return s.aspas
	}
	b := NewBuilder()
	for _, list := range [][]ASPA{s.aspas, replaced} {
		for _, a := range list {
			b.aspas[a.Customer] = a
		}
	}
	for _, customer := range gone {
		delete(b.aspas, customer)
	}
	return b.Set().aspas
}

// Equal tells whether two sets authorise the same: times of expiry do not count.
func (s *Set) Equal(o *Set) bool {
	if s == o {
		return true
	}
	if s.Len() != o.Len() || !slices.EqualFunc(s.ASPAs(), o.ASPAs(), ASPA.same) {
		return false
	}
	for range changes(s, o) {
		return false
	}
	return true
}

// Diff gives the VRPs that are in the new set alone and in the old set alone, in order. Times of expiry do not count.
func Diff(old, new *Set) (added, removed []VRP) {
	for v, here := range changes(old, new) {
		if here {
			added = append(added, v)
		} else {
			removed = append(removed, v)
		}
	}
	return added, removed
}

// changes walks two sets side by side and gives the VRPs that only one has; true for those of the new one.
func changes(old, new *Set) iter.Seq2[VRP, bool] {
	return func(yield func(VRP, bool) bool) {
		names := unitedAnchors(old, new)
		a, b := old.numbered(names), new.numbered(names)
		for len(a) > 0 || len(b) > 0 {
			c := 1
			switch {
			case len(b) == 0:
				c = -1
			case len(a) > 0:
				c = a[0].compare(b[0])
			}
			switch {
			case c == 0:
				a, b = a[1:], b[1:]
			case c < 0:
				if !yield(a[0].vrp(names), false) {
					return
				}
				a = a[1:]
			default:
				if !yield(b[0].vrp(names), true) {
					return
				}
				b = b[1:]
			}
		}
	}
}

// Lost gives the VRPs of some trust anchors that the set has and a later one has not. ASPAs, which name no trust anchor, are not
// among them.
func (s *Set) Lost(later *Set, anchors []string) *Set {
	names := unitedAnchors(s, later)
	wanted := make([]bool, len(names))
	for i, name := range names {
		wanted[i] = slices.Contains(anchors, name)
	}
	out := &Set{anchors: names}
	rest := later.numbered(names)
	for _, r := range s.numbered(names) {
		for len(rest) > 0 && rest[0].compare(r) < 0 {
			rest = rest[1:]
		}
		if wanted[r.anchor] && (len(rest) == 0 || rest[0].compare(r) != 0) {
			out.records = append(out.records, r)
		}
	}
	return out
}

// unitedAnchors gives the names of the trust anchors of all the sets, sorted.
func unitedAnchors(sets ...*Set) []string {
	var names []string
	for _, s := range sets {
		if s != nil {
			names = append(names, s.anchors...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// numbered gives the records with their trust anchors as indexes into a wider list of names. Both lists being sorted, the order
// of the records stays.
func (s *Set) numbered(names []string) []record {
	if s == nil || slices.Equal(s.anchors, names) {
		return s.rows()
	}
	place := make([]uint16, len(s.anchors))
	for i, name := range s.anchors {
		at, _ := slices.BinarySearch(names, name)
		place[i] = uint16(at)
	}
	out := slices.Clone(s.records)
	for i := range out {
		out[i].anchor = place[out[i].anchor]
	}
	return out
}

func (s *Set) rows() []record {
	if s == nil {
		return nil
	}
	return s.records
}
