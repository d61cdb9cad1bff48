package propose

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"anywatch/collector/route"
)

// tally is who has shown something; true for those where it still stands.
type tally map[*Vantage]bool

func (t tally) add(v *Vantage, stands bool) { t[v] = t[v] || stands }

func (t tally) standing() (n int) {
	for _, stands := range t {
		if stands {
			n++
		}
	}
	return n
}

// external gives how many of them are outside of our network.
func (t tally) external() (n int) {
	for v := range t {
		if v.External {
			n++
		}
	}
	return n
}

// put counts a vantage for a key.
func put[K comparable](m map[K]tally, key K, v *Vantage, stands bool) {
	if m[key] == nil {
		m[key] = make(tally)
	}
	m[key].add(v, stands)
}

// fact is what was seen of one prefix.
type fact struct {
	prefix netip.Prefix
	all    tally               // who shows it with an origin of ours
	ours   map[route.ASN]tally // the same by origin
	others map[string]tally    // by an origin that is not ours, as text
	next   map[route.ASN]map[route.ASN]tally
	gone   time.Time       // when the last withdrawal of ours came
	exits  map[string]bool // the routers of ours that announce it
	sites  map[*site]bool
	local  bool // every path of ours carries NO_EXPORT

	fate   fate
	why    string // it is in doubt
	parts  []*fact
	within *fact
}

// survey is what was seen, by prefix.
type survey struct {
	Seen
	mine  map[route.ASN]bool
	facts map[netip.Prefix]*fact
	order []*fact // in the order of the prefixes
	sites []*site
	// regions are communities that some sites have in common.
	regions []region
	// full counts the vantages outside that show anything of ours, for a family of which most of them showed whole tables.
	full map[route.Family]int
}

func newSurvey(in Seen) *survey {
	s := &survey{Seen: in, mine: make(map[route.ASN]bool), facts: make(map[netip.Prefix]*fact)}
	for _, a := range in.ASNs {
		s.mine[a] = true
	}
	for _, r := range in.Routes {
		s.add(r)
	}
	s.order = slices.SortedFunc(maps.Values(s.facts), func(a, b *fact) int { return a.prefix.Compare(b.prefix) })
	s.countTables()
	return s
}

// fact gives the fact of a prefix, new if need be.
func (s *survey) fact(p netip.Prefix) *fact {
	f := s.facts[p]
	if f == nil {
		f = &fact{prefix: p, all: make(tally), ours: make(map[route.ASN]tally), others: make(map[string]tally),
			next: make(map[route.ASN]map[route.ASN]tally), exits: make(map[string]bool), sites: make(map[*site]bool), local: true}
		s.facts[p] = f
	}
	return f
}

func (s *survey) add(r Route) {
	f, stands := s.fact(r.Prefix), r.Gone.IsZero()
	origin, ours := s.origin(r)
	if !ours {
		put(f.others, originText(origin), r.Vantage, stands)
		return
	}
	f.all.add(r.Vantage, stands)
	if r.Gone.After(f.gone) {
		f.gone = r.Gone
	}
	f.local = f.local && r.Attrs.Has(route.NoExport)
	for _, as := range members(origin) {
		put(f.ours, as, r.Vantage, stands)
	}
	neighbor, ok := r.Attrs.Path.Neighbor()
	if !r.External || !ok || origin.Set != nil {
		return
	}
	if f.next[origin.AS] == nil {
		f.next[origin.AS] = make(map[route.ASN]tally)
	}
	put(f.next[origin.AS], neighbor, r.Vantage, stands)
}

// origin gives who originates a route, and whether that is us: of an AS_SET, every member must be.
func (s *survey) origin(r Route) (route.Origin, bool) {
	o := r.Attrs.Path.Origin(r.Local)
	return o, !slices.ContainsFunc(members(o), func(a route.ASN) bool { return !s.mine[a] })
}

func members(o route.Origin) []route.ASN {
	if o.Set != nil {
		return o.Set
	}
	return []route.ASN{o.AS}
}

func originText(o route.Origin) string {
	if o.Set == nil {
		return o.AS.String()
	}
	return "{" + strings.Join(asnTexts(o.Set), ",") + "}"
}

func asnTexts(list []route.ASN) []string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = fmt.Sprint(uint32(a))
	}
	return out
}

// countTables counts, for each family, the vantages outside that show anything of ours: many who speak with a public collector give it a few routes
// only, and prove nothing by what they don't show. Where less than half of them showed a whole table, as in a recording of updates, nothing follows
// from how few show a prefix.
func (s *survey) countTables() {
	shows := map[route.Family]tally{route.IPv4: {}, route.IPv6: {}}
	for _, f := range s.order {
		if isAside(f.prefix) {
			continue
		}
		who := []tally{f.all}
		if _, n := f.strongest(); n <= f.all.standing() { // it is ours: who shows it with another origin could show it with ours
			who = append(who, values(f.others)...)
		}
		for _, t := range who {
			for v, stands := range t {
				if v.External && stands {
					shows[route.FamilyOf(f.prefix)].add(v, v.Table)
				}
			}
		}
	}
	s.full = make(map[route.Family]int)
	for family, shown := range shows {
		if 2*shown.standing() >= len(shown) {
			s.full[family] = len(shown)
		}
	}
}

// of gives how many vantages outside would show the prefix if it was announced like the others; false when that is not known.
func (s *survey) of(p netip.Prefix) (int, bool) {
	n := s.full[route.FamilyOf(p)]
	return n, n > 0
}

// few tells that something is seen by so small a part that it may be a mistake, or a forgery: by one of ten or more, or by less than one in fifty.
func few(n, of int) bool { return n == 1 && of >= 10 || n*50 < of }

// counted is a key with how often it was seen.
type counted[K comparable] struct {
	key K
	n   int
}

// ranked puts the keys in order, the one seen most first.
func ranked[K cmp.Ordered](m map[K]int) []counted[K] {
	out := make([]counted[K], 0, len(m))
	for k, n := range m {
		out = append(out, counted[K]{k, n})
	}
	slices.SortFunc(out, func(a, b counted[K]) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.key, b.key)) })
	return out
}

// sizes counts the vantages of each key.
func sizes[K comparable](m map[K]tally) map[K]int {
	out := make(map[K]int, len(m))
	for k, t := range m {
		out[k] = len(t)
	}
	return out
}
