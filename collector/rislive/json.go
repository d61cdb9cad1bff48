package rislive

import "math/bits"

// The scanner's grammar: JSON (RFC 8259) without escapes and without anything but ASCII, which is what the server sends. Each function
// reads one thing that begins at b[i], and gives the index behind it, or fail when it is not there.

const fail = -1

// maxDepth is how deep values are followed; messages have five levels.
const maxDepth = 16

// blank passes over white space. Nearly always there is none.
func blank(b []byte, i int) int {
	if i < len(b) && b[i] > ' ' {
		return i
	}
	return blanks(b, i)
}

func blanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// at tells whether the octet stands there.
func at(b []byte, i int, c byte) bool { return i < len(b) && b[i] == c }

// begin passes over what opens an object or a list; more is false when it ends at once.
func begin(b []byte, i int, open, end byte) (_ int, more bool) {
	if !at(b, i, open) {
		return fail, false
	}
	if i = blank(b, i+1); at(b, i, end) {
		return i + 1, false
	}
	return i, true
}

// next passes over a comma, and there is more, or over what ends the object or list.
func next(b []byte, i int, end byte) (_ int, more bool) {
	if i+1 < len(b) && b[i] == ',' && b[i+1] > ' ' {
		return i + 1, true
	}
	i = blank(b, i)
	switch {
	case at(b, i, ','):
		return blank(b, i+1), true
	case at(b, i, end):
		return i + 1, false
	}
	return fail, false
}

// text passes over a string: its quotes are b[i] and the octet before the index that is given.
func text(b []byte, i int) int {
	if !at(b, i, '"') {
		return fail
	}
	i++
	for ; i+8 <= len(b); i += 8 {
		if stop := stops(le64(b[i:])); stop != 0 {
			i += bits.TrailingZeros64(stop) / 8
			break
		}
	}
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < ' ' || c == '\\' || c >= 0x80:
			return fail
		}
	}
	return fail
}

// stops marks the first octet of eight that is a quote, a backslash, a control character, or not ASCII, with its highest bit. What is marked
// after the first means nothing: subtracting borrows from one octet to the next.
func stops(x uint64) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, backslash := x^ones*'"', x^ones*'\\'
	return (x | (x-ones*' ')&^x | (quote-ones)&^quote | (backslash-ones)&^backslash) & high
}

// number reads a number (RFC 8259 section 6). Nearly all are plain digits.
func number(b []byte, i int) int {
	j := digits(b, i)
	if j < len(b) && (b[j] == ',' || b[j] == ']') && j > i && (b[i] != '0' || j == i+1) {
		return j
	}
	return anyNumber(b, i)
}

func anyNumber(b []byte, i int) int {
	if at(b, i, '-') {
		i++
	}
	if at(b, i, '0') {
		i++
	} else if i = someDigits(b, i); i == fail {
		return fail
	}
	if at(b, i, '.') {
		if i = someDigits(b, i+1); i == fail {
			return fail
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; at(b, i, '+') || at(b, i, '-') {
			i++
		}
		return someDigits(b, i)
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

func someDigits(b []byte, i int) int {
	if j := digits(b, i); j > i {
		return j
	}
	return fail
}

// skip passes over any value.
func skip(b []byte, i, depth int) int {
	if i >= len(b) || depth > maxDepth {
		return fail
	}
	switch b[i] {
	case '"':
		return text(b, i)
	case '[':
		return skipList(b, i, depth)
	case '{':
		return skipObject(b, i, depth)
	case 't':
		return word(b, i, "true")
	case 'f':
		return word(b, i, "false")
	case 'n':
		return word(b, i, "null")
	}
	return number(b, i)
}

func skipList(b []byte, i, depth int) int {
	i, more := begin(b, i, '[', ']')
	for more {
		if i = skip(b, i, depth+1); i == fail {
			return fail
		}
		i, more = next(b, i, ']')
	}
	return i
}

func skipObject(b []byte, i, depth int) int {
	i, more := begin(b, i, '{', '}')
	for more {
		if i = colon(b, text(b, i)); i == fail {
			return fail
		}
		if i = skip(b, i, depth+1); i == fail {
			return fail
		}
		i, more = next(b, i, '}')
	}
	return i
}

// colon passes over the colon behind a key.
func colon(b []byte, i int) int {
	if i == fail {
		return fail
	}
	if i = blank(b, i); !at(b, i, ':') {
		return fail
	}
	return blank(b, i+1)
}

func word(b []byte, i int, w string) int {
	if len(b)-i < len(w) || string(b[i:i+len(w)]) != w {
		return fail
	}
	return i + len(w)
}
