package rules

import (
	"net/netip"
	"slices"
	"strings"

	"anywatch/collector/route"
)

// Announced says whether a prefix is expected to be announced.
type Announced uint8

// Expectations about a prefix.
const (
	Always   Announced = iota
	Optional           // whether it is announced is nobody's concern
	Never              // a squatting watch: any announcement at or under it is wrong
)

// String gives always, optional or never.
func (a Announced) String() string { return [...]string{"always", "optional", "never"}[a] }

// MoreSpecifics are the announcements inside a prefix that allowed origins may make.
type MoreSpecifics struct {
	UpTo int            // any, up to this length; zero for none
	List []netip.Prefix // exactly these
}

// Allow tells whether a more-specific is declared.
func (m MoreSpecifics) Allow(p netip.Prefix) bool {
	return p.Bits() <= m.UpTo || slices.Contains(m.List, p)
}

// Prefix is a watched prefix and what is expected of it.
type Prefix struct {
	Prefix    netip.Prefix
	Name      string // a label for people; may be empty
	AnyOrigin bool
	Origins   []route.ASN // who may originate it
	// Upstreams may stand next to the origin on external paths; nil allows any. OriginUpstreams, where an origin has an entry, replaces it.
	Upstreams       []route.ASN
	OriginUpstreams map[route.ASN][]route.ASN
	MoreSpecifics   MoreSpecifics
	Announced       Announced
	LocalScope      bool // announced with NO_EXPORT or to direct peers only
	Sites           []string
	MinSites        int
	Twin            netip.Prefix // zero for none
	// Labels go with the incidents about it, for people who route them.
	Labels map[string]string
}

// Allows tells whether an AS may originate the prefix.
func (p *Prefix) Allows(asn route.ASN) bool {
	return p.AnyOrigin || slices.Contains(p.Origins, asn)
}

// Unallowed gives who of the origin may not originate the prefix: with an AS_SET, all members must be allowed, and the smallest that is not is
// given.
func (p *Prefix) Unallowed(o route.Origin) (route.ASN, bool) {
	if o.Set == nil {
		return o.AS, !p.Allows(o.AS)
	}
	for _, member := range o.Set {
		if !p.Allows(member) {
			return member, true
		}
	}
	return 0, false
}

// Label is how people know the prefix: "192.0.2.0/24 (dns-a)".
func (p *Prefix) Label() string {
	if p.Name == "" {
		return p.Prefix.String()
	}
	return p.Prefix.String() + " (" + p.Name + ")"
}

// OriginList writes the allowed origins for people: "AS64500 or AS64501", "any AS".
func (p *Prefix) OriginList() string {
	if p.AnyOrigin {
		return "any AS"
	}
	names := make([]string, len(p.Origins))
	for i, a := range p.Origins {
		names[i] = a.String()
	}
	return strings.Join(names, " or ")
}
