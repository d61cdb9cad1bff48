package rpki

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"anywatch/collector/route"
)

// Set is a collection of VRPs and ASPAs, sorted, each once. It never changes; nil is the empty set.
type Set struct {
	records []record
	anchors []string // sorted
	aspas   []ASPA   // sorted by customer
}

// NewSet collects VRPs and ASPAs. The error names the first that is impossible, and nothing is collected then.
func NewSet(vrps []VRP, aspas []ASPA) (*Set, error) {
	b := NewBuilder()
	for _, v := range vrps {
		if err := b.Add(v); err != nil {
			return nil, fmt.Errorf("VRP %s: %w", v, err)
		}
	}
	for _, a := range aspas {
		if err := b.AddASPA(a); err != nil {
			return nil, err
		}
	}
	return b.Set(), nil
}

// Len counts the VRPs.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.records)
}

// All gives the VRPs in order of address, length, maxLength, AS and trust anchor. IPv4 addresses stand where ::ffff:0:0/96 is.
func (s *Set) All() iter.Seq[VRP] {
	return func(yield func(VRP) bool) {
		if s == nil {
			return
		}
		for _, r := range s.records {
			if !yield(r.vrp(s.anchors)) {
				return
			}
		}
	}
}

// Anchors counts the VRPs of each trust anchor; those of which nobody said where they come from count under "".
func (s *Set) Anchors() map[string]int {
	out := map[string]int{}
	if s == nil {
		return out
	}
	counts := make([]int, len(s.anchors))
	for _, r := range s.records {
		counts[r.anchor]++
	}
	for i, n := range counts {
		if n > 0 {
			out[s.anchors[i]] = n
		}
	}
	return out
}

// ASPAs gives the ASPAs in order of customer, one for each. The slice must not be changed.
func (s *Set) ASPAs() []ASPA {
	if s == nil {
		return nil
	}
	return s.aspas
}

// Contains tells whether the VRP is in the set, whatever its expiry.
func (s *Set) Contains(v VRP) bool {
	if s == nil || v.Check() != nil {
		return false
	}
	anchor, known := slices.BinarySearch(s.anchors, v.TA)
	if !known {
		return false
	}
	_, found := slices.BinarySearchFunc(s.records, newRecord(v, uint16(anchor)), record.compare)
	return found
}

// ASPA finds the attestation of a customer.
func (s *Set) ASPA(customer route.ASN) (ASPA, bool) {
	if s == nil {
		return ASPA{}, false
	}
	i, found := slices.BinarySearchFunc(s.aspas, customer, func(a ASPA, c route.ASN) int { return cmp.Compare(a.Customer, c) })
	if !found {
		return ASPA{}, false
	}
	return s.aspas[i], true
}

// Builder collects a Set.
type Builder struct {
	records []record
	anchors map[string]uint16
	aspas   map[route.ASN]ASPA
}

// NewBuilder gives an empty builder.
func NewBuilder() *Builder {
	return &Builder{anchors: map[string]uint16{}, aspas: map[route.ASN]ASPA{}}
}

// reserve makes room for n VRPs.
func (b *Builder) reserve(n int) { b.records = slices.Grow(b.records, n) }

// Add takes a VRP that is possible, and says of another what is wrong with it. Duplicates are merged by Set.
func (b *Builder) Add(v VRP) error {
	if err := v.Check(); err != nil {
		return err
	}
	anchor, known := b.anchors[v.TA]
	if !known {
		if len(b.anchors) > math.MaxUint16 {
			return fmt.Errorf("trust anchor %q is one more than the %d that can be told apart", v.TA, len(b.anchors))
		}
		anchor = uint16(len(b.anchors))
		b.anchors[v.TA] = anchor
	}
	b.records = append(b.records, newRecord(v, anchor))
	return nil
}

// AddASPA takes an ASPA; several of one customer add up.
func (b *Builder) AddASPA(a ASPA) error {
	if err := a.Check(); err != nil {
		return err
	}
	if had, ok := b.aspas[a.Customer]; ok {
		b.aspas[a.Customer] = had.joined(a)
		return nil
	}
	b.aspas[a.Customer] = a.normal()
	return nil
}

// Len counts what was added, VRPs and ASPAs, duplicate VRPs included.
func (b *Builder) Len() int { return len(b.records) + len(b.aspas) }

// Set gives what was collected. The builder must not be used afterwards.
func (b *Builder) Set() *Set {
	s := &Set{records: b.records, anchors: slices.Sorted(maps.Keys(b.anchors))}
	place := make([]uint16, len(s.anchors)) // from the order of arrival to the order of names
	for i, name := range s.anchors {
		place[b.anchors[name]] = uint16(i)
	}
	for i := range s.records {
		s.records[i].anchor = place[s.records[i].anchor]
	}
	slices.SortFunc(s.records, record.compare)
	s.records = slices.Clip(unique(s.records))
	for _, customer := range slices.Sorted(maps.Keys(b.aspas)) {
		s.aspas = append(s.aspas, b.aspas[customer])
	}
	return s
}

// unique drops duplicates from sorted records in place; what is left expires when the last of them does.
func unique(records []record) []record {
	n := 0
	for _, r := range records {
		if n > 0 && records[n-1].compare(r) == 0 {
			records[n-1].expires = laterExpiry(records[n-1].expires, r.expires)
			continue
		}
		records[n] = r
		n++
	}
	return records[:n]
}

// Merge gives the union of sets. ASPAs of one customer add up.
func Merge(sets ...*Set) *Set {
	sets = slices.DeleteFunc(slices.Clone(sets), func(s *Set) bool { return s.Len() == 0 && len(s.ASPAs()) == 0 })
	if len(sets) == 1 {
		return sets[0]
	}
	out := &Set{anchors: unitedAnchors(sets...)}
	aspas := NewBuilder()
	for _, s := range sets {
		out.records = append(out.records, s.numbered(out.anchors)...)
		for _, a := range s.aspas {
			if had, ok := aspas.aspas[a.Customer]; ok {
				a = had.joined(a)
			}
			aspas.aspas[a.Customer] = a
		}
	}
	slices.SortFunc(out.records, record.compare)
	out.records = unique(out.records)
	out.aspas = aspas.Set().aspas
	return out
}

// filter gives the set without what is refused. A set of which nothing is refused is returned itself.
func (s *Set) filter(keep func(VRP) bool, keepASPA func(ASPA) bool) *Set {
	if s == nil {
		return nil
	}
	out := &Set{anchors: s.anchors}
	for _, r := range s.records {
		if keep(r.vrp(s.anchors)) {
			out.records = append(out.records, r)
		}
	}
	for _, a := range s.aspas {
		if keepASPA(a) {
			out.aspas = append(out.aspas, a)
		}
	}
	if len(out.records) == len(s.records) && len(out.aspas) == len(s.aspas) {
		return s
	}
	return out
}

// Current gives the set without what has expired at a time; at the zero time nothing has.
func (s *Set) Current(now time.Time) *Set {
	if s == nil || now.IsZero() {
		return s
	}
	if next := s.nextExpiry(); next.IsZero() || next.After(now) {
		return s
	}
	return s.filter(
		func(v VRP) bool { return !expired(v.Expires, now) },
		func(a ASPA) bool { return !expired(a.Expires, now) })
}

// Expires tells whether any entry ever does.
func (s *Set) Expires() bool { return !s.nextExpiry().IsZero() }

// nextExpiry is when the first entry expires, zero when none ever does.
func (s *Set) nextExpiry() time.Time {
	if s == nil {
		return time.Time{}
	}
	first := int64(0)
	for _, r := range s.records {
		if r.expires != 0 && (first == 0 || r.expires < first) {
			first = r.expires
		}
	}
	next := record{expires: first}.expiry()
	for _, a := range s.aspas {
		if !a.Expires.IsZero() && (next.IsZero() || a.Expires.Before(next)) {
			next = a.Expires
		}
	}
	return next
}
