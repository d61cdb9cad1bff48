package mrt

import (
	"context"
	"encoding/binary"
	"net/netip"

	"anywatch/collector"
	"anywatch/collector/route"
)

// Subtypes of TABLE_DUMP (RFC 6396 section 4.2; the two with 4-octet AS numbers were written by RIPE's collectors for a time).
const (
	dumpIPv4    = 1
	dumpIPv6    = 2
	dumpIPv4AS4 = 3
	dumpIPv6AS4 = 4
)

// Subtypes of TABLE_DUMP_V2 (RFC 6396 section 4.3, RFC 6397 section 3, RFC 8050 section 4).
const (
	peerIndexTable       = 1
	ribIPv4Unicast       = 2
	ribIPv4Multicast     = 3
	ribIPv6Unicast       = 4
	ribIPv6Multicast     = 5
	ribGeneric           = 6
	geoPeerTable         = 7
	ribIPv4UnicastPath   = 8
	ribIPv4MulticastPath = 9
	ribIPv6UnicastPath   = 10
	ribIPv6MulticastPath = 11
	ribGenericAddPath    = 12
)

// tableDump takes a TABLE_DUMP record, one route of one peer: view, sequence number, prefix, its length, status, time of origin, peer
// address, peer AS, attributes.
func (s *Stream) tableDump(ctx context.Context, subtype uint16, b []byte) error {
	size, wide := 4, subtype >= dumpIPv4AS4
	if subtype == dumpIPv6 || subtype == dumpIPv6AS4 {
		size = 16
	}
	width := 2
	if wide {
		width = 4
	}
	if len(b) < 4+size+6+size+width+2 {
		return errShort
	}
	at := position{subtype, binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])}
	if s.dump.old.again(at) {
		if err := s.complete(ctx); err != nil {
			return err
		}
	}
	s.dump.old = at
	prefix, err := prefixOf(b[4:4+size], int(b[4+size]), size)
	if err != nil {
		return err
	}
	b = b[4+size+6:]
	var key peerKey
	key.setDumped(b[:size])
	key.asn = route.ASN(binary.BigEndian.Uint16(b[size:]))
	if wide {
		key.asn = route.ASN(binary.BigEndian.Uint32(b[size:]))
	}
	p, err := s.peer(key, 0)
	if err != nil {
		return err
	}
	attrs, _, err := cutAttributes(b[size+width:])
	if err != nil {
		return err
	}
	s.entry.Encoding.TwoByteAS = !wide
	if err := s.begin(ctx, p, route.FamilyOf(prefix)); err != nil {
		return err
	}
	return s.route(ctx, p, route.NLRI{Prefix: prefix}, attrs)
}

// entryRecord takes the deprecated BGP4MP_ENTRY, which OpenBSD's bgpd writes, itself in the place of the peer: one route of one peer, with the
// family and the next hop outside of the attributes.
func (s *Stream) entryRecord(ctx context.Context, b []byte) error {
	se, b, err := openSession(b, false)
	if err != nil {
		return err
	}
	se = se.turned()
	const fixed = 2 + 2 + 4 + 2 + 1 + 1 // view, status, time of the last change, family, subsequent family, length of the next hop
	if len(b) < fixed {
		return errShort
	}
	afi, safi, hop := binary.BigEndian.Uint16(b[8:]), b[10], int(b[11])
	if len(b) < fixed+hop {
		return errShort
	}
	nextHop := b[fixed : fixed+hop]
	n, watched, b, err := cutRoute(b[fixed+hop:], afi, safi)
	if err != nil {
		return err
	}
	attrs, _, err := cutAttributes(b)
	if err != nil {
		return err
	}
	p, err := s.peer(se.key, se.local.asn)
	if err != nil {
		return err
	}
	if !watched {
		s.skip()
		return nil
	}
	s.entry.Encoding.TwoByteAS = true
	if err := s.begin(ctx, p, route.FamilyOf(n.Prefix)); err != nil {
		return err
	}
	return s.route(ctx, p, n, s.withNextHop(attrs, nextHop))
}

// withNextHop adds a next hop to attributes: as NEXT_HOP, or as the abbreviated MP_REACH_NLRI of tables (RFC 6396 section 4.3.4). Where they have one
// already, that comes first and counts.
func (s *Stream) withNextHop(attrs, hop []byte) []byte {
	s.scratch = append(s.scratch[:0], attrs...)
	if len(hop) == 4 {
		s.scratch = append(s.scratch, 0x40, 3, 4)
	} else {
		s.scratch = append(s.scratch, 0x80, 14, byte(1+len(hop)), byte(len(hop)))
	}
	s.scratch = append(s.scratch, hop...)
	return s.scratch
}

func (s *Stream) tableDumpV2(ctx context.Context, subtype uint16, b []byte) error {
	afi, safi := uint16(afiIPv4), byte(safiUnicast)
	switch subtype {
	case peerIndexTable:
		return s.peerIndexTable(ctx, b)
	case geoPeerTable:
		return nil // where peers are on earth (RFC 6397)
	case ribGeneric, ribGenericAddPath:
		if len(b) < 7 {
			return errShort
		}
		afi, safi = binary.BigEndian.Uint16(b[4:]), b[6]
		b = b[7:]
		if afi != afiIPv4 && afi != afiIPv6 {
			return nil // families whose routes have no prefix are counted as messages
		}
	default:
		if len(b) < 4 {
			return errShort
		}
		b = b[4:] // sequence number
	}
	switch subtype {
	case ribIPv6Unicast, ribIPv6UnicastPath, ribIPv6Multicast, ribIPv6MulticastPath:
		afi = afiIPv6
	}
	switch subtype {
	case ribIPv4Multicast, ribIPv4MulticastPath, ribIPv6Multicast, ribIPv6MulticastPath:
		safi = safiMulticast
	}
	n, watched, b, err := cutRoute(b, afi, safi)
	if err != nil {
		return err
	}
	return s.entries(ctx, n, watched, b, subtype >= ribIPv4UnicastPath)
}

// entries takes what each peer says of one prefix (RFC 6396 section 4.3.4, RFC 8050 section 4). AS_PATHs in it always have 4-octet numbers.
func (s *Stream) entries(ctx context.Context, n route.NLRI, watched bool, b []byte, addPath bool) error {
	if len(b) < 2 {
		return errShort
	}
	if watched {
		if err := s.beginAll(ctx, route.FamilyOf(n.Prefix)); err != nil {
			return err
		}
	}
	count, b := int(binary.BigEndian.Uint16(b)), b[2:]
	s.entry.Encoding.TwoByteAS = false
	var bad error
	for range count {
		head := 6 // peer index, time of origin
		if addPath {
			head = 10
		}
		if len(b) < head {
			return errShort
		}
		peer := int(binary.BigEndian.Uint16(b))
		if addPath {
			n.PathID = binary.BigEndian.Uint32(b[6:])
		}
		attrs, rest, err := cutAttributes(b[head:])
		if err != nil {
			return err
		}
		b = rest
		switch {
		case peer >= len(s.index):
			bad = errPeer
			continue
		case !watched:
			s.skip()
			continue
		case n.PathID != 0: // a table with path identifiers may hold peers that have none, as zero
			s.looksPastBest(s.index[peer])
		}
		if err := s.route(ctx, s.index[peer], n, attrs); err != nil {
			if _, passed := err.(*collector.Malformed); !passed {
				return err
			}
			bad = err
		}
	}
	return bad
}

// route hands on one route of a table.
func (s *Stream) route(ctx context.Context, p *peer, n route.NLRI, attrs []byte) error {
	s.hear(p)
	p.showed = true
	s.entry.Local = p.vantage.Local
	return s.in.Entry(ctx, p.vantage, s.at, n, attrs, &s.entry)
}

// skip counts a route of a family that is not watched.
func (s *Stream) skip() {
	s.in.Tally.Updates++
	s.in.Tally.Prefixes++
	s.in.Tally.Skipped++
}

// peerIndexTable reads who the peers are that the entries refer to by number (RFC 6396 section 4.3.1): the identifier of the collector, the name of
// the view, the peers. A table before it is complete.
func (s *Stream) peerIndexTable(ctx context.Context, b []byte) error {
	s.index = s.index[:0]
	if len(b) < 6 || len(b) < 6+int(binary.BigEndian.Uint16(b[4:]))+2 {
		s.dump.broken = true
		return errShort
	}
	end := 6 + int(binary.BigEndian.Uint16(b[4:]))
	view, b := b[6:end], b[end:]
	if err := s.indexed(ctx, view); err != nil {
		return err
	}
	count, b := int(binary.BigEndian.Uint16(b)), b[2:]
	for range count {
		key, rest, err := cutPeer(b)
		if err == nil {
			var p *peer
			p, err = s.peer(key, 0)
			s.index, b = append(s.index, p), rest
		}
		if err != nil {
			s.dump.broken = true
			return err
		}
	}
	return nil
}

// cutPeer takes one peer entry off: type, BGP identifier, address, AS number, the last two as wide as the type's bits say.
func cutPeer(b []byte) (key peerKey, rest []byte, err error) {
	size, width := 4, 2
	if len(b) > 0 && b[0]&1 != 0 {
		size = 16
	}
	if len(b) > 0 && b[0]&2 != 0 {
		width = 4
	}
	end := 5 + size + width
	if len(b) < end {
		return key, nil, errShort
	}
	key.setAddr(b[5 : 5+size])
	key.asn = route.ASN(binary.BigEndian.Uint16(b[5+size:]))
	if width == 4 {
		key.asn = route.ASN(binary.BigEndian.Uint32(b[5+size:]))
	}
	return key, b[end:], nil
}

// cutAttributes takes path attributes with their length in front off.
func cutAttributes(b []byte) (attrs, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, errShort
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if len(b) < n {
		return nil, nil, errShort
	}
	return b[2:n], b[n:], nil
}

// Subsequent address families that carry prefixes.
const (
	safiUnicast   = 1
	safiMulticast = 2
	safiLabelled  = 4
)

// cutRoute takes a route off, its length in bits in front; watched tells that its family is: unicast, or labelled unicast.
func cutRoute(b []byte, afi uint16, safi byte) (n route.NLRI, watched bool, rest []byte, err error) {
	if len(b) < 1 {
		return n, false, nil, errShort
	}
	bits, octets := int(b[0]), (int(b[0])+7)/8
	if len(b) < 1+octets {
		return n, false, nil, errShort
	}
	addr, rest := b[1:1+octets], b[1+octets:]
	if safi != safiUnicast && safi != safiLabelled {
		return n, false, rest, nil
	}
	if safi == safiLabelled {
		labels := labelStack(addr)
		if labels == 0 {
			return n, false, nil, errPrefix
		}
		addr, bits = addr[labels:], bits-8*labels
	}
	size := 4
	if afi == afiIPv6 {
		size = 16
	}
	n.Prefix, err = prefixOf(addr, bits, size)
	return n, true, rest, err
}

// labelStack gives the octets up to the bottom of the stack (RFC 8277 section 2.3); zero when it has none.
func labelStack(b []byte) int {
	for n := 3; n <= len(b); n += 3 {
		if b[n-1]&1 != 0 {
			return n
		}
	}
	return 0
}

// prefixOf makes a prefix of an address of which only the leading octets may be there; size is 4 or 16. Host bits are taken off.
func prefixOf(b []byte, bits, size int) (netip.Prefix, error) {
	if bits < 0 || bits > 8*size || len(b) > size {
		return netip.Prefix{}, errPrefix
	}
	var a [16]byte
	copy(a[:], b)
	if size == 4 {
		v := binary.BigEndian.Uint32(a[:]) & uint32(^uint64(0)<<(32-bits))
		binary.BigEndian.PutUint32(a[:], v)
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(a[:4])), bits), nil
	}
	return netip.PrefixFrom(netip.AddrFrom16(a), bits).Masked(), nil
}
