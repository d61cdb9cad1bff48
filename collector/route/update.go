package route

import (
	"fmt"
	"net/netip"
)

// NLRI is one route's name in an update: its prefix, masked, and its path identifier (RFC 7911), zero without Add-Path.
type NLRI struct {
	Prefix netip.Prefix
	PathID uint32
}

// Update is what one BGP UPDATE, or one entry of a table, says: routes withdrawn, and routes announced with one set of attributes.
type Update struct {
	Withdrawn []NLRI
	Announced []NLRI
	Attrs     *Attrs // nil when nothing is announced
}

// Family is an address family of unicast routes.
type Family uint8

// The families that are watched. A set of families is their sum.
const (
	IPv4 Family = 1
	IPv6 Family = 2
)

// FamilyOf gives the family of a prefix.
func FamilyOf(p netip.Prefix) Family {
	if p.Addr().Is4() {
		return IPv4
	}
	return IPv6
}

// ParsePrefix reads a prefix strictly: 192.0.2.1/24 is refused, because its host bits say that somebody meant something else.
func ParsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a prefix; write an address, a slash and a length, as 192.0.2.0/24 or 2001:db8::/32", s)
	}
	if p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q maps IPv4 into IPv6; write it as an IPv4 prefix", s)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits set after its length; write %s", s, p.Masked())
	}
	return p, nil
}
