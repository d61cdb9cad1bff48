package screen

import "anywatch/collector/route"

// family walks the routes of one MP attribute and counts them. Unicast and labelled unicast are looked at, VPN routes where their VRF is
// named; all other families are counted only.
func (m *walk) family(afi int, safi byte, b []byte) int {
	if afi != afiIPv4 && afi != afiIPv6 {
		return m.foreign(afi, safi, b)
	}
	fam, enc := route.Family(afi), m.ctx.Encoding
	switch safi {
	case safiUnicast:
		if afi == afiIPv4 {
			return m.routes4(b, enc.AddPath&fam != 0)
		}
		return m.routes6(b, enc.AddPath&fam != 0)
	case safiLabelled:
		return m.labelled(b, fam, enc.AddPathLabelled&fam != 0, 0)
	case safiVPN:
		return m.labelled(b, fam, enc.AddPathVPN&fam != 0, 8)
	}
	return m.foreign(afi, safi, b)
}

// octets4 keeps the octets of an address that a route of so many octets sends.
var octets4 = [5]uint32{0, 0xFF000000, 0xFFFF0000, 0xFFFFFF00, 0xFFFFFFFF}

// routes4 walks IPv4 routes and gives their number. This loop is what the speed of the whole rests on: what is not in a /16 that overlaps the
// watch, nearly everything, is done with after one look at a bitmap that stays in the first-level cache.
func (m *walk) routes4(b []byte, addPath bool) (n int) {
	by16, by20, skip := &m.w.filter4.by16, &m.w.filter4.by20, 0
	if addPath {
		skip = 4
	}
	look, odd := m.look, uint32(0)
	for len(b) > skip {
		b = b[skip:]
		bits := int(b[0])
		octets := (bits + 7) >> 3
		if bits > 32 || len(b) <= octets {
			m.fail(ErrRoute)
			return n
		}
		var addr uint32
		if octets < 4 && len(b) >= 4 {
			addr = be32(b[:4]) << 8 & octets4[octets] // the length falls out on the left
		} else {
			addr = head4(b[1:], octets)
		}
		odd |= addr << bits
		if bits == 0 {
			m.defaults++
		}
		if look && (by16[addr>>22]&(1<<(addr>>16&63)) != 0 || bits <= 16 || m.tracking) {
			if bits < 20 || by20[addr>>18]&(1<<(addr>>12&63)) != 0 || m.tracking {
				look = !m.match4(addr, bits)
			}
		}
		b = b[1+octets:]
		n++
	}
	if len(b) > 0 {
		m.fail(ErrRoute)
	}
	m.look, m.hostBits = look, m.hostBits || odd != 0
	return n
}

// head4 reads the first octets (0 to 4) of an address; what is not sent is zero.
func head4(b []byte, octets int) uint32 {
	switch octets {
	case 4:
		return be32(b)
	case 3:
		return uint32(b[2])<<8 | uint32(b[1])<<16 | uint32(b[0])<<24
	case 2:
		return uint32(b[1])<<16 | uint32(b[0])<<24
	case 1:
		return uint32(b[0]) << 24
	}
	return 0
}

func (m *walk) match4(addr uint32, bits int) bool {
	return m.w.overlaps4(addr, bits) || m.tracking && m.s.seen.has4(addr, bits)
}

// routes6 walks IPv6 routes and gives their number.
func (m *walk) routes6(b []byte, addPath bool) (n int) {
	skip := 0
	if addPath {
		skip = 4
	}
	look, odd := m.look, uint64(0)
	for len(b) > skip {
		b = b[skip:]
		bits := int(b[0])
		octets := (bits + 7) >> 3
		if bits > 128 || len(b) <= octets {
			m.fail(ErrRoute)
			return n
		}
		high, low := head6(b[1:], octets)
		odd |= hostBits6(high, low, bits)
		if bits == 0 {
			m.defaults++
		}
		if look && (m.tracking || m.w.filter6.may(high, bits) || bits < int(m.w.shortest.IPv6)) {
			look = !m.match6(high, low, bits)
		}
		b = b[1+octets:]
		n++
	}
	if len(b) > 0 {
		m.fail(ErrRoute)
	}
	m.look, m.hostBits = look, m.hostBits || odd != 0
	return n
}

// head6 reads the first octets (0 to 16) of an address as two halves; what is not sent is zero.
func head6(b []byte, octets int) (high, low uint64) {
	if len(b) >= 8 && octets <= 8 {
		return be64(b) &^ (1<<(64-8*octets) - 1), 0
	}
	for i := range octets {
		if i < 8 {
			high |= uint64(b[i]) << (56 - 8*i)
		} else {
			low |= uint64(b[i]) << (120 - 8*i)
		}
	}
	return high, low
}

// hostBits6 gives what is set behind the length of a prefix.
func hostBits6(high, low uint64, bits int) uint64 {
	if bits < 64 {
		return high<<bits | low
	}
	return low << (bits - 64)
}

func (m *walk) match6(high, low uint64, bits int) bool {
	return m.w.overlaps6(high, low, bits) || m.tracking && m.s.seen.has6(high, low, bits)
}

// labelled walks routes with labels in front (RFC 8277 section 2) and, with VPN routes, eight octets of route distinguisher (RFC 4364 section
// 4.3.4) after them.
func (m *walk) labelled(b []byte, fam route.Family, addPath bool, rdLen int) (n int) {
	for len(b) > 0 {
		if addPath {
			if len(b) < 5 {
				m.fail(ErrRoute)
				return n
			}
			b = b[4:]
		}
		bits := int(b[0])
		octets := (bits + 7) >> 3
		if len(b) <= octets {
			m.fail(ErrRoute)
			return n
		}
		m.unlabelled(b[1:1+octets], bits, fam, rdLen)
		b = b[1+octets:]
		n++
	}
	return n
}

// unlabelled takes labels and route distinguisher off one route and looks at its prefix.
func (m *walk) unlabelled(b []byte, bits int, fam route.Family, rdLen int) {
	skip := labels(b)
	bits -= 8 * (skip + rdLen)
	limit := 32
	if fam == route.IPv6 {
		limit = 128
	}
	if skip == 0 || bits < 0 || bits > limit {
		m.fail(ErrRoute)
		return
	}
	if rdLen > 0 && (m.ctx.VRF == nil || !m.ctx.VRF(be64(b[skip:]))) {
		return
	}
	b = b[skip+rdLen:]
	if !m.look {
		return
	}
	if fam == route.IPv4 {
		m.look = !m.match4(head4(b, len(b)), bits)
		return
	}
	high, low := head6(b, len(b))
	m.look = !m.match6(high, low, bits)
}

// labels gives the octets that the label stack takes: up to the bottom of the stack, or one entry that means a withdrawal (RFC 8277 section
// 2.4).
func labels(b []byte) int {
	for n := 3; n <= len(b); n += 3 {
		l := b[n-3 : n]
		withdrawn := l[0] == 0x80 && l[1] == 0 && l[2] == 0 || l[0] == 0 && l[1] == 0 && l[2] == 0
		if l[2]&1 != 0 || withdrawn {
			return n
		}
	}
	return 0
}

// foreign counts the routes of a family that is not watched, by the framing that its RFC gives; a family of unknown framing counts as one
// route. What does not fit its framing is left uncounted: it is nothing that anywatch reads.
func (m *walk) foreign(afi int, safi byte, b []byte) (n int) {
	frame := framing(afi, safi)
	if frame == nil {
		return min(len(b), 1)
	}
	for len(b) > 0 {
		size := frame(b)
		if size <= 0 || size > len(b) {
			return n
		}
		b = b[size:]
		n++
	}
	return n
}

// framing knows how long one route of a family is.
func framing(afi int, safi byte) func([]byte) int {
	const afiL2VPN, afiLS = 25, 16388
	switch {
	case safi == 70 || safi == 5 || safi == 85: // EVPN (RFC 7432), MVPN (RFC 6514), MUP: route type, length in octets
		return func(b []byte) int { return sized(b, 2, 1) }
	case afi == afiLS && (safi == 71 || safi == 72): // BGP-LS (RFC 9552): type and length of two octets each
		return func(b []byte) int {
			if len(b) < 4 {
				return 0
			}
			return 4 + be16(b[2:])
		}
	case afi == afiL2VPN && safi == 65: // VPLS (RFC 4761): length of two octets
		return func(b []byte) int {
			if len(b) < 2 {
				return 0
			}
			return 2 + be16(b)
		}
	case safi == 133 || safi == 134: // flow specification (RFC 8955): length of one octet, or of two from 240 on
		return flowSpec
	case safi == 2 || safi == 73 || safi == 132 || safi == 129: // length in bits: multicast, SR policy, route target membership, multicast VPN
		return func(b []byte) int { return 1 + (int(b[0])+7)/8 }
	}
	return nil
}

// sized reads a length of one octet that stands at the end of a header.
func sized(b []byte, header, at int) int {
	if len(b) < header {
		return 0
	}
	return header + int(b[at])
}

func flowSpec(b []byte) int {
	if b[0] < 0xF0 {
		return 1 + int(b[0])
	}
	if len(b) < 2 {
		return 0
	}
	return 2 + be16(b)&0x0FFF
}
