package wire

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// BMP message types (RFC 7854 section 4.1).
const (
	bmpRouteMonitoring = 0
	bmpPeerUp          = 3
	bmpInitiation      = 4

	bmpHeaderLen = 6
)

// BMPPeer is a peer that a router shows: its Adj-RIB-In before policy.
type BMPPeer struct {
	Address netip.Addr // IPv4
	ASN     uint32
	At      time.Time
}

func appendBMP(b []byte, typ byte, parts ...[]byte) []byte {
	n := bmpHeaderLen
	for _, p := range parts {
		n += len(p)
	}
	b = append(binary.BigEndian.AppendUint32(append(b, 3), uint32(n)), typ)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// Initiation is a router's first message (RFC 7854 section 4.3), with its description and its name.
func Initiation(name string) []byte {
	information := func(typ uint16, text string) []byte {
		b := binary.BigEndian.AppendUint16(nil, typ)
		return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
	}
	return appendBMP(nil, bmpInitiation, information(1, "benchmark"), information(2, name))
}

// header is the per-peer header (RFC 7854 section 4.2).
func (p BMPPeer) header() []byte {
	b := make([]byte, 22, 42)
	b = append(b, p.Address.AsSlice()...)
	b = binary.BigEndian.AppendUint32(b, p.ASN)
	b = append(b, p.Address.AsSlice()...)
	b = binary.BigEndian.AppendUint32(b, uint32(p.At.Unix()))
	return binary.BigEndian.AppendUint32(b, 0)
}

// Up tells that the session with the peer stands (RFC 7854 section 4.10); the router's own end of it has this address and AS.
func (p BMPPeer) Up(local netip.Addr, asn uint32) []byte {
	ends := append(make([]byte, 12), local.AsSlice()...)
	ends = append(ends, 0, 179, 0x30, 0x39)
	return appendBMP(nil, bmpPeerUp, p.header(), ends, Open(asn, local, hold), Open(p.ASN, p.Address, hold))
}

// Monitoring appends each message of a BGP stream as a Route Monitoring of the peer (RFC 7854 section 4.6).
func (p BMPPeer) Monitoring(b []byte, updates [][]byte) []byte {
	head := p.header()
	for _, u := range updates {
		b = appendBMP(b, bmpRouteMonitoring, head, u)
	}
	return b
}
