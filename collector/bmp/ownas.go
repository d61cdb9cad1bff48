package bmp

import (
	"encoding/binary"

	"anywatch/collector"
	"anywatch/collector/route"
)

// ownASOff takes the router's own AS off the front of the AS_PATH. FRR puts it there in what it shows of its Adj-RIB-In, before the AS of
// the eBGP peer that sent the route (FRR pull request 21815). No peer can have sent that: the router would have refused it as a loop. Left
// there, our AS would stand in every path, the whole table would match, and a route of ours that came back would look forged.
func (s *Stream) ownASOff(v *view, body []byte, twoAS bool) []byte {
	own, peer := v.reader.Local, v.peer.key.as
	if v.view != collector.AdjInPre && v.view != collector.AdjInPost || peer == 0 || peer == own {
		return body
	}
	width := 4
	if twoAS {
		width = 2
	}
	attr, head, path := findPath(body)
	// The first segment: its type, its count, its AS numbers.
	if len(path) < 2+2*width || path[0] != byte(route.Sequence) || path[1] < 2 || number(path[2:], width) != own || number(path[2+width:], width) != peer {
		return body
	}
	if s.noted.stripped++; !s.saidStripped {
		s.saidStripped = true
		s.deps.Log.Info("the router puts its own AS in front of the paths that it shows; it is taken off", "router", s.name(), "as", own)
	}
	return s.without(body, attr, head, width)
}

// findPath finds the AS_PATH: where the attribute begins, how long its header is, and its value; nil when there is none.
func findPath(b []byte) (at, head int, value []byte) {
	if len(b) < 4 {
		return 0, 0, nil
	}
	at = 4 + int(binary.BigEndian.Uint16(b)) // behind the withdrawn routes and both lengths
	for at+4 <= len(b) {
		head, n := 3, int(b[at+2])
		if b[at]&0x10 != 0 {
			head, n = 4, int(binary.BigEndian.Uint16(b[at+2:]))
		}
		if b[at+1] == 2 && at+head+n <= len(b) {
			return at, head, b[at+head : at+head+n]
		}
		at += head + n
	}
	return 0, 0, nil
}

func number(b []byte, width int) route.ASN {
	if width == 2 {
		return route.ASN(binary.BigEndian.Uint16(b))
	}
	return route.ASN(binary.BigEndian.Uint32(b))
}

// without copies an update, one AS number of its path left out, and corrects the three lengths around it.
func (s *Stream) without(b []byte, attr, head, width int) []byte {
	first := attr + head + 2
	out := append(append(s.scratch[:0], b[:first]...), b[first+width:]...)
	s.scratch = out
	total := 2 + int(binary.BigEndian.Uint16(b))
	binary.BigEndian.PutUint16(out[total:], binary.BigEndian.Uint16(b[total:])-uint16(width))
	if head == 4 {
		binary.BigEndian.PutUint16(out[attr+2:], binary.BigEndian.Uint16(b[attr+2:])-uint16(width))
	} else {
		out[attr+2] -= byte(width)
	}
	out[attr+head+1]--
	return out
}
