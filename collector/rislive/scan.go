package rislive

import (
	"math"

	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// scanner makes one pass over a message. The slices it finds point into the message.
type scanner struct {
	b      []byte
	i      int
	screen *screen.Screen
	watch  *screen.Watch

	seen                                  uint16 // keys met, one bit each
	wrapped                               bool   // the message stands in "data"
	kind, peer, asn, host, state, raw, at []byte
	envelope                              []byte
	announced, withdrawn                  int
	touches                               bool // a prefix of interest is announced or withdrawn
	ours, hops                            bool // one of our ASes stands in the path; the path is not empty
}

// Keys of a message that the scanner knows, as bits.
const (
	keyType uint16 = 1 << iota
	keyTimestamp
	keyPeer
	keyASN
	keyHost
	keyState
	keyRaw
	keyPath
	keyAnnouncements
	keyWithdrawals
	keyData
	keyEnvelope
)

// maxDepth is how deep values are followed; messages have five levels.
const maxDepth = 16

// scan goes over the whole message and tells whether it understood all of it. When it did not, because the message is no JSON, or has escapes,
// repeated keys, spellings out of the ordinary, nothing that it found counts.
func (s *scanner) scan(b []byte, on *screen.Screen) bool {
	*s = scanner{b: b, screen: on, watch: on.Watch()}
	if !s.object(s.outer) {
		return false
	}
	s.space()
	if s.i != len(s.b) {
		return false
	}
	if !s.wrapped {
		s.kind = s.envelope
	}
	return true
}

// outer takes one key of the outermost object: of the envelope, or of the message itself when it comes without one. Where both are there at
// once, which of two values counts is not for a quick look to say.
func (s *scanner) outer(key []byte) bool {
	switch string(key) {
	case "type":
		return s.once(keyEnvelope) && s.text(&s.envelope)
	case "data":
		if !s.once(keyData) || s.seen&^(keyData|keyEnvelope) != 0 {
			return false
		}
		s.wrapped = true
		if s.peek() == '{' {
			return s.object(s.member)
		}
		return s.skip(0)
	}
	if s.wrapped && known(key) {
		return false
	}
	return s.member(key)
}

func known(key []byte) bool {
	switch string(key) {
	case "timestamp", "peer", "peer_asn", "host", "state", "raw", "path", "announcements", "withdrawals":
		return true
	}
	return false
}

// member takes one key of the message.
func (s *scanner) member(key []byte) bool {
	switch string(key) {
	case "type":
		return s.once(keyType) && s.text(&s.kind)
	case "timestamp":
		return s.once(keyTimestamp) && s.number(&s.at)
	case "peer":
		return s.once(keyPeer) && s.text(&s.peer)
	case "peer_asn":
		return s.once(keyASN) && s.text(&s.asn)
	case "host":
		return s.once(keyHost) && s.text(&s.host)
	case "state":
		return s.once(keyState) && s.text(&s.state)
	case "raw":
		return s.once(keyRaw) && s.text(&s.raw)
	case "path":
		return s.once(keyPath) && s.array(s.hop)
	case "announcements":
		return s.once(keyAnnouncements) && s.array(s.announcement)
	case "withdrawals":
		return s.once(keyWithdrawals) && s.array(s.withdrawal)
	}
	return s.skip(0)
}

// once notes a key; false when it was met before.
func (s *scanner) once(key uint16) bool {
	if s.seen&key != 0 {
		return false
	}
	s.seen |= key
	return true
}

// hop takes one element of the path: an AS number, or a list of them, an AS_SET.
func (s *scanner) hop() bool {
	if s.peek() == '[' {
		return s.array(s.hopNumber)
	}
	return s.hopNumber()
}

func (s *scanner) hopNumber() bool {
	s.space()
	var n uint64
	start, i := s.i, s.i
	for ; i < len(s.b) && s.b[i]-'0' <= 9; i++ {
		n = 10*n + uint64(s.b[i]-'0')
	}
	s.i = i
	// Fractions and exponents end in what must follow a number, a comma or a bracket; a leading zero is no number at all.
	if size := i - start; size == 0 || size > 10 || s.b[start] == '0' && size > 1 || n > math.MaxUint32 {
		return false
	}
	s.hops = true
	s.ours = s.ours || s.watch.Ours(route.ASN(n))
	return true
}

// parseASN reads an AS number from its digits.
func parseASN(b []byte) (route.ASN, bool) {
	if len(b) == 0 || len(b) > 10 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + uint64(c-'0')
	}
	return route.ASN(n), n <= math.MaxUint32
}

// announcement takes one element of the announcements: prefixes with their next hop.
func (s *scanner) announcement() bool {
	var keys uint8
	return s.object(func(key []byte) bool {
		switch string(key) {
		case "prefixes":
			first := keys&1 == 0
			keys |= 1
			return first && s.array(s.announce)
		case "next_hop":
			var hop []byte
			first := keys&2 == 0
			keys |= 2
			// A link-local next hop stands beside a global one of the same route, which takes comparing.
			return first && s.text(&hop) && !(len(hop) > 1 && hop[0]|0x20 == 'f' && hop[1]|0x20 == 'e')
		}
		return s.skip(0)
	})
}

func (s *scanner) announce() bool {
	s.announced++
	return s.prefix()
}

func (s *scanner) withdrawal() bool {
	s.withdrawn++
	return s.prefix()
}

func (s *scanner) prefix() bool {
	var text []byte
	if !s.text(&text) {
		return false
	}
	p, ok := parsePrefix(text)
	if ok && !s.touches {
		s.touches = s.screen.Touches(p)
	}
	return ok
}
