package bgp

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/jwhited/corebgp"

	"anywatch/collector/internal/open"
	"anywatch/collector/route"
)

const (
	extendedMessage = 6 // capability code (RFC 8654)

	paramCapabilities = 2   // optional parameter (RFC 5492)
	paramExtended     = 255 // the lengths take two octets (RFC 9072)

	flagNotification = 0x40 // of the restart flags: N (RFC 8538 section 2)
)

// offers are our capabilities; corebgp adds the 4-octet AS number. Graceful restart is offered with a restart time of zero, no R bit and no
// family: we preserve nothing and do not restart, but support a peer that does, "by sending End-of-RIB and by the procedures for the
// Receiving Speaker" (RFC 4724 section 3), and with the N bit those of RFC 8538. Some routers only send End-of-RIB to those who offer it.
func offers(addPath bool) []corebgp.Capability {
	list := []corebgp.Capability{
		corebgp.NewMPExtensionsCapability(1, 1),
		corebgp.NewMPExtensionsCapability(2, 1),
		{Code: open.RouteRefresh},
		{Code: extendedMessage},
		{Code: open.GracefulRestart, Value: []byte{flagNotification, 0}},
		{Code: open.EnhancedRouteRefresh},
	}
	if addPath {
		list = append(list, corebgp.NewAddPathCapability([]corebgp.AddPathTuple{{AFI: 1, SAFI: 1, Rx: true}, {AFI: 2, SAFI: 1, Rx: true}}))
	}
	return list
}

// peerOpen is what the peer's OPEN says.
type peerOpen struct {
	version byte
	asn     uint16
	hold    time.Duration
	id      netip.Addr
	open.Capabilities
	extended     bool                           // extended messages (RFC 8654)
	notification bool                           // graceful restart also after a NOTIFICATION (RFC 8538)
	longLived    map[route.Family]time.Duration // how long stale routes are kept after the restart time (RFC 9494)
}

// parseOpen reads the body of an OPEN, which has at least ten octets. What is wrong with its optional parameters is a fault; a capability that
// can't be read counts as absent, because a monitor that refuses a session over one sees nothing at all.
func parseOpen(b []byte) (o peerOpen, wrong *fault) {
	o.version, o.asn = b[0], binary.BigEndian.Uint16(b[1:])
	o.hold = time.Duration(binary.BigEndian.Uint16(b[3:])) * time.Second
	o.id = netip.AddrFrom4([4]byte(b[5:9]))
	if o.version != 4 {
		return o, nil // corebgp refuses it, and what follows may have any form
	}
	return o, o.parameters(b[9:])
}

// parameters walks the optional parameters. RFC 4271 section 6.2: one that is not recognized is an error with "Unsupported Optional
// Parameter", one that is malformed is "Unspecific". RFC 9072 section 2: when the first one has the type 255, lengths take two octets.
func (o *peerOpen) parameters(b []byte) *fault {
	malformed := &fault{code: codeOpen, subcode: openUnspecific}
	length, wide := int(b[0]), 0
	b = b[1:]
	if length > 0 && len(b) >= 3 && b[0] == paramExtended {
		length, wide, b = int(binary.BigEndian.Uint16(b[1:])), 1, b[3:]
	}
	if length != len(b) {
		return malformed
	}
	for head := 2 + wide; len(b) > 0; {
		if len(b) < head {
			return malformed
		}
		n := int(b[1])
		if wide > 0 {
			n = int(binary.BigEndian.Uint16(b[1:]))
		}
		if len(b) < head+n {
			return malformed
		}
		if b[0] != paramCapabilities {
			return &fault{code: codeOpen, subcode: openBadOptional}
		}
		if !o.capabilities(b[head : head+n]) {
			return malformed
		}
		b = b[head+n:]
	}
	return nil
}

func (o *peerOpen) capabilities(b []byte) bool {
	for len(b) > 0 {
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return false
		}
		code, value := b[0], b[2:2+int(b[1])]
		o.Add(code, value)
		switch code {
		case extendedMessage:
			o.extended = true
		case open.GracefulRestart:
			o.notification = len(value) >= 2 && value[0]&flagNotification != 0
		case open.LongLivedRestart:
			o.staleTimes(value)
		}
		b = b[2+len(value):]
	}
	return true
}

// staleTimes reads the long-lived graceful restart capability (RFC 9494 section 3.1): AFI, SAFI, flags, and 24 bits of seconds each.
func (o *peerOpen) staleTimes(b []byte) {
	for ; len(b) >= 7; b = b[7:] {
		afi, safi := binary.BigEndian.Uint16(b), b[2]
		if safi != 1 || afi != 1 && afi != 2 {
			continue
		}
		if o.longLived == nil {
			o.longLived = make(map[route.Family]time.Duration)
		}
		o.longLived[route.Family(afi)] = time.Duration(uint32(b[4])<<16|uint32(b[5])<<8|uint32(b[6])) * time.Second
	}
}

// forCore writes the OPEN that corebgp sees: what it has to judge, with nothing in it that it could stumble over. Its hold time never matters,
// because the timers are kept here, but one or two seconds are for corebgp to refuse. A peer without 4-octet AS numbers gets the capability,
// which corebgp insists on; its paths are read as what they are (RFC 6793).
func (o *peerOpen) forCore() []byte {
	hold, asn := uint16(fsmHold), uint32(o.ASN)
	if o.hold == time.Second || o.hold == 2*time.Second {
		hold = uint16(o.hold / time.Second)
	}
	if !o.FourOctet {
		asn = uint32(o.asn)
	}
	id := o.id.As4()
	b := []byte{o.version}
	b = binary.BigEndian.AppendUint16(b, o.asn)
	b = binary.BigEndian.AppendUint16(b, hold)
	b = append(b, id[:]...)
	b = append(b, 8, paramCapabilities, 6, open.FourOctetAS, 4)
	return message(typeOpen, binary.BigEndian.AppendUint32(b, asn)...)
}
