package rislive

import (
	"math"

	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// scanner makes one pass over a message.
type scanner struct {
	b      []byte
	screen *screen.Screen
	watch  *screen.Watch
	glue   [members]glue // learnt from the messages before

	seen                 set
	wrapped              bool          // the message stands in "data"
	spans                [members]span // of the values that get gives
	announced, withdrawn int
	touches              bool // a prefix of interest is announced or withdrawn
	ours, hops           bool // one of our ASes stands in the path; the path is not empty
}

// span is a part of a message.
type span struct{ from, to int }

// get gives what the message says for a member, a text or the timestamp; nothing when it says nothing.
func (s *scanner) get(m member) []byte {
	if !s.seen.has(m) {
		return nil
	}
	return s.b[s.spans[m].from:s.spans[m].to]
}

// kind is the type of the message.
func (s *scanner) kind() []byte {
	if s.wrapped {
		return s.get(memberType)
	}
	return s.get(memberEnvelope)
}

// scan goes over the whole message and tells whether it understood all of it. When it did not, because the message is no JSON, or has escapes,
// repeated keys, spellings out of the ordinary, nothing that it found counts.
func (s *scanner) scan(b []byte, on *screen.Screen) bool {
	s.b, s.screen, s.watch = b, on, on.Watch()
	s.seen, s.wrapped, s.announced, s.withdrawn, s.touches, s.ours, s.hops = 0, false, 0, 0, false, false, false
	i := s.object(blank(b, 0), inEnvelope)
	return i != fail && blank(b, i) == len(b)
}

// object takes an object of the kind whose beginning is given. What means nothing in it is passed over.
func (s *scanner) object(i int, m member) int {
	b, where := s.b, m
	for {
		if m, i = s.member(i, m); m <= end {
			return i
		}
		if where == inEnvelope {
			if m = s.outside(m); m == none {
				return fail
			}
		}
		switch {
		case !meaning[where].has(m):
			i = skip(b, i, 0)
		case s.seen.has(m):
			return fail
		case texts.has(m):
			s.seen |= 1 << m
			s.spans[m].from = i + 1
			i = text(b, i)
			s.spans[m].to = i - 1
		default:
			s.seen |= 1 << m
			i = s.value(i, m)
		}
		if i == fail {
			return fail
		}
	}
}

// outside finds what a member of the outermost object is: of the envelope, or of the message itself when it comes without one. Where both are
// there at once, which of two values counts is not for a quick look to say.
func (s *scanner) outside(m member) member {
	switch {
	case m == memberType:
		return memberEnvelope
	case m == memberData:
		s.wrapped = true
		if s.seen&meaning[inMessage] != 0 {
			return none
		}
	case s.wrapped && meaning[inMessage].has(m):
		return none
	}
	return m
}

// value takes a value that is no text.
func (s *scanner) value(i int, m member) int {
	switch m {
	case memberTimestamp:
		s.spans[m].from = i
		i = number(s.b, i)
		s.spans[m].to = i
		return i
	case memberPath:
		return s.path(i, false)
	case memberAnnouncements:
		return s.announcements(i)
	case memberPrefixes:
		return s.prefixes(i, &s.announced)
	case memberWithdrawals:
		return s.prefixes(i, &s.withdrawn)
	}
	if at(s.b, i, '{') { // the data
		return s.object(i, inMessage)
	}
	return skip(s.b, i, 0)
}

// path takes AS numbers, and lists of them, AS_SETs.
func (s *scanner) path(i int, set bool) int {
	b := s.b
	i, more := begin(b, i, '[', ']')
	for more {
		if !set && at(b, i, '[') {
			i = s.path(i, true)
		} else {
			i = s.hop(i)
		}
		if i == fail {
			return fail
		}
		i, more = next(b, i, ']')
	}
	return i
}

// hop takes an AS number.
func (s *scanner) hop(i int) int {
	var n uint64
	b, start := s.b, i
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		n = 10*n + uint64(b[i]-'0')
	}
	// Fractions and exponents end in what must follow a number, a comma or a bracket; a leading zero is no number at all.
	if size := i - start; size == 0 || size > 10 || b[start] == '0' && size > 1 || n > math.MaxUint32 {
		return fail
	}
	s.hops = true
	s.ours = s.ours || s.watch.Ours(route.ASN(n))
	return i
}

// announcements takes a list of prefixes with their next hops.
func (s *scanner) announcements(i int) int {
	i, more := begin(s.b, i, '[', ']')
	for more {
		s.seen &^= 1<<memberNextHop | 1<<memberPrefixes
		if i = s.object(i, inAnnouncement); i == fail {
			return fail
		}
		// A link-local next hop stands beside a global one of the same route, which takes comparing.
		if hop := s.get(memberNextHop); len(hop) > 1 && hop[0]|0x20 == 'f' && hop[1]|0x20 == 'e' {
			return fail
		}
		i, more = next(s.b, i, ']')
	}
	return i
}

// prefixes takes a list of prefixes and counts them.
func (s *scanner) prefixes(i int, count *int) int {
	i, more := begin(s.b, i, '[', ']')
	for more {
		j := text(s.b, i)
		if j == fail {
			return fail
		}
		p, ok := parsePrefix(s.b[i+1 : j-1])
		if !ok {
			return fail
		}
		*count++
		s.touches = s.touches || s.screen.Touches(p)
		i, more = next(s.b, j, ']')
	}
	return i
}
