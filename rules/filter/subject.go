package filter

import (
	"fmt"
	"net/netip"

	"github.com/bgpfix/bgpfix/afi"
	"github.com/bgpfix/bgpfix/attrs"
	"github.com/bgpfix/bgpfix/caps"
	bgpfix "github.com/bgpfix/bgpfix/filter"
	"github.com/bgpfix/bgpfix/msg"
	"github.com/bgpfix/bgpfix/nlri"

	"anywatch/collector/route"
)

// Subject holds one route in the form that filters read. It is made once and loaded again and again; one at a time may use it.
type Subject struct {
	msg  *msg.Msg
	eval *bgpfix.Eval
	raw  []byte
}

// NewSubject makes a subject that holds no route yet.
func NewSubject() *Subject {
	return &Subject{msg: msg.NewMsg(), eval: bgpfix.NewEval(false)}
}

// Load puts a route into the subject, in place of the one before. Of the path it takes what others see: confederation segments are left out
// (RFC 5065 section 5.3), and an empty path is one that is not there.
func (s *Subject) Load(p netip.Prefix, a *route.Attrs) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the route %s can't be read by filters: %v", p, r)
		}
	}()
	version := s.msg.Version
	s.msg.Reset()
	s.msg.Version = version + 1 // else what the message remembers of the last route would be taken for this one's
	u := &s.msg.Update
	u.Reset()
	s.msg.Type, s.msg.Upper = msg.UPDATE, msg.UPDATE
	s.reach(p, a.NextHop.Unmap().WithZone(""))
	s.path(a.Path)
	u.Attrs.Use(attrs.ATTR_ORIGIN).(*attrs.Origin).Origin = byte(a.Origin)
	s.numbers(a)
	err = s.communities(a)
	s.eval.SetMsg(s.msg)
	return err
}

func (s *Subject) reach(p netip.Prefix, hop netip.Addr) {
	u := &s.msg.Update
	if p.Addr().Is4() {
		u.Reach = append(u.Reach, nlri.Prefix{Prefix: p})
		if hop.IsValid() {
			u.Attrs.Use(attrs.ATTR_NEXTHOP).(*attrs.IP).Addr = hop
		}
		return
	}
	mp := u.Attrs.Use(attrs.ATTR_MP_REACH).(*attrs.MP)
	mp.AS = afi.AS_IPV6_UNICAST
	mp.Value = &attrs.MPPrefixes{MP: mp, NextHop: hop, Prefixes: []nlri.Prefix{{Prefix: p}}}
}

func (s *Subject) path(p route.Path) {
	var to *attrs.Aspath
	for _, segment := range p {
		if segment.Kind != route.Sequence && segment.Kind != route.Set || len(segment.ASNs) == 0 {
			continue
		}
		if to == nil {
			to = s.msg.Update.Attrs.Use(attrs.ATTR_ASPATH).(*attrs.Aspath)
		}
		list := make([]uint32, len(segment.ASNs))
		for i, asn := range segment.ASNs {
			list[i] = uint32(asn)
		}
		to.Segments = append(to.Segments, attrs.AspathSegment{IsSet: segment.Kind == route.Set, List: list})
	}
}

func (s *Subject) numbers(a *route.Attrs) {
	set := func(there bool, code attrs.Code, n uint32) {
		if there {
			s.msg.Update.Attrs.Use(code).(*attrs.U32).Val = n
		}
	}
	set(a.HasMED, attrs.ATTR_MED, a.MED)
	set(a.HasLocalPref, attrs.ATTR_LOCALPREF, a.LocalPref)
	set(a.HasOTC, attrs.ATTR_OTC, uint32(a.OTC))
}

func (s *Subject) communities(a *route.Attrs) error {
	ats := &s.msg.Update.Attrs
	if len(a.Communities) > 0 {
		to := ats.Use(attrs.ATTR_COMMUNITY).(*attrs.Community)
		for _, c := range a.Communities {
			to.Add(uint16(c>>16), uint16(c))
		}
	}
	if len(a.Large) > 0 {
		to := ats.Use(attrs.ATTR_LARGE_COMMUNITY).(*attrs.LargeCom)
		for _, c := range a.Large {
			to.Add(c.Global, c.Local1, c.Local2)
		}
	}
	if len(a.Extended) == 0 {
		return nil
	}
	s.raw = s.raw[:0]
	for _, c := range a.Extended {
		s.raw = append(s.raw, c[:]...)
	}
	return ats.Use(attrs.ATTR_EXT_COMMUNITY).(*attrs.Extcom).Unmarshal(s.raw, caps.Caps{}, 0)
}
