package route

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// SegmentKind is the type of an AS_PATH segment as on the wire (RFC 4271 section 4.3, RFC 5065 section 3).
type SegmentKind uint8

// The four segment kinds.
const (
	Set            SegmentKind = 1
	Sequence       SegmentKind = 2
	ConfedSequence SegmentKind = 3
	ConfedSet      SegmentKind = 4
)

// confederation tells that the segment is internal to a confederation and counts for nobody outside.
func (k SegmentKind) confederation() bool { return k == ConfedSequence || k == ConfedSet }

func (k SegmentKind) set() bool { return k == Set || k == ConfedSet }

// Segment is one run of an AS_PATH.
type Segment struct {
	Kind SegmentKind
	ASNs []ASN
}

// Path is an AS_PATH, its segments in the order of the wire: the neighbour first, the origin last. The empty path is a
// route of the sender's own AS.
type Path []Segment

// SequencePath makes a path of one AS_SEQUENCE; none at all gives the empty path.
func SequencePath(asns ...ASN) Path {
	if len(asns) == 0 {
		return nil
	}
	return Path{{Kind: Sequence, ASNs: asns}}
}

// Origin is who originates a route, as far as its AS_PATH tells.
type Origin struct {
	// AS is the right-most AS of a final AS_SEQUENCE, or the AS of the sender when the path is empty or ends inside a
	// confederation (RFC 6811 section 2). Zero when Set is given.
	AS ASN
	// Set holds the members, sorted, when the path ends in an AS_SET: then any of them may be the origin, and RPKI knows none.
	Set []ASN
}

// Origin finds the origin; local is the AS that an empty path stands for.
func (p Path) Origin(local ASN) Origin {
	if len(p) == 0 {
		return Origin{AS: local}
	}
	last := p[len(p)-1]
	switch {
	case last.Kind.confederation() || len(last.ASNs) == 0:
		return Origin{AS: local}
	case last.Kind == Set:
		members := slices.Clone(last.ASNs)
		slices.Sort(members)
		return Origin{Set: slices.Compact(members)}
	}
	return Origin{AS: last.ASNs[len(last.ASNs)-1]}
}

// Neighbor gives the AS next to the origin on the path, prepending collapsed; false when there is none. Confederation
// segments are passed over: they are the sender's own network.
func (p Path) Neighbor() (ASN, bool) {
	flat := p.external()
	if len(flat) == 0 {
		return 0, false
	}
	origin := flat[len(flat)-1]
	for i := len(flat) - 2; i >= 0; i-- {
		if flat[i] != origin {
			return flat[i], true
		}
	}
	return 0, false
}

// Hops counts the ASes on the path before the origin, prepending collapsed: 1 next to the origin, 0 when the path is only the origin or empty.
func (p Path) Hops() (n int) {
	flat := p.external()
	for i := 1; i < len(flat); i++ {
		if flat[i] != flat[i-1] {
			n++
		}
	}
	return n
}

// external flattens the path without confederation segments. A set counts as its first member.
func (p Path) external() []ASN {
	var flat []ASN
	for _, s := range p {
		switch {
		case s.Kind.confederation() || len(s.ASNs) == 0:
		case s.Kind == Set:
			flat = append(flat, s.ASNs[0])
		default:
			flat = append(flat, s.ASNs...)
		}
	}
	return flat
}

// Contains tells whether the AS stands anywhere in the path.
func (p Path) Contains(asn ASN) bool {
	for _, s := range p {
		if slices.Contains(s.ASNs, asn) {
			return true
		}
	}
	return false
}

// Equal compares segment by segment, in order.
func (p Path) Equal(q Path) bool {
	return slices.EqualFunc(p, q, func(a, b Segment) bool {
		return a.Kind == b.Kind && slices.Equal(a.ASNs, b.ASNs)
	})
}

// String writes the path as operators do: "3356 64500", sets as {1,2}, confederation runs as (1 2) and [1,2].
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p {
		if i > 0 {
			b.WriteByte(' ')
		}
		s.write(&b)
	}
	return b.String()
}

func (s Segment) write(b *strings.Builder) {
	open, sep, end := "", " ", ""
	switch s.Kind {
	case Set:
		open, sep, end = "{", ",", "}"
	case ConfedSequence:
		open, end = "(", ")"
	case ConfedSet:
		open, sep, end = "[", ",", "]"
	}
	b.WriteString(open)
	for i, a := range s.ASNs {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(strconv.FormatUint(uint64(a), 10))
	}
	b.WriteString(end)
}

// ParsePath reads what String writes, and a bare list "3356 64500" with or without AS before each number.
func ParsePath(text string) (Path, error) {
	var p Path
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case ' ', '\t':
			i++
		case '{', '(', '[':
			seg, n, err := parseGroup(text[i:])
			if err != nil {
				return nil, err
			}
			p = append(p, seg)
			i += n
		default:
			word, _, _ := strings.Cut(text[i:], " ")
			asn, err := ParseASN(word)
			if err != nil {
				return nil, err
			}
			p = p.extend(asn)
			i += len(word)
		}
	}
	return p, nil
}

// extend appends to the last AS_SEQUENCE, or begins one.
func (p Path) extend(asn ASN) Path {
	if n := len(p); n > 0 && p[n-1].Kind == Sequence {
		p[n-1].ASNs = append(p[n-1].ASNs, asn)
		return p
	}
	return append(p, Segment{Kind: Sequence, ASNs: []ASN{asn}})
}

func parseGroup(text string) (Segment, int, error) {
	kind, end := Set, "}"
	switch text[0] {
	case '(':
		kind, end = ConfedSequence, ")"
	case '[':
		kind, end = ConfedSet, "]"
	}
	inside, _, closed := strings.Cut(text[1:], end)
	if !closed {
		return Segment{}, 0, fmt.Errorf("%q in an AS path has no %q to close it", text[:1], end)
	}
	seg := Segment{Kind: kind}
	for _, word := range strings.FieldsFunc(inside, func(r rune) bool { return r == ' ' || r == ',' }) {
		asn, err := ParseASN(word)
		if err != nil {
			return Segment{}, 0, err
		}
		seg.ASNs = append(seg.ASNs, asn)
	}
	return seg, len(inside) + 2, nil
}

// hops is the length of the path as RFC 4271 section 9.1.2.2 and RFC 5065 section 5.3 count it: a set is one, confederations are none.
func (p Path) hops() int {
	n := 0
	for _, s := range p {
		n += s.hops()
	}
	return n
}

func (s Segment) hops() int {
	switch {
	case s.Kind.confederation():
		return 0
	case s.Kind == Set:
		return 1
	}
	return len(s.ASNs)
}

// head gives the leading part of the path that counts n hops, confederation segments among them included.
func (p Path) head(n int) Path {
	var out Path
	for _, s := range p {
		h := s.hops()
		switch {
		case h <= n:
			out = append(out, s)
			n -= h
		case n > 0 && s.Kind == Sequence:
			return append(out, Segment{Kind: Sequence, ASNs: s.ASNs[:n:n]})
		default:
			return out
		}
	}
	return out
}

// joined merges neighbouring AS_SEQUENCE segments: a path of more than 255 ASes comes in several, and means one.
func (p Path) joined() Path {
	out := p[:0]
	for _, s := range p {
		if n := len(out); n > 0 && s.Kind == Sequence && out[n-1].Kind == Sequence {
			out[n-1].ASNs = append(out[n-1].ASNs[:len(out[n-1].ASNs):len(out[n-1].ASNs)], s.ASNs...)
			continue
		}
		out = append(out, s)
	}
	return out
}
