package mrt_test

import (
	"encoding/binary"
	"net/netip"
)

// The builders below write records as RFC 6396 lays them out, from what a test says.

const t0 = 1700000000 // 2023-11-14T22:13:20Z

func u16(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
func u32(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// record wraps a body.
func record(at, typ, subtype int, body ...[]byte) []byte {
	b := join(body...)
	return join(u32(at), u16(typ), u16(subtype), u32(len(b)), b)
}

func addr(s string) []byte { return netip.MustParseAddr(s).AsSlice() }

// nlri writes routes, with their path identifier when it is not zero.
func nlri(pathID int, prefixes ...string) (b []byte) {
	for _, s := range prefixes {
		p := netip.MustParsePrefix(s)
		if pathID != 0 {
			b = append(b, u32(pathID)...)
		}
		b = append(b, byte(p.Bits()))
		b = append(b, p.Addr().AsSlice()[:(p.Bits()+7)/8]...)
	}
	return b
}

func attribute(flags, typ byte, value ...[]byte) []byte {
	v := join(value...)
	if len(v) > 255 {
		return join([]byte{flags | 0x10, typ}, u16(len(v)), v)
	}
	return join([]byte{flags, typ, byte(len(v))}, v)
}

// asPath is an AS_PATH of one sequence, with numbers of 2 or 4 octets.
func asPath(width int, asns ...int) []byte {
	if len(asns) == 0 {
		return attribute(0x40, 2)
	}
	b := []byte{2, byte(len(asns))}
	for _, n := range asns {
		b = append(b, u32(n)[4-width:]...)
	}
	return attribute(0x40, 2, b)
}

// attributes are the mandatory ones.
func attributes(width int, path ...int) []byte {
	return join(attribute(0x40, 1, []byte{0}), asPath(width, path...), attribute(0x40, 3, addr("198.51.100.9")))
}

// bgp is a whole BGP message.
func bgp(typ byte, body ...[]byte) []byte {
	b := join(body...)
	marker := join(u32(-1), u32(-1), u32(-1), u32(-1))
	return join(marker, u16(19+len(b)), []byte{typ}, b)
}

// update is a whole UPDATE.
func update(withdrawn, attrs, announced []byte) []byte {
	return bgp(2, u16(len(withdrawn)), withdrawn, u16(len(attrs)), attrs, announced)
}

// announce is an UPDATE of an IPv4 route with a path of 4-octet numbers.
func announce(prefix string, path ...int) []byte {
	return update(nil, attributes(4, path...), nlri(0, prefix))
}

// between is the beginning of a BGP4MP record: the peer, then the collector, AS64999.
func between(width, asn int, peer string) []byte {
	own, afi := "203.0.113.1", 1
	if netip.MustParseAddr(peer).Is6() {
		own, afi = "2001:db8:ffff::1", 2
	}
	return join(u32(asn)[4-width:], u32(64999)[4-width:], u16(0), u16(afi), addr(peer), addr(own))
}

// as4 is a BGP4MP MESSAGE_AS4 from AS64501 at 198.51.100.1.
func as4(at int, message []byte) []byte {
	return record(at, 16, 4, between(4, 64501, "198.51.100.1"), message)
}

// peerIndex is a PEER_INDEX_TABLE of AS64501 at 198.51.100.1 (2-octet number) and AS200000 at 2001:db8:9::2 (4-octet).
func peerIndex(at int) []byte {
	return record(at, 13, 1, addr("203.0.113.1"), u16(4), []byte("view"), u16(2),
		[]byte{0}, addr("198.51.100.1"), addr("198.51.100.1"), u16(64501),
		[]byte{3}, addr("198.51.100.2"), addr("2001:db8:9::2"), u32(200000))
}

// rib is one entry of a TABLE_DUMP_V2 record.
func rib(peer int, attrs []byte) []byte {
	return join(u16(peer), u32(t0-99), u16(len(attrs)), attrs)
}

// ribPath is the same with a path identifier.
func ribPath(peer, pathID int, attrs []byte) []byte {
	return join(u16(peer), u32(t0-99), u32(pathID), u16(len(attrs)), attrs)
}
