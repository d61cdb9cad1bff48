package config

import (
	"fmt"
	"slices"
)

// blurredSites: a path belongs to the first site one of whose matchers fits, so that what an earlier site covers never reaches a later one.
func blurredSites(c *Config) (out []Advice) {
	var bare []string
	for n, s := range c.Sites {
		if len(s.Match) == 0 {
			bare = append(bare, s.Name)
		}
		for _, m := range s.Match {
			if i := slices.IndexFunc(c.Sites[:n], func(earlier Site) bool {
				return slices.ContainsFunc(earlier.Match, func(e Matcher) bool { return e.covers(m) })
			}); i >= 0 {
				earlier := c.Sites[i].Name
				out = append(out, Advice{fmt.Sprintf("%s of site %s fits the earlier site %s too", m, s.Name, earlier),
					fmt.Sprintf("a path belongs to the first site that fits: such paths of %s count as of %s, and %s seems not to announce", s.Name, earlier, s.Name),
					"match what only one of the sites has"})
				break
			}
		}
	}
	if len(bare) > 0 {
		out = append(out, advice("no matcher tells the paths of "+several(bare), "their state stays unknown, and their loss unnoticed",
			"give each a match: a community that it sets, its next hop or originator id")...)
	}
	return out
}

// covers tells whether every path that other fits is one that m fits.
func (m Matcher) covers(other Matcher) bool {
	switch {
	case m.Community != nil:
		return other.Community != nil && *m.Community == *other.Community
	case m.LargeCommunity != nil:
		return other.LargeCommunity != nil && *m.LargeCommunity == *other.LargeCommunity
	case m.NextHop.IsValid():
		return other.NextHop.IsValid() && m.NextHop.Bits() <= other.NextHop.Bits() && m.NextHop.Contains(other.NextHop.Addr())
	case m.OriginatorID.IsValid():
		return m.OriginatorID == other.OriginatorID
	case m.Peer.IsValid():
		return m.Peer == other.Peer
	case m.Router != "":
		return m.Router == other.Router
	case m.ASPath != nil:
		return other.ASPath != nil && m.ASPath.String() == other.ASPath.String()
	}
	return false
}

// String writes the matcher as the file has it: community 64500:101.
func (m Matcher) String() string {
	switch {
	case m.Community != nil:
		return "community " + m.Community.String()
	case m.LargeCommunity != nil:
		return "large_community " + m.LargeCommunity.String()
	case m.NextHop.IsValid() && m.NextHop.IsSingleIP():
		return "next_hop " + m.NextHop.Addr().String()
	case m.NextHop.IsValid():
		return "next_hop " + m.NextHop.String()
	case m.OriginatorID.IsValid():
		return "originator_id " + m.OriginatorID.String()
	case m.Peer.IsValid():
		return "peer " + m.Peer.String()
	case m.Router != "":
		return "router " + m.Router
	case m.ASPath != nil:
		return "as_path " + m.ASPath.String()
	}
	return "an empty matcher"
}

// shows tells whether some source could show a path that the matcher fits. What a router does to its paths can't be known: in doubt it could.
func (s *Sources) shows(m Matcher) bool {
	if s.BMP != nil || len(s.ExaBGP)+len(s.OpenBMP) > 0 { // they show the routers' own tables, whatever stands in them
		return true
	}
	if s.BGP != nil && slices.ContainsFunc(s.BGP.Neighbors, func(n Neighbor) bool { return n.shows(m) }) {
		return true
	}
	return len(s.RISLive) > 0 && m.travels()
}

// travels tells whether others see it as well: communities and AS paths go from network to network; next hop and originator id stay inside ours
// (RFC 4271 section 5.1.3, RFC 4456 section 8), and who announces it is somebody else.
func (m Matcher) travels() bool {
	return m.Community != nil || m.LargeCommunity != nil || m.ASPath != nil
}

func (n Neighbor) shows(m Matcher) bool {
	switch {
	case m.Peer.IsValid():
		return n.at(m)
	case m.Router != "":
		return n.at(m) || n.Range.IsValid() // its sessions are called by its name and their address
	}
	return n.Scope == Internal || m.travels()
}

// at tells whether the matcher is about the neighbor itself.
func (n Neighbor) at(m Matcher) bool {
	return m.Peer.IsValid() && (n.Address == m.Peer || n.Range.IsValid() && n.Range.Contains(m.Peer)) || m.Router != "" && n.Name == m.Router
}

// used gives the sites that some prefix should be announced at.
func (c *Config) used() (out []Site) {
	for _, s := range c.Sites {
		if slices.ContainsFunc(c.Prefixes, func(p Prefix) bool { return p.Announced != Never && slices.Contains(p.Sites, s.Name) }) {
			out = append(out, s)
		}
	}
	return out
}

func (s *Sources) none() bool {
	return s.BGP == nil && s.BMP == nil && len(s.RISLive)+len(s.OpenBMP)+len(s.ExaBGP) == 0
}

// unseenSites: sites by whose matchers no source could show a path.
func unseenSites(c *Config) []Advice {
	if c.Sources.none() {
		return advice("there is no source", "anywatch run would see nothing; replay and report read files and need none", "let a route reflector or a BMP router connect: see sources")
	}
	var unseen []string
	prefixes := 0
	for _, s := range c.used() {
		if len(s.Match) == 0 || slices.ContainsFunc(s.Match, c.Sources.shows) {
			continue
		}
		unseen = append(unseen, s.Name)
	}
	if len(unseen) == 0 {
		return nil
	}
	for _, p := range c.Prefixes {
		if p.Announced != Never && slices.ContainsFunc(p.Sites, func(s string) bool { return slices.Contains(unseen, s) }) {
			prefixes++
		}
	}
	return advice(fmt.Sprintf("no source could show which paths are of %s (%s)", several(unseen), howMany(prefixes)),
		"next hop, originator id, peer and router are not visible from where the sources look, so these sites stay unknown",
		"add a session with a route reflector (add_path: true) or BMP, or match a community that the site sets")
}

// hiddenSites: who sees best paths only can't tell that a site is gone from that another one is better.
func hiddenSites(c *Config) []Advice {
	sites, s := c.used(), &c.Sources
	if len(sites) < 2 || s.none() || s.BMP != nil || len(s.ExaBGP)+len(s.OpenBMP) > 0 {
		return nil
	}
	var hidden []string
	for _, site := range sites {
		if !slices.ContainsFunc(site.Match, s.shows) {
			continue // that is told already
		}
		if s.BGP == nil || !slices.ContainsFunc(s.BGP.Neighbors, func(n Neighbor) bool { return n.looksPast(site) }) {
			hidden = append(hidden, site.Name)
		}
	}
	if len(hidden) == 0 {
		return nil
	}
	return advice("no source looks past best paths for "+several(hidden), "a site behind a better path can't be told from one that is gone: its loss is found late, or not at all",
		"add a session with a route reflector that sends all paths (add_path: true), BMP, or a session with each site")
}

// looksPast tells whether the neighbor sends all paths from inside our network, or is the site itself.
func (n Neighbor) looksPast(site Site) bool {
	return n.Scope == Internal && n.AddPath || slices.ContainsFunc(site.Match, func(m Matcher) bool {
		return n.at(m) || n.Address.IsValid() && (m.OriginatorID == n.Address || m.NextHop.IsSingleIP() && m.NextHop.Addr() == n.Address)
	})
}

func howMany(prefixes int) string {
	if prefixes == 1 {
		return "1 prefix"
	}
	return fmt.Sprintf("%d prefixes", prefixes)
}
