package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
)

// gracefulShutdown is the community by which a router says that it is about to withdraw a route (RFC 8326 section 4.1).
const gracefulShutdown = uint32(bgp.COMMUNITY_PLANNED_SHUT)

// siteState is what a site does with a prefix.
type siteState string

const (
	announcing siteState = "announces"
	draining   siteState = "announces with GRACEFUL_SHUTDOWN"
	withdrawn  siteState = "does not announce"
)

// stateOf tells what a site does, by the routes that one of its neighbours holds.
func stateOf(held []view, site *speaker) siteState {
	i := slices.IndexFunc(held, func(v view) bool { return v.from == site.address })
	switch {
	case i < 0:
		return withdrawn
	case slices.Contains(held[i].communities, gracefulShutdown):
		return draining
	}
	return announcing
}

// WithdrawSite makes a site withdraw both anycast prefixes.
func (n *Network) WithdrawSite(ctx context.Context, name string) error {
	return n.setSite(ctx, name, withdrawn, AnycastV4, AnycastV6)
}

// DrainSite makes a site mark both anycast prefixes with GRACEFUL_SHUTDOWN: it still announces them, and the transits prefer other routes.
func (n *Network) DrainSite(ctx context.Context, name string) error {
	return n.setSite(ctx, name, draining, AnycastV4, AnycastV6)
}

// AnnounceSite makes a site announce both anycast prefixes again.
func (n *Network) AnnounceSite(ctx context.Context, name string) error {
	return n.setSite(ctx, name, announcing, AnycastV4, AnycastV6)
}

// PrependSites makes sites repeat their AS in what they announce of one prefix to the transits, so that these prefer other routes, or end that.
// Inside the network nothing shows it. All do it at once: whoever looks in between sees as little of that as possible.
func (n *Network) PrependSites(ctx context.Context, p netip.Prefix, on bool, names ...string) error {
	for _, name := range names {
		s, err := n.site(name)
		if err != nil {
			return err
		}
		if err := n.announceSite(ctx, s, marks{prepend: on}, p); err != nil {
			return err
		}
	}
	hops := 1
	if on {
		hops += prependTimes
	}
	for _, name := range names {
		if err := n.settleTransits(ctx, name, p, hops); err != nil {
			return err
		}
	}
	return nil
}

// FlapSite makes a site withdraw one prefix and announce it again at once. Its neighbours notice both.
func (n *Network) FlapSite(ctx context.Context, name string, p netip.Prefix) error {
	if err := n.setSite(ctx, name, withdrawn, p); err != nil {
		return err
	}
	return n.setSite(ctx, name, announcing, p)
}

// setSite brings a site's announcement of some prefixes into a state, and waits until its neighbours have noticed.
func (n *Network) setSite(ctx context.Context, name string, to siteState, prefixes ...netip.Prefix) error {
	s, err := n.site(name)
	if err != nil {
		return err
	}
	if to != withdrawn {
		err = n.announceSite(ctx, s, marks{drain: to == draining}, prefixes...)
	} else {
		err = n.withdrawSite(ctx, s, prefixes...)
	}
	if err != nil {
		return err
	}
	return n.settleSite(ctx, name, to, prefixes...)
}

// marks are what a site's routes say to those who receive them, besides which site they are of.
type marks struct {
	drain   bool // the site is about to withdraw them
	prepend bool // the site's own edge is to prepend them towards the transits; see edgePolicy
}

func (n *Network) announceSite(ctx context.Context, s Site, m marks, prefixes ...netip.Prefix) error {
	communities := []uint32{OurASN<<16 | uint32(s.Number)}
	if m.drain {
		communities = append(communities, gracefulShutdown)
	}
	attrs := originAttrs(communities, []*bgp.LargeCommunity{bgp.NewLargeCommunity(OurASN, 1, uint32(s.Number))})
	if m.prepend {
		mark := bgp.NewTwoOctetAsSpecificExtended(bgp.EC_SUBTYPE_ROUTE_TARGET, uint16(OurASN), prependTimes, true)
		attrs = append(attrs, bgp.NewPathAttributeExtendedCommunities([]bgp.ExtendedCommunityInterface{mark}))
	}
	for _, p := range prefixes {
		if err := n.speaker(s.Name).announce(ctx, p, attrs); err != nil {
			return err
		}
	}
	return nil
}

func (n *Network) withdrawSite(ctx context.Context, s Site, prefixes ...netip.Prefix) error {
	for _, p := range prefixes {
		if err := n.speaker(s.Name).withdraw(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// settleSite waits until the reflector and the site's transits know of the state, and the monitor is shown what follows.
func (n *Network) settleSite(ctx context.Context, name string, want siteState, prefixes ...netip.Prefix) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	site := n.speaker(name)
	return settle(ctx, func(ctx context.Context) (string, error) {
		for _, p := range prefixes {
			for _, uplink := range site.uplinks {
				held, err := n.speaker(uplink).routes(ctx, p)
				if err != nil {
					return "", err
				}
				if stateOf(held, site) != want {
					return fmt.Sprintf("%s has not noticed that %s %s %s", uplink, name, want, p), nil
				}
			}
			if what, err := n.lackingImages(ctx, p); err != nil || what != "" {
				return what, err
			}
		}
		return "", nil
	})
}

// settleTransits waits until the site's transits hold its route to a prefix with a path of so many hops, and the monitor is shown what follows.
func (n *Network) settleTransits(ctx context.Context, name string, p netip.Prefix, hops int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	site := n.speaker(name)
	return settle(ctx, func(ctx context.Context) (string, error) {
		for _, uplink := range site.uplinks {
			if n.speaker(uplink).role != transitRole {
				continue
			}
			held, err := n.speaker(uplink).routes(ctx, p)
			if err != nil {
				return "", err
			}
			if !slices.ContainsFunc(held, func(v view) bool { return v.from == site.address && len(v.path) == hops }) {
				return fmt.Sprintf("%s holds no route to %s of %d hops from %s", uplink, p, hops, name), nil
			}
		}
		return n.lackingImages(ctx, p)
	})
}

// lackingImages tells which looking glass has yet to follow its transit.
func (n *Network) lackingImages(ctx context.Context, p netip.Prefix) (string, error) {
	for transit, glass := range n.glasses {
		if what, err := n.lackingImage(ctx, transit, glass, p); err != nil || what != "" {
			return what, err
		}
	}
	return "", nil
}

// lackingImage tells whether the looking glass has yet to follow its transit.
func (n *Network) lackingImage(ctx context.Context, transit string, glass *speaker, p netip.Prefix) (string, error) {
	chosen, err := n.speaker(transit).routes(ctx, p)
	if err != nil {
		return "", err
	}
	shown, err := glass.routes(ctx, p)
	if err != nil {
		return "", err
	}
	if len(chosen) == 0 && len(shown) == 0 || len(chosen) > 0 && len(shown) > 0 && chosen[0].same(shown[0]) {
		return "", nil
	}
	return fmt.Sprintf("%s does not show the monitor what it does with %s", transit, p), nil
}

func (n *Network) site(name string) (Site, error) {
	if err := n.running(); err != nil {
		return Site{}, err
	}
	var names []string
	for _, s := range sites() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Site{}, fmt.Errorf("there is no site %q; the sites are %s", name, strings.Join(names, ", "))
}
