package rules

import (
	"net/netip"
	"slices"
	"time"

	"github.com/gaissmai/bart"

	"anywatch/collector/route"
)

// Confirm is the evidence that an incident needs before it opens: so many internal, or so many external vantages that show it now or have
// shown it within the time.
type Confirm struct {
	Vantages, External int
	Within             time.Duration
}

// Visibility says below which share of external vantages, in percent, a prefix is seen by too few.
type Visibility struct{ Warning, Critical float64 }

// Catchment says by how much the share of vantages that a site serves may move within a time, in percent of all.
type Catchment struct {
	Shift  float64
	Within time.Duration
}

// RPKI says how old VRPs may be before they count as too old, and how long before its end a VRP that expires is told of; zero for never.
type RPKI struct{ MaxAge, ExpiryWarning time.Duration }

// Thresholds are the settings of detection, the section `detect` of the configuration.
type Thresholds struct {
	Confirm          Confirm
	ResolveAfter     time.Duration // clear for this long before an incident resolves
	SiteMissingAfter time.Duration // a site is absent this long before it is missing
	ReopenWithin     time.Duration // the same thing again within this long reopens the incident
	InitialSync      time.Duration // a session without End-of-RIB counts as synchronised after this long
	StaleAfterLoss   time.Duration // routes of a lost session are kept as stale this long
	Flap             Flap
	Visibility       Visibility
	Catchment        Catchment
	RPKI             RPKI
	Blackhole        []route.Community // by which networks are asked to throw traffic away, besides BLACKHOLE (RFC 7999)
	// StaleVantageAfter is how long a vantage contradicts all others before it is reported as stale.
	StaleVantageAfter time.Duration
	// ShortestCovering4 and 6 bound `superprefix`: a covering announcement shorter than this is nobody's hijack.
	ShortestCovering4, ShortestCovering6 int
}

// Defaults are the thresholds of a configuration that names none.
func Defaults() Thresholds {
	return Thresholds{
		Confirm:           Confirm{Vantages: 1, External: 2, Within: time.Minute},
		ResolveAfter:      time.Minute,
		ReopenWithin:      30 * time.Minute,
		InitialSync:       2 * time.Minute,
		StaleAfterLoss:    5 * time.Minute,
		SiteMissingAfter:  20 * time.Second,
		Visibility:        Visibility{Warning: 80, Critical: 50},
		Catchment:         Catchment{Shift: 25, Within: 10 * time.Minute},
		RPKI:              RPKI{MaxAge: 2 * time.Hour, ExpiryWarning: 24 * time.Hour},
		StaleVantageAfter: 6 * time.Hour,
		ShortestCovering4: 8, ShortestCovering6: 19,
	}
}

// Config is what a set is compiled from. The prefixes must be masked and different from each other.
type Config struct {
	ASNs        []route.ASN
	Prefixes    []Prefix
	Sites       []Site
	Maintenance []Maintenance
	Rules       []*Rule // the operator's own
	Thresholds  Thresholds
	PeerLocks   []PeerLock
	// Neighbors are the ASes of configured sessions.
	Neighbors []route.ASN
}

// Set is the compiled watch, immutable.
type Set struct {
	Thresholds
	asns        []route.ASN
	prefixes    []*Prefix // in address order
	sites       []Site    // in the order of the configuration: the first that fits has a path
	maintenance []Maintenance
	own         []*Rule // of the operator
	subjects    subjects
	locks       []PeerLock
	listed      map[route.ASN]bool // that the configuration names
	carriers    map[route.ASN]bool // that are upstreams
	trie        bart.Table[*Prefix]
}

// New compiles a set.
func New(c Config) *Set {
	s := &Set{Thresholds: c.Thresholds, asns: slices.Clone(c.ASNs), sites: slices.Clone(c.Sites), maintenance: slices.Clone(c.Maintenance), own: slices.Clone(c.Rules)}
	s.locks = slices.Clone(c.PeerLocks)
	for i := range c.Prefixes {
		p := &c.Prefixes[i]
		s.prefixes = append(s.prefixes, p)
		s.trie.Insert(p.Prefix, p)
	}
	slices.SortFunc(s.prefixes, func(a, b *Prefix) int { return a.Prefix.Compare(b.Prefix) })
	s.name(c)
	return s
}

// ASNs gives our AS numbers.
func (s *Set) ASNs() []route.ASN { return s.asns }

// Ours tells whether the AS is one of ours.
func (s *Set) Ours(asn route.ASN) bool { return slices.Contains(s.asns, asn) }

// Prefixes gives all watched prefixes in address order. Not to be changed.
func (s *Set) Prefixes() []*Prefix { return s.prefixes }

// Nets gives the watched prefixes alone.
func (s *Set) Nets() []netip.Prefix {
	nets := make([]netip.Prefix, len(s.prefixes))
	for i, p := range s.prefixes {
		nets[i] = p.Prefix
	}
	return nets
}

// Judge gives the watch that judges an announcement: the most specific watched prefix that equals or covers it, alone. Nil when there is none.
func (s *Set) Judge(p netip.Prefix) *Prefix {
	_, w, ok := s.trie.LookupPrefixLPM(p)
	if !ok {
		return nil
	}
	return w
}

// Inside gives the watched prefixes that an announcement covers, in address order; none when it is too short to be of interest.
func (s *Set) Inside(p netip.Prefix) []*Prefix {
	if p.Bits() < s.ShortestCovering4 && p.Addr().Is4() || p.Bits() < s.ShortestCovering6 && p.Addr().Is6() {
		return nil
	}
	var inside []*Prefix
	for _, w := range s.trie.Subnets(p) {
		inside = append(inside, w)
	}
	slices.SortFunc(inside, func(a, b *Prefix) int { return a.Prefix.Compare(b.Prefix) })
	return inside
}

// Find gives the watch of exactly this prefix; nil when there is none.
func (s *Set) Find(p netip.Prefix) *Prefix {
	w, _ := s.trie.Get(p)
	return w
}

// Watches tells whether an announcement touches the watch at all.
func (s *Set) Watches(p netip.Prefix) bool {
	return s.Judge(p) != nil || len(s.Inside(p)) > 0
}
