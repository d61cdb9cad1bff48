package propose

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"anywatch/collector/route"
)

// markKind is what a site's matcher compares, the best first.
type markKind uint8

const (
	community markKind = iota
	large
	originatorID
	nextHop
	router
	peer
	lastKind = peer
)

// key is the matcher's key in the configuration.
func (k markKind) key() string {
	return [...]string{"community", "large_community", "originator_id", "next_hop", "router", "peer"}[k]
}

// tagged tells that somebody chose the mark to say something.
func (k markKind) tagged() bool { return k == community || k == large }

// mark is something on a path by which a site can be known. Its numbers order it, and tell which communities belong to one series.
type mark struct {
	kind markKind
	text string
	high uint64 // of a community the AS, or the AS and the first part
	low  uint32
}

func (m mark) compare(o mark) int {
	return cmp.Or(cmp.Compare(m.kind, o.kind), cmp.Compare(m.high, o.high), cmp.Compare(m.low, o.low), cmp.Compare(m.text, o.text))
}

// trail is one path of a prefix of ours as it looks inside our network.
type trail struct {
	fact  *fact
	exit  string // the router that brings it into our BGP, by the best name that the path has for it
	marks map[mark]bool
}

// site is a cluster of trails.
type site struct {
	name   string
	exits  []string
	match  []mark
	trails []*trail
}

// region is a community that some sites have in common, and others don't.
type region struct {
	mark  mark
	sites []*site
}

// findSites clusters the paths inside our network: those of prefixes that several routers announce. What one router announces alone, its own
// address say, seldom carries what tells sites apart; only where there is nothing else, it must do.
func (s *survey) findSites() {
	trails := s.trails()
	for _, t := range trails {
		t.fact.exits[t.exit] = true
	}
	anycast := slices.DeleteFunc(slices.Clone(trails), func(t *trail) bool { return len(t.fact.exits) < 2 })
	if len(anycast) == 0 {
		anycast = trails
	}
	if len(anycast) == 0 {
		return
	}
	telling := telling(anycast)
	s.sites = clusters(anycast, telling)
	s.chooseMatchers()
	s.nameSites()
	s.findRegions(telling)
	for _, t := range trails {
		if x := s.siteOf(t); x != nil {
			t.fact.sites[x] = true
		}
	}
}

// siteOf gives the site that a path belongs to by the matchers; nil when it belongs to none.
func (s *survey) siteOf(t *trail) *site {
	for _, x := range s.sites {
		if slices.ContainsFunc(x.match, func(m mark) bool { return t.marks[m] }) {
			return x
		}
	}
	return nil
}

// usable tells whether a route shows how our own network reaches a prefix of ours. What a router sends to others has next hops of its own. A path
// that begins with our own AS and has no LOCAL_PREF was sent over eBGP, to a route collector say (RFC 4271 section 5.1.5).
func (s *survey) usable(r Route) bool {
	if _, ours := s.origin(r); !ours || r.External || r.Sent || !r.Gone.IsZero() || isAside(r.Prefix) {
		return false
	}
	a := r.Attrs
	return r.LocRIB || a.HasLocalPref || a.OriginatorID.IsValid() || len(a.Path) == 0 || a.Path[0].Kind != route.Sequence || a.Path[0].ASNs[0] != r.Local
}

// trails gives what the usable routes show, in a fixed order.
func (s *survey) trails() []*trail {
	routes := slices.DeleteFunc(slices.Clone(s.Routes), func(r Route) bool { return !s.usable(r) })
	exits := newExits(routes)
	var out []*trail
	for _, r := range routes {
		out = append(out, &trail{fact: s.facts[r.Prefix], exit: exits.of(r), marks: marksOf(r)})
	}
	slices.SortStableFunc(out, func(a, b *trail) int {
		return cmp.Or(compareExits(a.exit, b.exit), a.fact.prefix.Compare(b.fact.prefix))
	})
	return out
}

// exits find the router that brings a path into our BGP.
type exits struct {
	// several are vantages that show more than one path of a prefix without naming their originators.
	several map[*Vantage]bool
	// behind is the router of a next hop, where sessions tell it; empty where they contradict each other.
	behind map[netip.Addr]string
}

func newExits(routes []Route) *exits {
	e := &exits{several: make(map[*Vantage]bool), behind: make(map[netip.Addr]string)}
	type one struct {
		v *Vantage
		p netip.Prefix
	}
	before := make(map[one]bool)
	for _, r := range routes {
		if k := (one{r.Vantage, r.Prefix}); !r.Attrs.OriginatorID.IsValid() {
			e.several[r.Vantage] = e.several[r.Vantage] || before[k]
			before[k] = true
		}
	}
	for _, r := range routes {
		exit, told := e.told(r)
		if !told {
			continue
		}
		if other, known := e.behind[r.Attrs.NextHop]; known && other != exit {
			exit = ""
		}
		e.behind[r.Attrs.NextHop] = exit
	}
	return e
}

// told gives the router that a session names: a reflected path carries its originator (RFC 4456 section 8), and one that was not reflected comes from
// the peer itself, since iBGP is not passed on otherwise (RFC 4271 section 9.2).
func (e *exits) told(r Route) (string, bool) {
	switch {
	case r.Attrs.OriginatorID.IsValid():
		return r.Attrs.OriginatorID.String(), true
	case r.LocRIB || e.several[r.Vantage]:
		return "", false
	case real(r.RouterID):
		return r.RouterID.String(), true
	}
	return r.Peer.String(), real(r.Peer)
}

func (e *exits) of(r Route) string {
	if exit, told := e.told(r); told {
		return exit
	}
	switch hop := r.Attrs.NextHop; {
	case real(hop) && e.behind[hop] != "":
		return e.behind[hop]
	case real(hop):
		return hop.Unmap().String()
	case real(r.RouterID):
		return r.RouterID.String()
	}
	return cmp.Or(r.Router, r.Name)
}

// real tells that an address can name something: it is there, and means the same on every link.
func real(a netip.Addr) bool { return a.IsValid() && !a.IsUnspecified() && !a.IsLinkLocalUnicast() }

// compareExits orders addresses as addresses, and names behind them.
func compareExits(a, b string) int {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	switch {
	case errX == nil && errY == nil:
		return x.Compare(y)
	case errX == nil:
		return -1
	case errY == nil:
		return 1
	}
	return cmp.Compare(a, b)
}

// firstWellKnown is where communities begin that mean the same to everybody (RFC 1997).
const firstWellKnown = 0xFFFF0000

func marksOf(r Route) map[mark]bool {
	out := make(map[mark]bool)
	a := r.Attrs
	for _, c := range a.Communities {
		if c < firstWellKnown {
			out[mark{community, c.String(), uint64(c >> 16), uint32(c & 0xFFFF)}] = true
		}
	}
	for _, c := range a.Large {
		out[mark{large, c.String(), uint64(c.Global)<<32 | uint64(c.Local1), c.Local2}] = true
	}
	if a.OriginatorID.IsValid() {
		out[addressMark(originatorID, a.OriginatorID)] = true
	}
	if real(a.NextHop) {
		out[addressMark(nextHop, a.NextHop)] = true
	}
	if r.Router != "" && printable(r.Router) {
		out[mark{kind: router, text: r.Router}] = true
	}
	if real(r.Peer) {
		out[addressMark(peer, r.Peer)] = true
	}
	return out
}

func addressMark(k markKind, a netip.Addr) mark {
	b := a.As16()
	m := mark{kind: k, text: a.Unmap().WithZone("").String()}
	for _, octet := range b[8:] {
		m.high = m.high<<8 | uint64(octet)
	}
	return m
}

// telling gives the communities that some exits of a prefix have on it and others have not: what all paths of a prefix have says what it is for,
// and not where it is.
func telling(trails []*trail) map[mark]bool {
	counts := make(map[*fact]map[mark]map[string]bool)
	exits := make(map[*fact]map[string]bool)
	for _, t := range trails {
		if exits[t.fact] == nil {
			exits[t.fact], counts[t.fact] = make(map[string]bool), make(map[mark]map[string]bool)
		}
		exits[t.fact][t.exit] = true
		for m := range t.marks {
			if !m.kind.tagged() {
				continue
			}
			if counts[t.fact][m] == nil {
				counts[t.fact][m] = make(map[string]bool)
			}
			counts[t.fact][m][t.exit] = true
		}
	}
	out := make(map[mark]bool)
	for f, marks := range counts {
		for m, with := range marks {
			if len(with) < len(exits[f]) {
				out[m] = true
			}
		}
	}
	return out
}

// clusters puts exits together whose paths carry the same telling communities, all of them; without any, each exit stands alone.
func clusters(trails []*trail, telling map[mark]bool) (out []*site) {
	byExit := make(map[string][]*trail)
	for _, t := range trails {
		byExit[t.exit] = append(byExit[t.exit], t)
	}
	same := make(map[string]*site)
	for _, exit := range slices.SortedFunc(maps.Keys(byExit), compareExits) {
		signature := exit
		if common := slices.SortedFunc(maps.Keys(common(byExit[exit], telling)), mark.compare); len(common) > 0 {
			signature = joined(common)
		}
		x := same[signature]
		if x == nil {
			x = &site{}
			same[signature] = x
			out = append(out, x)
		}
		x.exits = append(x.exits, exit)
		x.trails = append(x.trails, byExit[exit]...)
	}
	return out
}

// common gives the telling communities that all of the trails have.
func common(trails []*trail, telling map[mark]bool) map[mark]bool {
	out := make(map[mark]bool)
	for m := range trails[0].marks {
		if telling[m] && !slices.ContainsFunc(trails, func(t *trail) bool { return !t.marks[m] }) {
			out[m] = true
		}
	}
	return out
}

func joined(marks []mark) string {
	texts := make([]string, len(marks))
	for i, m := range marks {
		texts[i] = m.text
	}
	return strings.Join(texts, " ")
}

// findRegions notes the telling communities that are on all paths of several sites, and not of all.
func (s *survey) findRegions(telling map[mark]bool) {
	for _, m := range slices.SortedFunc(maps.Keys(telling), mark.compare) {
		r := region{mark: m}
		for _, x := range s.sites {
			if !slices.ContainsFunc(x.trails, func(t *trail) bool { return !t.marks[m] }) {
				r.sites = append(r.sites, x)
			}
		}
		if len(r.sites) > 1 && len(r.sites) < len(s.sites) {
			s.regions = append(s.regions, r)
		}
	}
}
