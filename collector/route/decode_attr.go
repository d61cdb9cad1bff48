package route

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
)

var errLength = errors.New("wrong length")

// attribute decodes one attribute; whole is header and value. What depends on the width of AS numbers is read here, because the
// packet library guesses it from the bytes; all else goes through the library.
func (m *message) attribute(whole []byte, typ uint8, value []byte) (err error) {
	switch typ {
	case attrASPath:
		m.attrs.Path, err = parseASPath(value, m.enc.TwoByteAS)
		return err
	case attrAS4Path:
		m.as4Path, err = parseASPath(value, false)
		return err
	case attrAggregator:
		m.attrs.Aggregator, err = parseAggregator(value, m.enc.TwoByteAS)
		return err
	case attrAS4Aggregator:
		m.as4Agg, err = parseAggregator(value, false)
		return err
	case attrMPReach:
		return m.reach(whole, value)
	case attrMPUnreach:
		return m.unreach(whole, value)
	case attrOTC:
		if len(value) != 4 {
			return errLength
		}
		m.attrs.OTC, m.attrs.HasOTC = ASN(binary.BigEndian.Uint32(value)), true
		return nil
	}
	return m.library(whole, value)
}

// library decodes an attribute through gobgp.
func (m *message) library(whole, value []byte) error {
	p, err := bgp.GetPathAttribute(whole)
	if err != nil {
		return err
	}
	if err := p.DecodeFromBytes(whole); err != nil {
		return err
	}
	a := m.attrs
	switch t := p.(type) {
	case *bgp.PathAttributeOrigin:
		if t.Value > uint8(Incomplete) {
			return fmt.Errorf("origin code %d is none of IGP, EGP, incomplete", t.Value)
		}
		a.Origin = OriginCode(t.Value)
	case *bgp.PathAttributeNextHop:
		m.plainNextHop, _ = netip.AddrFromSlice(t.Value)
		a.NextHop = m.plainNextHop
	case *bgp.PathAttributeMultiExitDisc:
		a.MED, a.HasMED = t.Value, true
	case *bgp.PathAttributeLocalPref:
		a.LocalPref, a.HasLocalPref = t.Value, true
	case *bgp.PathAttributeAtomicAggregate:
		a.AtomicAggregate = true
	case *bgp.PathAttributeCommunities:
		for _, c := range t.Value {
			a.Communities = append(a.Communities, Community(c))
		}
	case *bgp.PathAttributeOriginatorId:
		a.OriginatorID, _ = netip.AddrFromSlice(t.Value)
	case *bgp.PathAttributeClusterList:
		for _, id := range t.Value {
			addr, _ := netip.AddrFromSlice(id)
			a.ClusterList = append(a.ClusterList, addr)
		}
	case *bgp.PathAttributeLargeCommunities:
		for _, c := range t.Values {
			a.Large = append(a.Large, LargeCommunity{c.ASN, c.LocalData1, c.LocalData2})
		}
	case *bgp.PathAttributeExtendedCommunities:
		for ; len(value) >= 8; value = value[8:] {
			a.Extended = append(a.Extended, ExtCommunity(value[:8]))
		}
	default:
		a.Unknown = append(a.Unknown, RawAttr{Flags: whole[0], Type: whole[1], Value: append([]byte(nil), value...)})
	}
	return nil
}

// parseASPath reads an AS_PATH or AS4_PATH. RFC 7606 section 7.2: an unknown segment type, a segment that overruns the attribute, a single
// octet left over, or a segment of length zero make it malformed.
func parseASPath(b []byte, twoByte bool) (Path, error) {
	width := 4
	if twoByte {
		width = 2
	}
	var p Path
	for len(b) > 0 {
		if len(b) < 2 {
			return nil, errLength
		}
		kind, n := SegmentKind(b[0]), int(b[1])
		if kind < Set || kind > ConfedSet {
			return nil, fmt.Errorf("segment type %d is unknown", b[0])
		}
		if n == 0 || len(b) < 2+n*width {
			return nil, fmt.Errorf("a segment of %d AS numbers in %d octets", n, len(b)-2)
		}
		seg := Segment{Kind: kind, ASNs: make([]ASN, n)}
		for i := range seg.ASNs {
			if twoByte {
				seg.ASNs[i] = ASN(binary.BigEndian.Uint16(b[2+2*i:]))
			} else {
				seg.ASNs[i] = ASN(binary.BigEndian.Uint32(b[2+4*i:]))
			}
		}
		p = append(p, seg)
		b = b[2+n*width:]
	}
	return p.joined(), nil
}

func parseAggregator(b []byte, twoByte bool) (Aggregator, error) {
	switch {
	case twoByte && len(b) == 6:
		return Aggregator{ASN(binary.BigEndian.Uint16(b)), netip.AddrFrom4([4]byte(b[2:6]))}, nil
	case !twoByte && len(b) == 8:
		return Aggregator{ASN(binary.BigEndian.Uint32(b)), netip.AddrFrom4([4]byte(b[4:8]))}, nil
	}
	return Aggregator{}, errLength
}

// reach reads MP_REACH_NLRI (RFC 4760 section 3) of unicast and labelled unicast; other families are not for us.
func (m *message) reach(whole, value []byte) error {
	if m.table && len(value) > 0 && int(value[0]) == len(value)-1 {
		m.mpNextHop = nextHop(value[1:])
		return nil
	}
	if len(value) < 5 {
		return errLength
	}
	if !m.wanted(value) {
		return nil
	}
	p := &bgp.PathAttributeMpReachNLRI{}
	if err := p.DecodeFromBytes(whole, m.options()); err != nil {
		return err
	}
	m.mpNextHop, _ = netip.AddrFromSlice(p.Nexthop)
	m.mpNextHop = m.mpNextHop.Unmap()
	return m.append(&m.mpAnnounced, p.Value)
}

func (m *message) unreach(whole, value []byte) error {
	if len(value) < 3 {
		return errLength
	}
	if !m.wanted(value) {
		return nil
	}
	p := &bgp.PathAttributeMpUnreachNLRI{}
	if err := p.DecodeFromBytes(whole, m.options()); err != nil {
		return err
	}
	return m.append(&m.withdrawn, p.Value)
}

// nextHop reads a next hop alone: with IPv6, the global address comes first, a link-local one may follow.
func nextHop(b []byte) netip.Addr {
	if len(b) == 32 {
		b = b[:16]
	}
	a, _ := netip.AddrFromSlice(b)
	return a.Unmap()
}

// wanted looks at the AFI and SAFI at the head of an MP attribute.
func (m *message) wanted(value []byte) bool {
	afi, safi := binary.BigEndian.Uint16(value), value[2]
	return (afi == bgp.AFI_IP || afi == bgp.AFI_IP6) &&
		(safi == bgp.SAFI_UNICAST || safi == bgp.SAFI_MPLS_LABEL || safi == bgp.SAFI_MPLS_VPN && m.vrf != nil)
}

// options tells gobgp which families carry path identifiers.
func (m *message) options() *bgp.MarshallingOption {
	modes := map[bgp.RouteFamily]bgp.BGPAddPathMode{}
	for _, f := range []struct {
		on bool
		rf bgp.RouteFamily
	}{
		{m.enc.AddPath&IPv4 != 0, bgp.RF_IPv4_UC},
		{m.enc.AddPath&IPv6 != 0, bgp.RF_IPv6_UC},
		{m.enc.AddPathLabelled&IPv4 != 0, bgp.RF_IPv4_MPLS},
		{m.enc.AddPathLabelled&IPv6 != 0, bgp.RF_IPv6_MPLS},
		{m.enc.AddPathVPN&IPv4 != 0, bgp.RF_IPv4_VPN},
		{m.enc.AddPathVPN&IPv6 != 0, bgp.RF_IPv6_VPN},
	} {
		if f.on {
			modes[f.rf] = bgp.BGP_ADD_PATH_RECEIVE
		}
	}
	return &bgp.MarshallingOption{AddPath: modes}
}

// append takes prefixes over from gobgp, masked: host bits that are set are the sender's fault, not another route.
func (m *message) append(dst *[]NLRI, list []bgp.AddrPrefixInterface) error {
	for _, n := range list {
		var addr []byte
		var bits int
		switch t := n.(type) {
		case *bgp.IPAddrPrefix:
			addr, bits = t.Prefix, int(t.Length)
		case *bgp.IPv6AddrPrefix:
			addr, bits = t.Prefix, int(t.Length)
		case *bgp.LabeledIPAddrPrefix:
			addr, bits = t.Prefix, int(t.IPPrefixLen())
		case *bgp.LabeledIPv6AddrPrefix:
			addr, bits = t.Prefix, int(t.IPPrefixLen())
		case *bgp.LabeledVPNIPAddrPrefix:
			addr, bits = t.Prefix, int(t.IPPrefixLen())
			if !m.named(t.RD) {
				continue
			}
		case *bgp.LabeledVPNIPv6AddrPrefix:
			addr, bits = t.Prefix, int(t.IPPrefixLen())
			if !m.named(t.RD) {
				continue
			}
		default:
			return fmt.Errorf("a route of the kind %T among unicast routes", n)
		}
		p, err := prefixOf(addr, bits)
		if err != nil {
			return err
		}
		*dst = append(*dst, NLRI{Prefix: p, PathID: n.PathIdentifier()})
	}
	return nil
}

// named tells whether the VRF of a route distinguisher is watched.
func (m *message) named(rd bgp.RouteDistinguisherInterface) bool {
	b, err := rd.Serialize()
	return err == nil && len(b) == 8 && m.vrf(binary.BigEndian.Uint64(b))
}

func prefixOf(addr []byte, bits int) (netip.Prefix, error) {
	a, ok := netip.AddrFromSlice(addr)
	if !ok {
		return netip.Prefix{}, errLength
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("prefix length %d: %w", bits, err)
	}
	return p, nil
}

// plain reads the routes outside of MP attributes: withdrawn routes and NLRI of IPv4 (RFC 4271 section 4.3).
func (m *message) plain(b []byte, dst *[]NLRI) {
	addPath := m.enc.AddPath&IPv4 != 0
	if most := len(b) / 4; most > cap(*dst)-len(*dst) { // nearly all routes take four octets: room is made once
		*dst = slices.Grow(*dst, min(most+1, 256))
	}
	for len(b) > 0 {
		var n NLRI
		if addPath {
			if len(b) < 5 {
				m.out.fault(Unreadable, errShort)
				return
			}
			n.PathID, b = binary.BigEndian.Uint32(b), b[4:]
		}
		bits := int(b[0])
		octets := (bits + 7) / 8
		if bits > 32 || len(b) < 1+octets {
			m.out.fault(Unreadable, fmt.Errorf("an IPv4 route of length /%d in %d octets", bits, len(b)-1))
			return
		}
		var addr [4]byte
		copy(addr[:], b[1:1+octets])
		n.Prefix = netip.PrefixFrom(netip.AddrFrom4(addr), bits).Masked()
		*dst, b = append(*dst, n), b[1+octets:]
	}
}
