package rules

import (
	"net/netip"
	"regexp"
	"slices"
	"time"

	"anywatch/collector/route"
)

// Site is one place of the anycast network.
type Site struct {
	Name string
	// Region, Lat and Lon say where it is; Lat and Lon, degrees north and east, mean something when Placed.
	Region   string
	Lat, Lon float64
	Placed   bool
	Match    []Matcher
	// Drain are communities by which the site says that it is about to withdraw, besides GRACEFUL_SHUTDOWN (RFC 8326).
	Drain []route.Community
}

// Matcher holds exactly one condition; the others are zero.
type Matcher struct {
	Community      *route.Community
	LargeCommunity *route.LargeCommunity
	NextHop        netip.Prefix
	OriginatorID   netip.Addr
	Peer           netip.Addr
	Router         string
	ASPath         *regexp.Regexp // over the path written "a b c"
}

// Fits tells whether a route that a peer of a router announced is of the site.
func (m *Matcher) Fits(a *route.Attrs, peer netip.Addr, router string) bool {
	switch {
	case m.Community != nil:
		return a.Has(*m.Community)
	case m.LargeCommunity != nil:
		return slices.Contains(a.Large, *m.LargeCommunity)
	case m.NextHop.IsValid():
		return m.NextHop.Contains(a.NextHop.Unmap().WithZone(""))
	case m.OriginatorID.IsValid():
		return m.OriginatorID == a.OriginatorID
	case m.ASPath != nil:
		return m.ASPath.MatchString(a.Path.String())
	}
	return m.at(peer, router)
}

// at tells whether the matcher is about who announces a route, and fits.
func (m *Matcher) at(peer netip.Addr, router string) bool {
	return m.Peer.IsValid() && m.Peer == peer || m.Router != "" && m.Router == router
}

// Speaks tells whether a peer of a router is the site itself: by a matcher about it, or because its address is one that the site's routes carry as
// next hop or originator. Then the absence of a route means that the site does not announce it, also without Add-Path.
func (s *Site) Speaks(peer netip.Addr, router string) bool {
	return slices.ContainsFunc(s.Match, func(m Matcher) bool {
		return m.at(peer, router) || peer.IsValid() && (m.OriginatorID == peer || m.NextHop.IsSingleIP() && m.NextHop.Addr() == peer)
	})
}

// Draining tells whether a route of the site says that it is about to be withdrawn.
func (s *Site) Draining(a *route.Attrs) bool {
	return a.Has(route.GracefulShutdown) || slices.ContainsFunc(s.Drain, a.Has)
}

// NoSite is the number of no site.
const NoSite = -1

// Sites gives all sites in the order of the configuration. Not to be changed.
func (s *Set) Sites() []Site { return s.sites }

// SiteOf gives the number of the site that a route is of: the first one of whose matchers fits, NoSite for none.
func (s *Set) SiteOf(a *route.Attrs, peer netip.Addr, router string) int {
	return slices.IndexFunc(s.sites, func(site Site) bool {
		return slices.ContainsFunc(site.Match, func(m Matcher) bool { return m.Fits(a, peer, router) })
	})
}

// SiteNumber gives the number of a site by its name, NoSite for none.
func (s *Set) SiteNumber(name string) int {
	return slices.IndexFunc(s.sites, func(site Site) bool { return site.Name == name })
}

// Maintenance is a time in which what happens at some sites is expected.
type Maintenance struct {
	Sites    []string // empty: every site
	From, To time.Time
	Reason   string
}

// Maintained gives the maintenance that a site is in at a time; nil for none.
func (s *Set) Maintained(site string, now time.Time) *Maintenance {
	i := slices.IndexFunc(s.maintenance, func(m Maintenance) bool {
		return (len(m.Sites) == 0 || slices.Contains(m.Sites, site)) && !now.Before(m.From) && now.Before(m.To)
	})
	if i < 0 {
		return nil
	}
	return &s.maintenance[i]
}

// Boundaries are the times at which a maintenance begins or ends.
func (s *Set) Boundaries() (out []time.Time) {
	for _, m := range s.maintenance {
		out = append(out, m.From, m.To)
	}
	return out
}
