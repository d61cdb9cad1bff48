package route

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// MarshalJSON writes a list of numbers; a set stands in it as a nested list. The empty path is [].
func (p Path) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 64), '[')
	for _, s := range p {
		if s.Kind.set() {
			b = append(appendNumbers(append(b, '['), s.ASNs), "],"...)
		} else if len(s.ASNs) > 0 {
			b = append(appendNumbers(b, s.ASNs), ',')
		}
	}
	if last := len(b) - 1; b[last] == ',' {
		b = b[:last]
	}
	return append(b, ']'), nil
}

func appendNumbers(b []byte, asns []ASN) []byte {
	for i, a := range asns {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(a), 10)
	}
	return b
}

// UnmarshalJSON reads what MarshalJSON wrote. It tells sets from sequences, and neither from those inside a confederation: these come back as if they
// were outside, and sequences that follow each other as one.
func (p *Path) UnmarshalJSON(b []byte) error {
	r := pathReader{rest: b}
	if string(b) == "null" { // which leaves a value as it was, as everywhere in JSON
		return nil
	}
	path, err := r.path()
	if err != nil {
		return fmt.Errorf("%q is no AS path: %w", b, err)
	}
	*p = path
	return nil
}

// pathReader goes through a path in JSON.
type pathReader struct{ rest []byte }

var errPathJSON = errors.New("a list of AS numbers is expected, in which a set is a list of its own")

func (r *pathReader) space() { r.rest = bytes.TrimLeft(r.rest, " \t\r\n") }

// is skips spaces, and tells whether a byte comes next.
func (r *pathReader) is(c byte) bool {
	r.space()
	return len(r.rest) > 0 && r.rest[0] == c
}

// took skips a byte if it comes next.
func (r *pathReader) took(c byte) bool {
	if !r.is(c) {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// path reads a whole path, behind which nothing may stand.
func (r *pathReader) path() (Path, error) {
	var path Path
	err := r.list(func() error {
		if !r.is('[') {
			asn, err := r.number()
			path = path.extend(asn)
			return err
		}
		set := Segment{Kind: Set}
		err := r.list(func() error {
			asn, err := r.number()
			set.ASNs = append(set.ASNs, asn)
			return err
		})
		path = append(path, set)
		return err
	})
	if r.space(); err == nil && len(r.rest) > 0 {
		err = errPathJSON
	}
	return path, err
}

// list reads a list, whose elements the function reads.
func (r *pathReader) list(element func() error) error {
	if !r.took('[') {
		return errPathJSON
	}
	if r.took(']') {
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if r.took(']') {
			return nil
		}
		if !r.took(',') {
			return errPathJSON
		}
	}
}

func (r *pathReader) number() (ASN, error) {
	r.space()
	if len(r.rest) == 0 || r.rest[0] < '0' || r.rest[0] > '9' {
		return 0, errPathJSON
	}
	var n uint64
	for len(r.rest) > 0 && r.rest[0] >= '0' && r.rest[0] <= '9' && n <= math.MaxUint32 {
		n = 10*n + uint64(r.rest[0]-'0')
		r.rest = r.rest[1:]
	}
	if n > math.MaxUint32 {
		return 0, errPathJSON
	}
	return ASN(n), nil
}
