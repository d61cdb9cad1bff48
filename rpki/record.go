package rpki

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"time"

	"anywatch/collector/route"
)

// record is a VRP in 32 octets; half a million of them are held for as long as the program runs. The address is written as 16
// octets, an IPv4 address mapped (::ffff:192.0.2.0), and the lengths count from there: a /24 of IPv4 has 120 bits.
type record struct {
	hi, lo    uint64
	expires   int64 // seconds since 1970, zero for never
	asn       route.ASN
	anchor    uint16 // index into the names of the trust anchors
	bits, max uint8
}

const mapped = 96 // bits before the IPv4 address in its mapped form

func newRecord(v VRP, anchor uint16) record {
	a := v.Prefix.Addr().As16()
	r := record{
		hi: binary.BigEndian.Uint64(a[:8]), lo: binary.BigEndian.Uint64(a[8:]),
		asn: v.ASN, anchor: anchor, bits: uint8(v.Prefix.Bits()), max: v.MaxLength,
	}
	if v.Prefix.Addr().Is4() {
		r.bits += mapped
		r.max += mapped
	}
	if !v.Expires.IsZero() {
		r.expires = max(v.Expires.Unix(), 1)
	}
	return r
}

// is4 is exact because IPv6 prefixes inside ::ffff:0:0/96 are never stored (VRP.Check).
func (r record) is4() bool { return r.bits >= mapped && r.hi == 0 && r.lo>>32 == 0xffff }

func (r record) prefix() netip.Prefix {
	if r.is4() {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], uint32(r.lo))
		return netip.PrefixFrom(netip.AddrFrom4(a), int(r.bits)-mapped)
	}
	var a [16]byte
	binary.BigEndian.PutUint64(a[:8], r.hi)
	binary.BigEndian.PutUint64(a[8:], r.lo)
	return netip.PrefixFrom(netip.AddrFrom16(a), int(r.bits))
}

func (r record) vrp(anchors []string) VRP {
	v := VRP{Prefix: r.prefix(), MaxLength: r.max, ASN: r.asn, TA: anchors[r.anchor], Expires: r.expiry()}
	if r.is4() {
		v.MaxLength -= mapped
	}
	return v
}

func (r record) expiry() time.Time {
	if r.expires == 0 {
		return time.Time{}
	}
	return time.Unix(r.expires, 0).UTC()
}

func (r record) samePrefix(o record) bool { return r.hi == o.hi && r.lo == o.lo && r.bits == o.bits }

// covers tells whether the prefix equals or covers that of another record of the same family.
func (r record) covers(o record) bool {
	if r.bits > o.bits {
		return false
	}
	if r.bits <= 64 {
		return (r.hi^o.hi)>>(64-r.bits) == 0
	}
	return r.hi == o.hi && (r.lo^o.lo)>>(128-r.bits) == 0
}

// compare orders by address, length, maxLength, AS and trust anchor: all that makes one VRP another. When it expires does not.
func (r record) compare(o record) int {
	if c := cmp.Compare(r.hi, o.hi); c != 0 {
		return c
	}
	if c := cmp.Compare(r.lo, o.lo); c != 0 {
		return c
	}
	if c := cmp.Compare(r.bits, o.bits); c != 0 {
		return c
	}
	if c := cmp.Compare(r.max, o.max); c != 0 {
		return c
	}
	if c := cmp.Compare(r.asn, o.asn); c != 0 {
		return c
	}
	return cmp.Compare(r.anchor, o.anchor)
}

// laterExpiry gives the later of two expiries, of which zero is never.
func laterExpiry(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}
