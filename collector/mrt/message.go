package mrt

import (
	"context"
	"encoding/binary"
	"math"

	"anywatch/collector"
	"anywatch/collector/route"
)

// Subtypes of BGP4MP: RFC 6396 section 4.4, the deprecated two of its appendix B, and RFC 8050 section 3.
const (
	stateChange            = 0
	message                = 1
	entry                  = 2
	snapshot               = 3
	messageAS4             = 4
	stateChangeAS4         = 5
	messageLocal           = 6
	messageAS4Local        = 7
	messageAddPath         = 8
	messageAS4AddPath      = 9
	messageLocalAddPath    = 10
	messageAS4LocalAddPath = 11
)

// BGP messages (RFC 4271 section 4.1) and their shortest lengths.
const (
	bgpHeader       = 19
	bgpUpdate       = 2
	bgpRefresh      = 5
	bgpCapability   = 6   // a draft that never became an RFC, met in old archives
	bgpRefreshCisco = 128 // the ROUTE-REFRESH of before RFC 2918
)

// session is the beginning of every BGP4MP record: who talks with whom.
type session struct{ key, local peerKey }

// turned looks at the session from its other end.
func (s session) turned() session { return session{s.local, s.key} }

// openSession reads it and gives what follows: peer AS, local AS, interface, address family, peer address, local address (RFC 6396 section 4.4.1).
func openSession(b []byte, wide bool) (s session, rest []byte, err error) {
	var afi uint16
	if wide {
		if len(b) < 12 {
			return s, nil, errShort
		}
		s.key.asn, s.local.asn = route.ASN(binary.BigEndian.Uint32(b)), route.ASN(binary.BigEndian.Uint32(b[4:]))
		afi, b = binary.BigEndian.Uint16(b[10:]), b[12:]
	} else {
		if len(b) < 8 {
			return s, nil, errShort
		}
		s.key.asn, s.local.asn = route.ASN(binary.BigEndian.Uint16(b)), route.ASN(binary.BigEndian.Uint16(b[2:]))
		afi, b = binary.BigEndian.Uint16(b[6:]), b[8:]
	}
	size := 4
	switch afi {
	case afiIPv4:
	case afiIPv6:
		size = 16
	default:
		return s, nil, errFamily
	}
	if len(b) < 2*size {
		return s, nil, errShort
	}
	s.key.setAddr(b[:size])
	s.local.setAddr(b[size : 2*size])
	return s, b[2*size:], nil
}

func (s *Stream) bgp4mp(ctx context.Context, subtype uint16, b []byte) error {
	reader, wide, sent := 0, true, false
	switch subtype {
	case stateChange, stateChangeAS4:
		return s.stateChange(ctx, b, subtype == stateChangeAS4)
	case snapshot:
		return nil // it only names a file
	}
	switch subtype {
	case message, messageLocal, messageAddPath, messageLocalAddPath:
		reader, wide = readTwoByteAS, false
	}
	switch subtype {
	case messageLocal, messageAS4Local, messageLocalAddPath, messageAS4LocalAddPath:
		sent = true
	}
	if subtype >= messageAddPath {
		reader |= readAddPath
	}
	se, rest, err := openSession(b, wide)
	if err != nil {
		return err
	}
	se.key.sent = sent
	p, err := s.peer(se.key, se.local.asn)
	if err != nil {
		return err
	}
	if reader&readAddPath != 0 {
		s.looksPastBest(p)
	}
	return s.message(ctx, p, &p.readers[reader], rest)
}

// message takes a whole BGP message. Octets after it, within the record, are nobody's and ignored.
func (s *Stream) message(ctx context.Context, p *peer, rd *collector.Reader, b []byte) error {
	if len(b) < bgpHeader {
		return errShort
	}
	if binary.BigEndian.Uint64(b)&binary.BigEndian.Uint64(b[8:]) != math.MaxUint64 {
		return errMarker
	}
	size, typ := int(binary.BigEndian.Uint16(b[16:])), b[18]
	if size > len(b) {
		return errLength
	}
	if typ != bgpUpdate {
		return otherMessage(typ, size)
	}
	if size < bgpHeader {
		return errLength
	}
	s.hear(p)
	return s.in.Update(ctx, p.vantage, s.at, b[bgpHeader:size], rd)
}

// otherMessage checks what is no UPDATE: it counts as a message and says nothing about routes.
func otherMessage(typ byte, size int) error {
	var shortest int
	switch typ {
	case 1: // OPEN
		shortest = 29
	case 3: // NOTIFICATION
		shortest = 21
	case 4: // KEEPALIVE
		shortest = bgpHeader
	case bgpRefresh, bgpCapability, bgpRefreshCisco:
		shortest = 23
	default:
		return errBGPType
	}
	if size < shortest {
		return errLength
	}
	return nil
}

// established is the number of the state in which routes flow (RFC 6396 section 4.4.1). Two states after it are Quagga's own.
const (
	established = 6
	lastState   = 8
)

// stateChange tells of a session that came up or went down; steps between other states are of no consequence for routes.
func (s *Stream) stateChange(ctx context.Context, b []byte, wide bool) error {
	se, rest, err := openSession(b, wide)
	if err != nil {
		return err
	}
	from, to, err := states(rest)
	if err != nil {
		return err
	}
	se = s.fromOutside(se)
	if from == to || from != established && to != established {
		return nil
	}
	p, err := s.peer(se.key, se.local.asn)
	if err != nil {
		return err
	}
	s.hear(p)
	ev := collector.Event{Kind: collector.PeerUp, Time: s.at, Vantage: p.vantage, Reason: stateName(from) + " to " + stateName(to)}
	if from == established {
		ev.Kind = collector.PeerDown
	}
	return s.in.Out.Emit(ctx, ev)
}

// fromOutside gives the session as the collector sees its peer. OpenBSD's bgpd writes state changes with itself in the place of the peer, and gives
// itself away by a local AS of zero, before it knows the number of the peer; or the messages of the session tell.
func (s *Stream) fromOutside(se session) session {
	s.turned = s.turned || se.local.asn == 0
	if s.turned || s.peers[se.key] == nil && s.peers[se.local] != nil {
		return se.turned()
	}
	return se
}

// states reads the two states of a change, the old one first.
func states(b []byte) (from, to uint16, err error) {
	if len(b) < 4 {
		return 0, 0, errShort
	}
	from, to = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	if from > lastState || to > lastState {
		return 0, 0, errState
	}
	return from, to, nil
}

func stateName(n uint16) string {
	return [...]string{"state 0", "Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established", "Clearing", "Deleted"}[n]
}
