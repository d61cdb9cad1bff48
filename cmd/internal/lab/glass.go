package lab

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	api "github.com/osrg/gobgp/v3/api"
	"github.com/osrg/gobgp/v3/pkg/apiutil"
	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
)

// A looking glass shows the monitor what a transit has chosen. It is a speaker of the transit's AS, at the transit's address, whose table
// follows the transit's best routes. The transit could not show them itself: like most routers, GoBGP keeps back the routes that already
// carry the neighbour's AS, and the routes that matter here carry ours; only a speaker's own routes are exempt.

// mirror makes glass hold the best routes of transit, now and until ctx ends.
func mirror(ctx context.Context, transit, glass *speaker, log *slog.Logger) error {
	best := &api.WatchEventRequest_Table_Filter{Type: api.WatchEventRequest_Table_Filter_BEST, Init: true}
	request := &api.WatchEventRequest{Table: &api.WatchEventRequest_Table{Filters: []*api.WatchEventRequest_Table_Filter{best}}}
	err := transit.bgp.WatchEvent(ctx, request, func(r *api.WatchEventResponse) {
		for _, p := range r.GetTable().GetPaths() {
			if err := glass.show(ctx, p); err != nil && ctx.Err() == nil {
				log.Warn("a looking glass does not show a route", slog.Any("error", err))
			}
		}
	})
	if err != nil {
		return fmt.Errorf("looking glass of %s: %w", transit.name, err)
	}
	return nil
}

// show follows one change of a best route.
func (s *speaker) show(ctx context.Context, p *api.Path) error {
	nlri, err := apiutil.GetNativeNlri(p)
	if err != nil {
		return err
	}
	prefix, err := netip.ParsePrefix(nlri.String())
	if err != nil {
		return err
	}
	if p.IsWithdraw {
		return s.withdraw(ctx, prefix)
	}
	attrs, err := apiutil.GetNativePathAttributes(p)
	if err != nil {
		return err
	}
	// The next hop becomes the speaker's own. Local preference stays inside an AS (RFC 4271 section 5.1.5).
	return s.announce(ctx, prefix, slices.DeleteFunc(attrs, func(a bgp.PathAttributeInterface) bool {
		t := a.GetType()
		return t == bgp.BGP_ATTR_TYPE_NEXT_HOP || t == bgp.BGP_ATTR_TYPE_MP_REACH_NLRI || t == bgp.BGP_ATTR_TYPE_LOCAL_PREF
	}))
}
