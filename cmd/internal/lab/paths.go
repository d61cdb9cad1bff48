package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	api "github.com/osrg/gobgp/v3/api"
	"github.com/osrg/gobgp/v3/pkg/apiutil"
	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
)

// families are what every session carries.
func families() []*api.Family {
	return []*api.Family{
		{Afi: api.Family_AFI_IP, Safi: api.Family_SAFI_UNICAST},
		{Afi: api.Family_AFI_IP6, Safi: api.Family_SAFI_UNICAST},
	}
}

func familyOf(p netip.Prefix) *api.Family {
	if p.Addr().Is4() {
		return families()[0]
	}
	return families()[1]
}

func nlriOf(p netip.Prefix) bgp.AddrPrefixInterface {
	if p.Addr().Is4() {
		return bgp.NewIPAddrPrefix(uint8(p.Bits()), p.Addr().String())
	}
	return bgp.NewIPv6AddrPrefix(uint8(p.Bits()), p.Addr().String())
}

// makePath gives a route as GoBGP's interface takes it. attrs hold everything but the next hop.
func makePath(p netip.Prefix, nextHop netip.Addr, attrs []bgp.PathAttributeInterface) (*api.Path, error) {
	nlri := nlriOf(p)
	attrs = slices.Clone(attrs)
	if p.Addr().Is4() {
		attrs = append(attrs, bgp.NewPathAttributeNextHop(nextHop.String()))
	} else {
		attrs = append(attrs, bgp.NewPathAttributeMpReachNLRI(nextHop.String(), []bgp.AddrPrefixInterface{nlri}))
	}
	// GoBGP stamps routes that are given to it with its own time; the one here goes nowhere.
	path, err := apiutil.NewPath(nlri, false, attrs, time.Time{})
	if err != nil {
		return nil, fmt.Errorf("route to %s: %w", p, err)
	}
	return path, nil
}

// originAttrs are the attributes of a route that a speaker originates, with communities or without.
func originAttrs(communities []uint32, large []*bgp.LargeCommunity) []bgp.PathAttributeInterface {
	attrs := []bgp.PathAttributeInterface{
		bgp.NewPathAttributeOrigin(bgp.BGP_ORIGIN_ATTR_TYPE_IGP),
		bgp.NewPathAttributeAsPath(nil),
	}
	if len(communities) > 0 {
		attrs = append(attrs, bgp.NewPathAttributeCommunities(communities))
	}
	if len(large) > 0 {
		attrs = append(attrs, bgp.NewPathAttributeLargeCommunities(large))
	}
	return attrs
}

// forgedAttrs are the attributes of a route that a speaker claims to have from another AS, which originates it.
func forgedAttrs(origin uint32) []bgp.PathAttributeInterface {
	claimed := bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, []uint32{origin})
	return []bgp.PathAttributeInterface{
		bgp.NewPathAttributeOrigin(bgp.BGP_ORIGIN_ATTR_TYPE_IGP),
		bgp.NewPathAttributeAsPath([]bgp.AsPathParamInterface{claimed}),
	}
}

// view is a route as a speaker holds it in its table.
type view struct {
	path        []uint32 // the AS_PATH, neighbour first; empty for the speaker's own routes
	communities []uint32
	from        netip.Addr // the neighbour that sent it; the zero address for the speaker's own
}

// announcer is who is to blame for the route: the hijacker where it comes through him, whatever he wrote behind his own AS, else the last AS of
// the path; 0 where the path is empty.
func (v view) announcer() uint32 {
	switch {
	case len(v.path) == 0:
		return 0
	case slices.Contains(v.path, HijackerASN):
		return HijackerASN
	}
	return v.path[len(v.path)-1]
}

func (v view) same(o view) bool {
	return slices.Equal(v.path, o.path) && slices.Equal(v.communities, o.communities)
}

func viewOf(p *api.Path) (view, error) {
	attrs, err := apiutil.GetNativePathAttributes(p)
	if err != nil {
		return view{}, err
	}
	var v view
	// A speaker's own routes carry "<nil>" where others carry the neighbour's address.
	v.from, _ = netip.ParseAddr(p.NeighborIp)
	for _, a := range attrs {
		switch a := a.(type) {
		case *bgp.PathAttributeAsPath:
			for _, segment := range a.Value {
				v.path = append(v.path, segment.GetAS()...)
			}
		case *bgp.PathAttributeCommunities:
			v.communities = a.Value
		}
	}
	return v, nil
}
