// Package wire writes what the benchmarks send: BGP, BMP, websocket frames. It is written without the packages that it is to measure, and
// its tests read what it writes with the packages of others.
package wire

import (
	"encoding/binary"
	"net/netip"
)

// BGP message types (RFC 4271 section 4.1).
const (
	typeOpen         = 1
	typeUpdate       = 2
	typeNotification = 3
	typeKeepalive    = 4
)

// HeaderLen is the length of the header of a BGP message.
const HeaderLen = 19

// message puts the header before a body (RFC 4271 section 4.1).
func message(typ byte, body []byte) []byte {
	b := begin(nil, typ)
	return finish(append(b, body...), 0)
}

func begin(b []byte, typ byte) []byte {
	return append(b, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, typ)
}

// finish fills in the length of the message that begins at start and ends with b.
func finish(b []byte, start int) []byte {
	binary.BigEndian.PutUint16(b[start+16:], uint16(len(b)-start))
	return b
}

// Keepalive is a KEEPALIVE.
func Keepalive() []byte { return message(typeKeepalive, nil) }

// Open is an OPEN that offers IPv4 and IPv6 unicast and AS numbers of four octets (RFC 4271 section 4.2, RFC 4760, RFC 6793), and graceful
// restart without a family: it preserves nothing, and makes the peer mark the end of its table (RFC 4724 section 3).
func Open(asn uint32, id netip.Addr, hold uint16) []byte {
	caps := []byte{1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 64, 2, 0, 0, 65, 4}
	caps = binary.BigEndian.AppendUint32(caps, asn)
	short := uint16(23456) // AS_TRANS
	if asn <= 65535 {
		short = uint16(asn)
	}
	b := binary.BigEndian.AppendUint16([]byte{4}, short)
	b = binary.BigEndian.AppendUint16(b, hold)
	b = append(b, id.AsSlice()...)
	return message(typeOpen, append(append(b, byte(len(caps)+2), 2, byte(len(caps))), caps...))
}

// EndOfRIB is the end of both families' tables (RFC 4724 section 2).
func EndOfRIB() []byte {
	return append(message(typeUpdate, []byte{0, 0, 0, 0}), message(typeUpdate, []byte{0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1})...)
}

// IsUpdate tells whether a message, given with its header, is an UPDATE.
func IsUpdate(m []byte) bool { return m[18] == typeUpdate }

// EndsRIB tells whether a message, given with its header, is one of the two of EndOfRIB, as any speaker writes them.
func EndsRIB(m []byte) bool {
	if !IsUpdate(m) || len(m) > HeaderLen+11 {
		return false
	}
	body := m[HeaderLen:]
	if len(body) == 4 {
		return binary.BigEndian.Uint32(body) == 0
	}
	// An UPDATE with nothing but an MP_UNREACH_NLRI that holds nothing but AFI and SAFI; its length may take two octets.
	return len(body) >= 10 && body[0] == 0 && body[1] == 0 && body[5] == 15
}

// Update is what an UPDATE announces.
type Update struct {
	Path        []uint32
	MED         int // below zero: none
	Communities []uint32
	Large       [][3]uint32
	Announced   []netip.Prefix // of one family
	NextHop     netip.Addr     // of that family
}

// Path attributes: their flags and types (RFC 4271 section 4.3, RFC 1997, RFC 4760, RFC 8092).
const (
	wellKnown  = 0x40
	optional   = 0x80
	transitive = 0xc0
	extended   = 0x10

	attrOrigin      = 1
	attrPath        = 2
	attrNextHop     = 3
	attrMED         = 4
	attrCommunities = 8
	attrMPReach     = 14
	attrLarge       = 32
)

// Append appends the whole message.
func (u Update) Append(b []byte) []byte {
	start := len(b)
	b = begin(b, typeUpdate)
	b = append(b, 0, 0) // nothing is withdrawn
	attrs := u.Attributes(false)
	b = binary.BigEndian.AppendUint16(b, uint16(len(attrs)))
	b = append(b, attrs...)
	if !u.NextHop.Is6() {
		b = appendPrefixes(b, u.Announced)
	}
	return finish(b, start)
}

// Attributes gives the path attributes. In a table dump, the MP_REACH_NLRI holds a next hop alone (RFC 6396 section 4.3.4).
func (u Update) Attributes(dump bool) []byte {
	b := appendAttr(make([]byte, 0, 160), wellKnown, attrOrigin, []byte{0})
	path := []byte{2, byte(len(u.Path))}
	for _, a := range u.Path {
		path = binary.BigEndian.AppendUint32(path, a)
	}
	b = appendAttr(b, wellKnown, attrPath, path)
	if !u.NextHop.Is6() {
		b = appendAttr(b, wellKnown, attrNextHop, u.NextHop.AsSlice())
	}
	if u.MED >= 0 {
		b = appendAttr(b, optional, attrMED, binary.BigEndian.AppendUint32(nil, uint32(u.MED)))
	}
	if len(u.Communities) > 0 {
		var v []byte
		for _, c := range u.Communities {
			v = binary.BigEndian.AppendUint32(v, c)
		}
		b = appendAttr(b, transitive, attrCommunities, v)
	}
	if u.NextHop.Is6() {
		b = appendAttr(b, optional, attrMPReach, u.mpReach(dump))
	}
	if len(u.Large) > 0 {
		var v []byte
		for _, c := range u.Large {
			for _, part := range c {
				v = binary.BigEndian.AppendUint32(v, part)
			}
		}
		b = appendAttr(b, transitive, attrLarge, v)
	}
	return b
}

func (u Update) mpReach(dump bool) []byte {
	if dump {
		return append([]byte{16}, u.NextHop.AsSlice()...)
	}
	v := append([]byte{0, 2, 1, 16}, u.NextHop.AsSlice()...)
	return appendPrefixes(append(v, 0), u.Announced)
}

func appendAttr(b []byte, flags, typ byte, v []byte) []byte {
	if len(v) > 255 {
		b = binary.BigEndian.AppendUint16(append(b, flags|extended, typ), uint16(len(v)))
	} else {
		b = append(b, flags, typ, byte(len(v)))
	}
	return append(b, v...)
}

func appendPrefixes(b []byte, list []netip.Prefix) []byte {
	for _, p := range list {
		b = AppendPrefix(b, p)
	}
	return b
}

// AppendPrefix appends a prefix as NLRI (RFC 4271 section 4.3).
func AppendPrefix(b []byte, p netip.Prefix) []byte {
	b = append(b, byte(p.Bits()))
	return append(b, p.Addr().AsSlice()[:(p.Bits()+7)/8]...)
}
