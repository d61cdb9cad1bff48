package screen

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"anywatch/collector/route"
)

// message is an UPDATE that a test puts together.
type message struct {
	withdrawn, announced     []route.NLRI // IPv4, in the classic fields
	mpAnnounced, mpWithdrawn []route.NLRI // IPv6 in MP attributes; IPv4 where mpIPv4 is set
	mpIPv4                   bool
	mpSAFI                   byte // 1 when zero
	path                     route.Path
	noPath                   bool
}

// bytes writes the body of the UPDATE.
func (m message) bytes(enc route.Encoding) []byte {
	var attrs []byte
	if !m.noPath {
		attrs = attribute(attrs, 0x40, 2, pathBytes(m.path, enc.TwoByteAS))
	}
	family, hop := route.IPv6, 16
	if m.mpIPv4 {
		family, hop = route.IPv4, 4
	}
	safi, mpIDs := max(m.mpSAFI, safiUnicast), enc.AddPath
	switch safi {
	case safiLabelled:
		mpIDs = enc.AddPathLabelled
	case safiVPN:
		mpIDs = enc.AddPathVPN
	}
	front := inFront(safi)
	if len(m.mpAnnounced) > 0 {
		v := append([]byte{0, byte(family), safi, byte(hop)}, make([]byte, hop+1)...)
		attrs = attribute(attrs, 0x90, 14, append(v, nlriBytes(m.mpAnnounced, mpIDs&family != 0, front...)...))
	}
	if len(m.mpWithdrawn) > 0 {
		attrs = attribute(attrs, 0x90, 15, append([]byte{0, byte(family), safi}, nlriBytes(m.mpWithdrawn, mpIDs&family != 0, front...)...))
	}
	ids := enc.AddPath&route.IPv4 != 0
	w := nlriBytes(m.withdrawn, ids)
	b := binary.BigEndian.AppendUint16(nil, uint16(len(w)))
	b = append(b, w...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(attrs)))
	b = append(b, attrs...)
	return append(b, nlriBytes(m.announced, ids)...)
}

func attribute(dst []byte, flags, typ byte, value []byte) []byte {
	if len(value) > 255 {
		flags |= 0x10
	}
	dst = append(dst, flags, typ)
	if flags&0x10 != 0 {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(value)))
	} else {
		dst = append(dst, byte(len(value)))
	}
	return append(dst, value...)
}

func pathBytes(p route.Path, twoByte bool) (b []byte) {
	for _, s := range p {
		b = append(b, byte(s.Kind), byte(len(s.ASNs)))
		for _, a := range s.ASNs {
			if twoByte {
				b = binary.BigEndian.AppendUint16(b, uint16(a))
			} else {
				b = binary.BigEndian.AppendUint32(b, uint32(a))
			}
		}
	}
	return b
}

// vrf is the route distinguisher of all VPN routes of tests: 64500:1.
const vrf = 64500<<32 | 1

// inFront is what stands between the length of a route and its prefix: a label, and with VPN routes a route distinguisher.
func inFront(safi byte) []byte {
	switch label := []byte{0, 0x10, 1}; safi {
	case safiLabelled:
		return label
	case safiVPN:
		return binary.BigEndian.AppendUint64(label, vrf)
	}
	return nil
}

func nlriBytes(list []route.NLRI, ids bool, front ...byte) (b []byte) {
	for _, n := range list {
		if ids {
			b = binary.BigEndian.AppendUint32(b, n.PathID)
		}
		b = append(append(b, byte(n.Prefix.Bits()+8*len(front))), front...)
		b = append(b, n.Prefix.Addr().AsSlice()[:(n.Prefix.Bits()+7)/8]...)
	}
	return b
}

// randomPrefix draws from a small part of the address space, so that prefixes meet.
func randomPrefix(r *rand.Rand, v6 bool) netip.Prefix {
	if v6 {
		var a [16]byte
		binary.BigEndian.PutUint32(a[:], 0x20010db8+uint32(r.IntN(4))<<r.IntN(12))
		binary.BigEndian.PutUint32(a[4:], r.Uint32()&0xF00F0000)
		a[15] = byte(r.IntN(3))
		return netip.PrefixFrom(netip.AddrFrom16(a), r.IntN(129)).Masked()
	}
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 0xC0000000+uint32(r.IntN(1<<12))<<r.IntN(21)+uint32(r.IntN(256)))
	return netip.PrefixFrom(netip.AddrFrom4(a), r.IntN(33)).Masked()
}

func randomRoutes(r *rand.Rand, v6 bool) (list []route.NLRI) {
	for range r.IntN(4) {
		list = append(list, route.NLRI{Prefix: randomPrefix(r, v6), PathID: r.Uint32()})
	}
	return list
}

func randomPath(r *rand.Rand) (p route.Path) {
	for range r.IntN(4) {
		s := route.Segment{Kind: route.SegmentKind(1 + r.IntN(4))}
		for range 1 + r.IntN(4) {
			s.ASNs = append(s.ASNs, route.ASN(64490+r.IntN(20)))
		}
		p = append(p, s)
	}
	return p
}

func randomMessage(r *rand.Rand) message {
	m := message{withdrawn: randomRoutes(r, false), announced: randomRoutes(r, false), path: randomPath(r), mpIPv4: r.IntN(3) == 0}
	m.mpAnnounced, m.mpWithdrawn = randomRoutes(r, !m.mpIPv4), randomRoutes(r, !m.mpIPv4)
	m.mpSAFI = []byte{safiUnicast, safiUnicast, safiLabelled, safiVPN}[r.IntN(4)]
	return m
}
