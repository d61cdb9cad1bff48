package screen

import (
	"net/netip"

	"anywatch/collector/route"
)

// Attribute types and families that the walk knows.
const (
	attrASPath    = 2
	attrMPReach   = 14
	attrMPUnreach = 15

	afiIPv4      = 1
	afiIPv6      = 2
	safiUnicast  = 1
	safiLabelled = 4
	safiVPN      = 128
)

// walk is one message on its way through.
type walk struct {
	s   *Screen
	w   *Watch
	ctx *Context
	r   *Result

	look     bool // no route matched yet
	tracking bool // prefixes outside the watch are remembered
	defaults int  // routes of length 0 met
	hostBits bool // a route with bits set after its length was met
	table    bool // an entry of a table dump: MP_REACH_NLRI names no route
	ours     bool // one of our ASes originates what is announced
}

// Update walks the body of an UPDATE message, what follows the 19 octets of header (RFC 4271 section 4.3), and fills in the result. It
// allocates nothing for a message that does not match.
func (s *Screen) Update(body []byte, ctx *Context, r *Result) {
	*r = Result{}
	m := walk{s: s, w: s.live.Watch(), ctx: ctx, r: r, look: true, tracking: len(s.seen.set) > 0}
	withdrawn, attrs, nlri, err := m.split(body)
	if err != nil {
		r.Err = err
		return
	}
	addPath := ctx.Encoding.AddPath&route.IPv4 != 0
	r.Withdrawn += m.routes4(withdrawn, addPath)
	m.attributes(attrs)
	r.Announced += m.routes4(nlri, addPath)
	r.Ours = m.ours && r.Announced > 0
	r.Matched = r.Matched || r.Ours || !m.look
	r.Suspect = m.defaults > 1 || m.hostBits
	if len(withdrawn) == 0 && len(attrs) == 0 && len(nlri) == 0 {
		r.EndOfRIB = route.IPv4
	}
}

// Entry screens one entry of a table dump: its prefix, and its attributes, whose MP_REACH_NLRI only holds a next hop (RFC 6396 section
// 4.3.4).
func (s *Screen) Entry(p netip.Prefix, attrs []byte, ctx *Context, r *Result) {
	*r = Result{Announced: 1}
	m := walk{s: s, w: s.live.Watch(), ctx: ctx, r: r, table: true}
	m.attributes(attrs)
	r.Ours = m.ours
	r.Matched = r.Matched || r.Ours || s.Touches(p)
}

func (m *walk) split(body []byte) (withdrawn, attrs, nlri []byte, err error) {
	if len(body) < 4 {
		return nil, nil, nil, ErrShort
	}
	n := be16(body)
	if len(body) < 4+n {
		return nil, nil, nil, ErrShort
	}
	a := be16(body[2+n:])
	if len(body) < 4+n+a {
		return nil, nil, nil, ErrShort
	}
	return body[2 : 2+n], body[4+n : 4+n+a], body[4+n+a:], nil
}

func (m *walk) fail(err error) {
	if m.r.Err == nil {
		m.r.Err = err
	}
}

func (m *walk) attributes(b []byte) {
	for len(b) > 0 {
		if len(b) < 3 {
			m.fail(ErrAttributes)
			return
		}
		typ, head, n := b[1], 3, int(b[2])
		if b[0]&0x10 != 0 { // extended length
			if len(b) < 4 {
				m.fail(ErrAttributes)
				return
			}
			head, n = 4, be16(b[2:])
		}
		if len(b) < head+n {
			m.fail(ErrAttributes)
			return
		}
		switch typ {
		case attrASPath:
			m.path(b[head : head+n])
		case attrMPReach:
			if !m.table {
				m.reach(b[head : head+n])
			}
		case attrMPUnreach:
			m.unreach(b[head : head+n])
		}
		b = b[head+n:]
	}
}

// path looks for our ASes in an AS_PATH, and whether one of them is the origin. A path with no AS_SEQUENCE and no AS_SET means the AS of
// the sender.
func (m *walk) path(b []byte) {
	width := 4
	if m.ctx.Encoding.TwoByteAS {
		width = 2
	}
	if width == 4 && len(b) > 2 && b[0] == byte(route.Sequence) && len(b) == 2+4*int(b[1]) { // nearly every path
		m.ours = m.segment(route.Sequence, b[2:], 4)
		return
	}
	external, last := false, false
	for len(b) > 0 {
		if len(b) < 2 || b[0] == 0 || b[0] > byte(route.ConfedSet) || b[1] == 0 || len(b) < 2+int(b[1])*width {
			m.fail(ErrPath)
			return
		}
		kind, end := route.SegmentKind(b[0]), 2+int(b[1])*width
		external = external || kind <= route.Sequence
		last = m.segment(kind, b[2:end], width)
		b = b[end:]
	}
	if !external {
		last = m.w.asns.has(uint32(m.ctx.Local))
	}
	m.ours = last
}

// segment marks the message as matched when one of our ASes stands in the segment, and tells whether the path would originate with us if it
// ended here. Nearly every AS of others is told apart by one bit of the bitmap.
func (m *walk) segment(kind route.SegmentKind, b []byte, width int) (origin bool) {
	ours := &m.w.asns
	for len(b) >= width {
		var asn uint32
		if width == 4 {
			asn = be32(b[:4])
		} else {
			asn = uint32(be16(b[:2]))
		}
		b = b[width:]
		if ours.bloom>>(asn&63)&1 != 0 && ours.has(asn) {
			m.r.Matched = true
			origin = origin || kind == route.Set || len(b) == 0
		}
	}
	return origin
}

// reach walks MP_REACH_NLRI (RFC 4760 section 3).
func (m *walk) reach(b []byte) {
	if len(b) < 5 || len(b) < 5+int(b[3]) {
		m.fail(ErrMP)
		return
	}
	m.r.Announced += m.family(be16(b), b[2], b[5+int(b[3]):])
}

// unreach walks MP_UNREACH_NLRI (RFC 4760 section 4). With no route in it, alone in its message, it is an End-of-RIB.
func (m *walk) unreach(b []byte) {
	if len(b) < 3 {
		m.fail(ErrMP)
		return
	}
	afi, safi := be16(b), b[2]
	if len(b) == 3 && safi == safiUnicast && (afi == afiIPv4 || afi == afiIPv6) {
		m.r.EndOfRIB = route.Family(afi)
		return
	}
	m.r.Withdrawn += m.family(afi, safi, b[3:])
}
