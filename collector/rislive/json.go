package rislive

import (
	"encoding/binary"
	"math/bits"
)

// The scanner's grammar: JSON (RFC 8259) without escapes and without anything but ASCII, which is what the server sends. Each method
// reads one thing and tells whether it was there.

// space passes over blanks.
func (s *scanner) space() {
	for s.i < len(s.b) && s.b[s.i] <= ' ' {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// peek gives the next octet that is no blank; zero at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.i == len(s.b) {
		return 0
	}
	return s.b[s.i]
}

// take passes over the octet if it comes next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c || s.i == len(s.b) {
		return false
	}
	s.i++
	return true
}

// next passes over a comma, and there is more, or over what ends the list; anything else is not ok.
func (s *scanner) next(end byte) (more, ok bool) {
	c := s.peek()
	if c != ',' && c != end || s.i == len(s.b) {
		return false, false
	}
	s.i++
	return c == ',', true
}

// object reads an object and hands each key over, with the value next.
func (s *scanner) object(member func(key []byte) bool) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		var key []byte
		if !s.text(&key) || !s.take(':') || !member(key) {
			return false
		}
		if more, ok := s.next('}'); !more {
			return ok
		}
	}
}

// array reads an array; element reads each element.
func (s *scanner) array(element func() bool) bool {
	if !s.take('[') {
		return false
	}
	if s.take(']') {
		return true
	}
	for {
		if !element() {
			return false
		}
		if more, ok := s.next(']'); !more {
			return ok
		}
	}
}

// text reads a string.
func (s *scanner) text(out *[]byte) bool {
	if !s.take('"') {
		return false
	}
	j := s.i
	for ; j+8 <= len(s.b); j += 8 {
		if stop := stops(binary.LittleEndian.Uint64(s.b[j:])); stop != 0 {
			j += bits.TrailingZeros64(stop) / 8
			break
		}
	}
	for ; j < len(s.b); j++ {
		switch c := s.b[j]; {
		case c == '"':
			*out, s.i = s.b[s.i:j], j+1
			return true
		case c < ' ' || c == '\\' || c >= 0x80:
			return false
		}
	}
	return false
}

// stops marks the first octet of eight that is a quote, a backslash, a control character, or not ASCII, with its highest bit. What is marked
// after the first means nothing: subtracting borrows from one octet to the next.
func stops(x uint64) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, backslash := x^ones*'"', x^ones*'\\'
	return (x | (x-ones*' ')&^x | (quote-ones)&^quote | (backslash-ones)&^backslash) & high
}

// number reads a number (RFC 8259 section 6).
func (s *scanner) number(out *[]byte) bool {
	s.space()
	start := s.i
	s.letter("-")
	if !s.letter("0") && s.digits() == 0 {
		return false
	}
	if s.letter(".") && s.digits() == 0 {
		return false
	}
	if s.letter("eE") {
		s.letter("+-")
		if s.digits() == 0 {
			return false
		}
	}
	*out = s.b[start:s.i]
	return true
}

// letter passes over one of the octets, if one comes right here.
func (s *scanner) letter(any string) bool {
	if s.i < len(s.b) {
		for j := range len(any) {
			if s.b[s.i] == any[j] {
				s.i++
				return true
			}
		}
	}
	return false
}

func (s *scanner) digits() (n int) {
	i := s.i
	for i < len(s.b) && s.b[i]-'0' <= 9 {
		i++
	}
	n, s.i = i-s.i, i
	return n
}

// skip passes over any value.
func (s *scanner) skip(depth int) bool {
	if depth > maxDepth {
		return false
	}
	var ignored []byte
	switch s.peek() {
	case '{':
		return s.object(func([]byte) bool { return s.skip(depth + 1) })
	case '[':
		return s.array(func() bool { return s.skip(depth + 1) })
	case '"':
		return s.text(&ignored)
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number(&ignored)
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		return false
	}
	s.i += len(w)
	return true
}
