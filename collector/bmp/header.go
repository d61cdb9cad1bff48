package bmp

import (
	"encoding/binary"
	"net/netip"

	"anywatch/collector"
	"anywatch/collector/route"
)

// Peer types (RFC 7854 section 4.2, RFC 9069 section 4.1).
const (
	peerGlobal = 0
	peerRD     = 1
	peerLocal  = 2
	peerLocRIB = 3
)

// Peer flags (RFC 7854 section 4.2, RFC 8671 section 4).
const (
	flagIPv6   = 0x80 // V; for a Loc-RIB it means that the table is filtered (RFC 9069 section 4.2)
	flagPost   = 0x40 // L: after policy
	flagTwoAS  = 0x20 // A: the AS_PATH has 2-octet AS numbers
	flagAdjOut = 0x10 // O: Adj-RIB-Out
)

// identityLen is the part of the per-peer header that tells one peer from another; the timestamp follows.
const identityLen = 34

// peerKey is which peer a message is about. The flags are not part of it: they tell of the view.
type peerKey struct {
	kind uint8
	rd   uint64
	addr netip.Addr
	as   route.ASN
	id   netip.Addr
}

// parsePeer reads a per-peer header. The address of a Loc-RIB is zero whatever its flags say.
func parsePeer(b []byte) (k peerKey, flags uint8) {
	k.kind, flags = b[0], b[1]
	k.rd = binary.BigEndian.Uint64(b[2:])
	if flags&flagIPv6 != 0 && k.kind != peerLocRIB {
		k.addr = netip.AddrFrom16([16]byte(b[10:26]))
	} else {
		k.addr = netip.AddrFrom4([4]byte(b[22:26]))
	}
	k.as = route.ASN(binary.BigEndian.Uint32(b[26:]))
	k.id = netip.AddrFrom4([4]byte(b[30:34]))
	return k, flags
}

// filtered tells of a Loc-RIB that routes are left out of it (RFC 9069 section 4.2).
func filtered(kind, flags uint8) bool { return kind == peerLocRIB && flags&flagIPv6 != 0 }

// viewOf tells which table a message shows. O and L are one field of four states (RFC 8671 section 4).
func viewOf(kind, flags uint8) collector.View {
	if kind == peerLocRIB {
		return collector.LocRIB
	}
	switch flags & (flagAdjOut | flagPost) {
	case flagPost:
		return collector.AdjInPost
	case flagAdjOut:
		return collector.AdjOutPre
	case flagAdjOut | flagPost:
		return collector.AdjOutPost
	}
	return collector.AdjInPre
}
