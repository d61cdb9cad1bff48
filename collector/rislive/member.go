package rislive

import "encoding/binary"

// member is a member of one of the objects that a message is made of.
type member uint8

// The members that the scanner knows, and where its objects begin.
const (
	none member = iota // nothing that is JSON
	end                // of the object
	inEnvelope
	inMessage
	inAnnouncement
	memberOther
	memberID
	memberCommunity
	memberOrigin
	memberMED
	memberAggregator
	memberEnvelope // the type of the envelope
	memberData
	memberType
	memberTimestamp
	memberPeer
	memberASN
	memberHost
	memberState
	memberRaw
	memberPath
	memberAnnouncements
	memberWithdrawals
	memberNextHop
	memberPrefixes
	members
)

// set is a set of members.
type set uint32

func (s set) has(m member) bool { return s&(1<<(m&31)) != 0 }

// meaning is which members mean something, by the kind of the object.
var meaning = [...]set{
	inEnvelope:     ofMessage&^(1<<memberType) | 1<<memberEnvelope | 1<<memberData,
	inMessage:      ofMessage,
	inAnnouncement: 1<<memberNextHop | 1<<memberPrefixes,
}

const (
	ofMessage = 1<<memberType | 1<<memberTimestamp | 1<<memberPeer | 1<<memberASN | 1<<memberHost | 1<<memberState | 1<<memberRaw |
		1<<memberPath | 1<<memberAnnouncements | 1<<memberWithdrawals
	// texts are those that must be strings.
	texts set = 1<<memberEnvelope | 1<<memberType | 1<<memberPeer | 1<<memberASN | 1<<memberHost | 1<<memberState | 1<<memberRaw | 1<<memberNextHop
)

// identify finds which member a key is of.
func identify(key []byte) member {
	switch string(key) {
	case "type":
		return memberType
	case "timestamp":
		return memberTimestamp
	case "peer":
		return memberPeer
	case "peer_asn":
		return memberASN
	case "id":
		return memberID
	case "host":
		return memberHost
	case "state":
		return memberState
	case "raw":
		return memberRaw
	case "path":
		return memberPath
	case "community":
		return memberCommunity
	case "origin":
		return memberOrigin
	case "med":
		return memberMED
	case "aggregator":
		return memberAggregator
	case "announcements":
		return memberAnnouncements
	case "withdrawals":
		return memberWithdrawals
	case "data":
		return memberData
	case "next_hop":
		return memberNextHop
	case "prefixes":
		return memberPrefixes
	}
	return memberOther
}

// glue is what stood between two values of an object the last time: the comma, the next key and its colon. A server writes all its messages in
// one way, so that comparing words tells most of the time what reading one octet after the other would.
type glue struct {
	words, masks [3]uint64
	n            int // octets; zero before the first time
	next         member
}

// learn remembers the octets, up to 24 of them.
func (g *glue) learn(b []byte, next member) {
	if len(b) > 24 {
		return
	}
	var octets, mask [24]byte
	g.n, g.next = copy(octets[:], b), next
	for i := range b {
		mask[i] = 0xFF
	}
	for i := range g.words {
		g.words[i], g.masks[i] = le64(octets[8*i:]), le64(mask[8*i:])
	}
}

func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// member goes from the end of one member's value, or from the beginning of an object, to the value of the next member. The words are compared
// here and not in a function of their own because calling one for every member of every message costs more than the comparison. Near the end of
// a message there are not enough octets to compare, and the glue is read as if it were new.
func (s *scanner) member(i int, after member) (member, int) {
	g, b := &s.glue[after], s.b[i:]
	if len(b) < 16 || g.n == 0 || g.n >= len(b) {
		return s.newMember(i, after)
	}
	differ := (le64(b)^g.words[0])&g.masks[0] | (le64(b[8:])^g.words[1])&g.masks[1]
	if g.n > 16 {
		if len(b) < 24 {
			return s.newMember(i, after)
		}
		differ |= (le64(b[16:]) ^ g.words[2]) & g.masks[2]
	}
	if differ != 0 || b[g.n] <= ' ' {
		return s.newMember(i, after)
	}
	return g.next, i + g.n
}

// newMember reads the glue octet by octet, and remembers it.
func (s *scanner) newMember(start int, after member) (member, int) {
	b := s.b
	i, more := start, false
	if after <= inAnnouncement {
		i, more = begin(b, i, '{', '}')
	} else {
		i, more = next(b, i, '}')
	}
	switch {
	case i == fail:
		return none, fail
	case !more:
		return end, i
	}
	j := text(b, i)
	v := colon(b, j)
	if v == fail {
		return none, fail
	}
	m := identify(b[i+1 : j-1])
	s.glue[after].learn(b[start:v], m)
	return m, v
}
