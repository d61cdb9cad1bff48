package route

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
)

// Class says how an error in an UPDATE is to be handled (RFC 7606 section 2). The zero value is no error.
type Class uint8

// The classes, weakest first.
const (
	Intact           Class = iota
	AttributeDiscard       // the attribute is dropped, the routes stand
	TreatAsWithdraw        // all routes of the update count as withdrawn
	Unreadable             // not even the routes can be made out: nothing of the update can be used
)

// String names the class as RFC 7606 does.
func (c Class) String() string {
	return [...]string{"intact", "attribute-discard", "treat-as-withdraw", "unreadable"}[c]
}

// Decoded is a whole UPDATE message.
type Decoded struct {
	// Updates holds one update per set of attributes: two when IPv4 routes and MP_REACH_NLRI routes have different next hops.
	Updates []Update
	// Class and Err tell of the worst fault found. With TreatAsWithdraw, Updates hold only withdrawals.
	Class Class
	Err   error
}

func (d *Decoded) fault(class Class, err error) {
	if class > d.Class {
		d.Class, d.Err = class, err
	}
}

// Attribute type codes that decoding tells apart.
const (
	attrOrigin          = 1
	attrASPath          = 2
	attrNextHop         = 3
	attrMED             = 4
	attrLocalPref       = 5
	attrAtomicAggregate = 6
	attrAggregator      = 7
	attrCommunities     = 8
	attrOriginatorID    = 9
	attrClusterList     = 10
	attrMPReach         = 14
	attrMPUnreach       = 15
	attrExtended        = 16
	attrAS4Path         = 17
	attrAS4Aggregator   = 18
	attrLarge           = 32
	attrOTC             = 35
)

// Decode decodes the body of an UPDATE message, what follows the 19 octets of header. It never panics and never fails as a whole: what
// is wrong is in Class and Err, what can be used is in Updates. Unicast and labelled unicast routes are given, and VPN routes whose route
// distinguisher vrf accepts; nil accepts none.
func Decode(body []byte, enc Encoding, vrf func(rd uint64) bool) (d Decoded) {
	defer func() {
		// The packet library is fuzzed, and has crashed on hostile input all the same: one bad message must not end a session.
		if r := recover(); r != nil {
			d = Decoded{Class: Unreadable, Err: fmt.Errorf("decoder crashed: %v", r)}
		}
	}()
	withdrawn, attrs, nlri, err := split(body)
	if err != nil {
		return Decoded{Class: Unreadable, Err: err}
	}
	m := message{enc: enc, vrf: vrf, out: &d, attrs: &Attrs{}}
	m.plain(withdrawn, &m.withdrawn)
	m.attributes(attrs)
	m.plain(nlri, &m.announced)
	m.finish()
	return d
}

// DecodeAttrs decodes the path attributes of one entry of a table dump, whose MP_REACH_NLRI may be the abbreviated one of RFC 6396
// section 4.3.4, only a next hop. An entry of the class TreatAsWithdraw can't be used.
func DecodeAttrs(attrs []byte, enc Encoding) (a *Attrs, class Class, err error) {
	defer func() {
		if r := recover(); r != nil {
			a, class, err = nil, Unreadable, fmt.Errorf("decoder crashed: %v", r)
		}
	}()
	var d Decoded
	m := message{enc: enc, out: &d, attrs: &Attrs{}, table: true}
	m.attributes(attrs)
	m.mergeAS4()
	if m.mpNextHop.IsValid() {
		m.attrs.NextHop = m.mpNextHop
	}
	return m.attrs, d.Class, d.Err
}

var errShort = errors.New("the update is shorter than its lengths say")

// split takes an UPDATE body apart (RFC 4271 section 4.3).
func split(body []byte) (withdrawn, attrs, nlri []byte, err error) {
	if len(body) < 4 {
		return nil, nil, nil, errShort
	}
	n := int(binary.BigEndian.Uint16(body))
	if len(body) < 4+n {
		return nil, nil, nil, errShort
	}
	withdrawn, body = body[2:2+n], body[2+n:]
	n = int(binary.BigEndian.Uint16(body))
	if len(body) < 2+n {
		return nil, nil, nil, errShort
	}
	return withdrawn, body[2 : 2+n], body[2+n:], nil
}

// message is an UPDATE being decoded.
type message struct {
	enc   Encoding
	vrf   func(rd uint64) bool
	out   *Decoded
	attrs *Attrs
	table bool // an entry of a table dump, not a message

	seen         [4]uint64 // attribute types met, one bit each
	as4Path      Path
	as4Agg       Aggregator
	plainNextHop netip.Addr

	withdrawn   []NLRI
	announced   []NLRI
	mpAnnounced []NLRI
	mpNextHop   netip.Addr
}

func (m *message) first(typ uint8) bool {
	bit := uint64(1) << (typ & 63)
	if m.seen[typ>>6]&bit != 0 {
		return false
	}
	m.seen[typ>>6] |= bit
	return true
}

func (m *message) has(typ uint8) bool { return m.seen[typ>>6]&(1<<(typ&63)) != 0 }

// attributes walks the path attributes. A length that leads past the end ends the walk: "treat-as-withdraw", RFC 7606 section 4.
func (m *message) attributes(b []byte) {
	for len(b) > 0 {
		head, value, rest, ok := cutAttribute(b)
		if !ok {
			m.out.fault(TreatAsWithdraw, errors.New("a path attribute is longer than the attributes of its update"))
			return
		}
		typ := b[1]
		// RFC 7606 section 3 (g): "if any attribute appears more than once, all occurrences other than the first SHALL be discarded".
		// For MP_REACH_NLRI and MP_UNREACH_NLRI it asks for a session reset; reading the first and keeping the session is kinder.
		if m.first(typ) {
			if err := m.attribute(b[:head+len(value)], typ, value); err != nil {
				m.out.fault(classOf(typ), fmt.Errorf("attribute %s (type %d): %w", bgp.BGPAttrType(typ), typ, err))
			}
		}
		b = rest
	}
}

// cutAttribute takes the first attribute off; head is the length of its header.
func cutAttribute(b []byte) (head int, value, rest []byte, ok bool) {
	if len(b) < 3 {
		return 0, nil, nil, false
	}
	head, n := 3, int(b[2])
	if b[0]&0x10 != 0 { // extended length
		if len(b) < 4 {
			return 0, nil, nil, false
		}
		head, n = 4, int(binary.BigEndian.Uint16(b[2:]))
	}
	if len(b) < head+n {
		return 0, nil, nil, false
	}
	return head, b[head : head+n], b[head+n:], true
}

// classOf gives what a fault in an attribute means, RFC 7606 section 7 and the RFC of each newer attribute.
func classOf(typ uint8) Class {
	switch typ {
	case attrAtomicAggregate, attrAggregator, attrAS4Path, attrAS4Aggregator:
		return AttributeDiscard
	case attrOrigin, attrASPath, attrNextHop, attrMED, attrLocalPref, attrCommunities, attrOriginatorID, attrClusterList,
		attrMPReach, attrMPUnreach, attrExtended, attrLarge, attrOTC:
		return TreatAsWithdraw
	}
	return AttributeDiscard
}

// finish gives what was read its final form.
func (m *message) finish() {
	m.mergeAS4()
	m.mandatory()
	if m.out.Class == Unreadable {
		return
	}
	if m.out.Class == TreatAsWithdraw {
		all := append(append(m.withdrawn, m.announced...), m.mpAnnounced...)
		if len(all) > 0 {
			m.out.Updates = []Update{{Withdrawn: all}}
		}
		return
	}
	m.attrs.NextHop = m.plainNextHop
	switch {
	case len(m.announced) == 0 && len(m.mpAnnounced) == 0:
		if len(m.withdrawn) > 0 {
			m.out.Updates = []Update{{Withdrawn: m.withdrawn}}
		}
	case len(m.mpAnnounced) == 0:
		m.out.Updates = []Update{{Withdrawn: m.withdrawn, Announced: m.announced, Attrs: m.attrs}}
	default:
		mp := *m.attrs
		mp.NextHop = m.mpNextHop
		m.out.Updates = []Update{{Withdrawn: m.withdrawn, Announced: m.mpAnnounced, Attrs: &mp}}
		if len(m.announced) > 0 {
			m.out.Updates = append(m.out.Updates, Update{Announced: m.announced, Attrs: m.attrs})
		}
	}
}

// mandatory finds well-known mandatory attributes that are missing. RFC 7606 section 3 (d): "treat-as-withdraw".
func (m *message) mandatory() {
	if len(m.announced) == 0 && len(m.mpAnnounced) == 0 {
		return
	}
	for _, typ := range []uint8{attrOrigin, attrASPath} {
		if !m.has(typ) {
			m.out.fault(TreatAsWithdraw, fmt.Errorf("the mandatory attribute %s is missing", bgp.BGPAttrType(typ)))
		}
	}
	if len(m.announced) > 0 && !m.has(attrNextHop) {
		m.out.fault(TreatAsWithdraw, errors.New("the mandatory attribute NEXT_HOP is missing"))
	}
}

// mergeAS4 rebuilds the true path of a 2-octet session. RFC 6793 section 4.2.3: the AS4_PATH replaces the tail of the AS_PATH that is
// as long as it; when it is longer, it is ignored.
func (m *message) mergeAS4() {
	if !m.enc.TwoByteAS || m.as4Path == nil {
		return
	}
	if m.has(attrAggregator) && m.attrs.Aggregator.AS != ASTrans {
		return // "AS4_AGGREGATOR and AS4_PATH SHALL be ignored": a 2-octet speaker aggregated after them
	}
	if m.as4Agg.Address.IsValid() && m.attrs.Aggregator.AS == ASTrans {
		m.attrs.Aggregator = m.as4Agg
	}
	keep := m.attrs.Path.hops() - m.as4Path.hops()
	if keep < 0 {
		return
	}
	m.attrs.Path = append(m.attrs.Path.head(keep), m.as4Path...).joined()
}
