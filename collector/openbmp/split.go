package openbmp

import "bytes"

// Window is how many octets Split may need to see at once.
const Window = 2 * MaxFrame

// Credible tells whether b begins with an OpenBMP header, whatever follows it.
func Credible(b []byte) bool {
	_, _, err := extent(b)
	return err == nil && starts(b)
}

// Split finds the first frame in b: skip octets before it are none, size octets are the frame, header included. Size zero means that more octets
// are needed, or, when b goes to the end of the input, that nothing more can be read; either way skip octets can be given up.
//
// When something else than a frame follows where one should end, and another frame begins inside it, its length is wrong or it was cut, and it is not
// believed.
func Split(b []byte, end bool) (skip, size int) {
	if !starts(b) {
		if at := find(b, 0, end); at > 0 {
			return at, 0
		}
		if !end {
			return 0, 0
		}
		return len(b), 0
	}
	head, body, err := extent(b)
	n := head + body
	switch {
	case err != nil:
		return find(b, 1, end), 0
	case (head == 0 || n > len(b)) && end:
		return find(b, 1, end), 0
	case head == 0 || n > len(b):
		return 0, 0
	case n+longestStart > len(b):
		if !end {
			return 0, 0
		}
		return 0, n
	case starts(b[n:]):
		return 0, n
	}
	if at := find(b[:n], 1, true); at < n {
		return at, 0
	}
	return 0, n
}

// longestStart is how many octets starts needs to see.
const longestStart = 5

// find gives where the next frame may begin, not before an octet; where there is none, the end, or, when more comes, the first octet of which that is
// not known yet.
func find(b []byte, from int, end bool) int {
	for at := from; at < len(b); at++ {
		next := bytes.IndexAny(b[at:], "OV")
		if next < 0 {
			return len(b)
		}
		if at += next; starts(b[at:]) || !end && at+longestStart > len(b) {
			return at
		}
	}
	return len(b)
}
