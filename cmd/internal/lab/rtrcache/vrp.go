package rtrcache

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// VRP is a validated ROA payload (RFC 6811 section 2): the AS may originate the prefix, and more-specifics up to MaxLength bits.
type VRP struct {
	Prefix    netip.Prefix
	MaxLength int
	ASN       uint32
}

// String gives "192.0.2.0/24-24 AS64500".
func (v VRP) String() string { return fmt.Sprintf("%s-%d AS%d", v.Prefix, v.MaxLength, v.ASN) }

// Validate tells what makes the payload impossible: host bits, or a maximum length that is none.
func (v VRP) Validate() error {
	switch p := v.Prefix; {
	case !p.IsValid() || p.Addr().Is4In6():
		return fmt.Errorf("VRP %s: the prefix is not an IPv4 or IPv6 prefix", v)
	case p != p.Masked():
		return fmt.Errorf("VRP %s: the prefix has bits set behind its length; %s has none", v, p.Masked())
	case v.MaxLength < p.Bits() || v.MaxLength > p.Addr().BitLen():
		return fmt.Errorf("VRP %s: the maximum length must lie between %d and %d", v, p.Bits(), p.Addr().BitLen())
	}
	return nil
}

// vrpSet is sorted and holds no payload twice: RFC 8210 section 5.6 forbids a cache to announce one twice.
type vrpSet []VRP

func newSet(vrps []VRP) (vrpSet, error) {
	set := slices.Clone(vrps)
	for _, v := range set {
		if err := v.Validate(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(set, compare)
	return slices.Compact(set), nil
}

func compare(a, b VRP) int {
	return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()),
		cmp.Compare(a.MaxLength, b.MaxLength), cmp.Compare(a.ASN, b.ASN))
}

// minus gives the payloads of s that other has not.
func (s vrpSet) minus(other vrpSet) vrpSet {
	var out vrpSet
	for _, v := range s {
		if _, found := slices.BinarySearchFunc(other, v, compare); !found {
			out = append(out, v)
		}
	}
	return out
}
