package rpki

import (
	"iter"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"anywatch/collector/route"

	"github.com/gaissmai/bart"
)

// Source is what one file or one RPKI-to-Router cache gave.
type Source struct {
	Name string // the file, or the address of the cache
	Set  *Set
	// Generated is when the data was true: a file's own time of generation, else its modification time; the last End of Data of
	// a cache.
	Generated time.Time
	Skipped   Skipped // entries of a file that could not be read
}

// SourceInfo is what a table remembers of a source.
type SourceInfo struct {
	Name      string
	Generated time.Time
	VRPs      int // how many it gave, before expiry and exceptions
	ASPAs     int
	Skipped   Skipped
}

// Table answers whether routes are authorised. It never changes; nil is the table that holds nothing.
type Table struct {
	set     *Set
	whole   *Set                // before exceptions
	trie    *bart.Table[uint32] // of each prefix the place of its first record
	claims  []claim             // of each record
	sources []SourceInfo
	anchors map[string]int
	expired int
	expires time.Time
}

// claim is what judging needs of a record, in a third of its size: the whole of them stays in the cache of a processor.
type claim struct {
	asn    route.ASN
	around uint32 // the place of the first record of the next shorter prefix around this one's, or none
	max    uint8
	last   bool // of its prefix
}

const none = math.MaxUint32

// Build merges sources into a table. Entries that have expired at now are left out; with a zero now, all are taken as they stand,
// as for a replay. The operator's exceptions, which may be nil, are applied to the sum.
func Build(now time.Time, exceptions *SLURM, sources ...Source) *Table {
	t := &Table{anchors: map[string]int{}, trie: new(bart.Table[uint32])}
	var sets []*Set
	for _, s := range sources {
		current := s.Set.Current(now)
		t.expired += s.Set.Len() - current.Len()
		t.sources = append(t.sources, SourceInfo{s.Name, s.Generated, s.Set.Len(), len(s.Set.ASPAs()), s.Skipped})
		sets = append(sets, current)
	}
	t.whole = Merge(sets...)
	t.set = exceptions.Apply(t.whole)
	t.expires = t.set.nextExpiry()
	t.index()
	return t
}

// NewTable builds a table of one source. The error names the first entry that is impossible.
func NewTable(vrps []VRP, aspas []ASPA, generated time.Time) (*Table, error) {
	set, err := NewSet(vrps, aspas)
	if err != nil {
		return nil, err
	}
	return Build(time.Time{}, nil, Source{Set: set, Generated: generated}), nil
}

// index enters each prefix with the place of its records into the trie, links it to the prefix around it, and counts by trust
// anchor. The records being sorted, the prefixes around one are those of the last few that are still open.
func (t *Table) index() {
	records := t.set.rows()
	t.claims = make([]claim, len(records))
	counts := make([]int, len(t.set.anchors))
	var open4, open6 []uint32
	for i, r := range records {
		counts[r.anchor]++
		t.claims[i] = claim{asn: r.asn, max: r.max, last: i+1 == len(records) || !r.samePrefix(records[i+1])}
		if i > 0 && !t.claims[i-1].last {
			t.claims[i].around = t.claims[i-1].around
			continue
		}
		open := &open6
		if r.is4() {
			open = &open4
		}
		for n := len(*open); n > 0 && !records[(*open)[n-1]].covers(r); n-- {
			*open = (*open)[:n-1]
		}
		t.claims[i].around = none
		if n := len(*open); n > 0 {
			t.claims[i].around = (*open)[n-1]
		}
		*open = append(*open, uint32(i))
		t.trie.Insert(r.prefix(), uint32(i))
	}
	for i, n := range counts {
		if n > 0 {
			t.anchors[t.set.anchors[i]] = n
		}
	}
}

// at gives the records of the prefix whose first record stands at a place.
func (t *Table) at(first uint32) []record {
	end := first
	for !t.claims[end].last {
		end++
	}
	return t.set.records[first : end+1]
}

// Len counts the VRPs.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return t.set.Len()
}

// Set gives what the table holds.
func (t *Table) Set() *Set {
	if t == nil {
		return nil
	}
	return t.set
}

// Unfiltered gives what the sources hold, before the operator's exceptions: what other exceptions would have to be applied to.
func (t *Table) Unfiltered() *Set {
	if t == nil {
		return nil
	}
	return t.whole
}

// All gives the VRPs, sorted.
func (t *Table) All() iter.Seq[VRP] { return t.Set().All() }

// ASPAs counts the customers with an ASPA.
func (t *Table) ASPAs() int { return len(t.Set().ASPAs()) }

// Anchors counts the VRPs of each trust anchor. Local additions count under AnchorSLURM, those of which nobody said where they
// come from (RTR does not) under "".
func (t *Table) Anchors() map[string]int {
	if t == nil {
		return nil
	}
	return maps.Clone(t.anchors)
}

// Generated is when the newest of the sources was true; zero for a table without any. The age of one source among several is in
// Sources.
func (t *Table) Generated() time.Time {
	var newest time.Time
	if t != nil {
		for _, s := range t.sources {
			if s.Generated.After(newest) {
				newest = s.Generated
			}
		}
	}
	return newest
}

// Sources gives what the table was built of. The slice must not be changed.
func (t *Table) Sources() []SourceInfo {
	if t == nil {
		return nil
	}
	return t.sources
}

// Dated gives the same table with other times at which its sources were true, in the order of Sources: they were confirmed, and
// nothing changed. It costs next to nothing.
func (t *Table) Dated(generated ...time.Time) *Table {
	if t == nil {
		return nil
	}
	out := *t
	out.sources = slices.Clone(t.sources)
	for i := range min(len(generated), len(out.sources)) {
		out.sources[i].Generated = generated[i]
	}
	return &out
}

// Expired counts the VRPs that were left out because their time was over.
func (t *Table) Expired() int {
	if t == nil {
		return 0
	}
	return t.expired
}

// NextExpiry is when the first of the entries expires, which is when to build the table anew; zero when none ever does.
func (t *Table) NextExpiry() time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.expires
}

// Covering gives the VRPs whose prefix equals or covers a prefix, whoever their AS is: sorted, from the shortest prefix on.
func (t *Table) Covering(prefix netip.Prefix) []VRP {
	if t.Len() == 0 {
		return nil
	}
	return t.pick(prefix, func(record) bool { return true })
}

// Authorized asks the ASPA of a customer about a provider.
func (t *Table) Authorized(customer, provider route.ASN) HopState {
	return t.Set().authorized(customer, provider)
}
