package compliance

import (
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"anywatch/collector/route"
	"anywatch/rpki"
)

// Report is what was found.
type Report struct {
	Rows    []Row // what needs attention first
	ASPAs   []ASPA
	Changes []Change // what to do, in the order in which it does no harm
	Score   Score
	// Checked tells that there are VRPs at all.
	Checked bool
}

// audit is an input while it is judged.
type audit struct {
	*Input
	trie  bart.Table[*Watched]
	near  []rpki.VRP // that say something about a watched prefix
	wants map[route.ASN]*wants
	loose map[vrpKey]bool // those of our origins that authorise more than is wanted
}

// vrpKey is what makes one VRP another, whoever asserts it.
type vrpKey struct {
	prefix netip.Prefix
	max    uint8
	asn    route.ASN
}

func keyOf(v rpki.VRP) vrpKey { return vrpKey{v.Prefix, v.MaxLength, v.ASN} }

// Judge compares configuration, RPKI and announcements.
func Judge(in Input) Report {
	a := &audit{Input: &in, wants: make(map[route.ASN]*wants), loose: make(map[vrpKey]bool)}
	for i := range in.Watched {
		a.trie.Insert(in.Watched[i].Prefix, &in.Watched[i])
	}
	a.near = Relevant(in.Table, in.Nets())
	for _, asn := range a.Holders() {
		a.wants[asn] = a.wantsOf(asn)
	}
	for _, v := range a.near {
		if w := a.wants[v.ASN]; w != nil && a.matters(v) && !w.all(v.Prefix, int(v.MaxLength)) {
			a.loose[keyOf(v)] = true
		}
	}
	r := Report{Checked: in.checked(), ASPAs: a.aspas()}
	s := a.collect()
	for _, row := range s.list {
		a.judgeRow(s, row)
	}
	if r.Checked {
		a.unconfigured(s)
		r.Changes = a.changes()
	}
	r.Changes = append(r.Changes, aspaChanges(r.ASPAs)...)
	a.spread(s, r.ASPAs)
	r.Rows = sorted(s.list)
	r.Score = a.score(r)
	return r
}

// judge gives the watch that a prefix falls under: the most specific that equals or covers it. Nil when there is none.
func (in *audit) judge(p netip.Prefix) *Watched {
	_, w, ok := in.trie.LookupPrefixLPM(p)
	if !ok {
		return nil
	}
	return w
}

// origins gives the ASes that the configuration or a plan lets originate something, sorted.
func (in *Input) origins() (out []route.ASN) {
	for _, w := range in.Watched {
		if w.Use != Never {
			out = append(out, w.Origins...)
		}
	}
	for _, p := range in.Planned {
		if p.Origin != route.ASZero {
			out = append(out, p.Origin)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Holders gives the ASes whose ROAs are judged: the origins, and those that are ours and originate nothing.
func (in *Input) Holders() []route.ASN {
	out := append(in.origins(), in.Ours...)
	slices.Sort(out)
	return slices.Compact(out)
}

// matters tells whether a VRP authorises a watched or planned prefix or a part of it.
func (in *audit) matters(v rpki.VRP) bool {
	if in.judge(v.Prefix) != nil {
		return true
	}
	for p := range in.trie.Subnets(v.Prefix) {
		if authorises(v, p) {
			return true
		}
	}
	return slices.ContainsFunc(in.Planned, func(p Announcement) bool { return authorises(v, p.Prefix) })
}

// ours tells whether an AS is one of ours, or one that originates something for us.
func (in *audit) ours(asn route.ASN) bool {
	return slices.Contains(in.Ours, asn) || in.wants[asn] != nil
}
