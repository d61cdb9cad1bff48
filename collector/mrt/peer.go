package mrt

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"anywatch/collector"
	"anywatch/collector/route"
)

// maxPeers bounds how many peers one input may name; a peer index table can hold no more either.
const maxPeers = 1 << 16

// Address families as BGP4MP and RIB_GENERIC name them (RFC 6396 section 4.4.1).
const (
	afiIPv4 = 1
	afiIPv6 = 2
)

// peerKey finds a peer by the bytes of its record. An IPv4 address stands in high.
type peerKey struct {
	high, low uint64
	asn       route.ASN
	v6, sent  bool
}

// peer is one peer of the collector that wrote the file.
type peer struct {
	vantage *collector.Vantage
	// readers are how its messages read, by the encoding that the subtype of the record promises. Each learns for itself.
	readers [4]collector.Reader
	heard   bool         // it is among those that a gap is told of
	begun   route.Family // whose table the dump that is being read has begun
	showed  bool         // that dump has routes of it
}

// peer gives the peer of a key, registering its vantage when it is new. Messages that the collector itself sent, to a peer, are another
// vantage: what its own router announces there, whose AS is local.
func (s *Stream) peer(key peerKey, local route.ASN) (*peer, error) {
	if s.last != nil && key == s.lastKey {
		return s.last, nil
	}
	p, found := s.peers[key]
	if !found {
		if len(s.peers) >= maxPeers {
			return nil, errPeers
		}
		p = s.newPeer(key, local)
		s.peers[key] = p
	}
	s.lastKey, s.last = key, p
	return p, nil
}

func (s *Stream) newPeer(key peerKey, local route.ASN) *peer {
	v := collector.Vantage{
		Key:   collector.Key{Source: "mrt", Peer: key.addr(), PeerAS: key.asn},
		Scope: collector.External, Local: key.asn,
	}
	if key.sent {
		v.View, v.Local = collector.AdjOutPost, local
	}
	switch {
	case slices.Contains(s.ours, v.Local):
		v.Scope = collector.Internal
	case v.PeerAS == 0 && v.Peer.IsUnspecified() && len(s.ours) > 0:
		// Quagga, FRR and BIRD so name the router that writes a table, for the routes that it originates itself. Nobody but us keeps routers
		// that originate what we watch.
		v.Scope, v.Local = collector.Internal, s.ours[0]
	}
	p := &peer{vantage: s.reg.Register(v)}
	for i := range p.readers {
		rd := &p.readers[i]
		rd.Trial, rd.Local = true, v.Local
		rd.Encoding.TwoByteAS = i&readTwoByteAS != 0
		if i&readAddPath != 0 {
			rd.Encoding.AddPath, rd.Encoding.AddPathLabelled = route.IPv4|route.IPv6, route.IPv4|route.IPv6
		}
	}
	return p
}

// Bits of the index into a peer's readers.
const (
	readTwoByteAS = 1
	readAddPath   = 2
)

// looksPastBest notes that the peer announces with path identifiers.
func (s *Stream) looksPastBest(p *peer) {
	if !p.vantage.AllPaths {
		v := *p.vantage
		v.AllPaths = true
		p.vantage = s.reg.Register(v)
	}
}

// setDumped takes the address of a peer as a TABLE_DUMP of an IPv6 route holds it: OpenBSD's bgpd writes an IPv4 address into the first four octets
// of the sixteen.
func (k *peerKey) setDumped(b []byte) {
	if len(b) == 16 && binary.BigEndian.Uint32(b) != 0 && binary.BigEndian.Uint32(b[4:])|binary.BigEndian.Uint32(b[8:])|binary.BigEndian.Uint32(b[12:]) == 0 {
		b = b[:4]
	}
	k.setAddr(b)
}

// setAddr takes an address of 4 or 16 octets.
func (k *peerKey) setAddr(b []byte) {
	if len(b) == 4 {
		k.high, k.low, k.v6 = uint64(binary.BigEndian.Uint32(b)), 0, false
		return
	}
	k.high, k.low, k.v6 = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), true
}

func (k *peerKey) addr() netip.Addr {
	var b [16]byte
	if !k.v6 {
		binary.BigEndian.PutUint32(b[:], uint32(k.high))
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	binary.BigEndian.PutUint64(b[:], k.high)
	binary.BigEndian.PutUint64(b[8:], k.low)
	return netip.AddrFrom16(b).Unmap()
}
