package app

import (
	"slices"

	"anywatch/cmd/internal/config"
	"anywatch/collector/route"
	"anywatch/collector/screen"
	"anywatch/rules"
)

// Rules compiles what the configuration expects.
func Rules(c *config.Config) *rules.Set { return rulesWith(c, nil) }

// rulesWith compiles what the configuration expects, with planned work that it does not know of.
func rulesWith(c *config.Config, planned []rules.Maintenance) *rules.Set {
	prefixes := make([]rules.Prefix, len(c.Prefixes))
	for i, p := range c.Prefixes {
		prefixes[i] = rules.Prefix{
			Prefix: p.Prefix, Name: p.Name,
			AnyOrigin: p.Origins.Any, Origins: p.Origins.ASNs,
			Upstreams: p.Upstreams, OriginUpstreams: p.OriginUpstreams,
			MoreSpecifics: rules.MoreSpecifics(p.MoreSpecifics),
			Announced:     announced(p.Announced),
			LocalScope:    p.Scope == config.Local,
			Sites:         p.Sites, MinSites: p.MinSites, Twin: p.Twin, Labels: p.Labels,
		}
	}
	limits := thresholds(c.Detect)
	limits.RPKI = rules.RPKI{MaxAge: c.RPKI.MaxAge, ExpiryWarning: c.RPKI.ROAExpiryWarning}
	return rules.New(rules.Config{
		ASNs: c.ASNs, Prefixes: prefixes, Sites: sites(c.Sites), Maintenance: append(maintenance(c.Maintenance), planned...), Rules: ownRules(c.Rules), Thresholds: limits,
		PeerLocks: peerLocks(c.PeerLocks), Neighbors: neighbors(c.Sources.BGP),
	})
}

func ownRules(list []config.Rule) []*rules.Rule {
	out := make([]*rules.Rule, len(list))
	for i, r := range list {
		out[i] = &rules.Rule{Name: r.Name, When: r.When, Severity: string(r.Severity), Summary: r.Summary}
	}
	return out
}

func peerLocks(list []config.PeerLock) []rules.PeerLock {
	out := make([]rules.PeerLock, len(list))
	for i, l := range list {
		out[i] = rules.PeerLock(l)
	}
	return out
}

// neighbors gives the ASes that we have sessions with.
func neighbors(b *config.BGP) []route.ASN {
	if b == nil {
		return nil
	}
	out := []route.ASN{b.ASN}
	for _, n := range b.Neighbors {
		out = append(out, n.ASN)
	}
	return out
}

func sites(list []config.Site) []rules.Site {
	out := make([]rules.Site, len(list))
	for i, s := range list {
		out[i] = rules.Site{
			Name: s.Name, Region: s.Location.Region, Lat: s.Location.Lat, Lon: s.Location.Lon, Placed: s.Location.Placed, Drain: s.Drain,
		}
		for _, m := range s.Match {
			out[i].Match = append(out[i].Match, rules.Matcher(m))
		}
	}
	return out
}

func maintenance(list []config.Maintenance) []rules.Maintenance {
	out := make([]rules.Maintenance, len(list))
	for i, m := range list {
		out[i] = rules.Maintenance(m)
	}
	return out
}

func announced(a config.Announced) rules.Announced {
	switch a {
	case config.Optional:
		return rules.Optional
	case config.Never:
		return rules.Never
	}
	return rules.Always
}

// flap puts the configured profile first; the vendors' are counted beside it, because networks out there use those.
func flap(f config.Flap) rules.Flap {
	out := rules.Flap{Alert: f.Alert}
	known := config.FlapProfiles()
	for _, p := range known {
		own := f
		if own.Alert = p.Alert; p.Profile == f.Profile && p != own {
			f.Profile = "own parameters"
		}
	}
	for _, p := range append([]config.Flap{f}, known...) {
		d := rules.Dampening{
			Name: p.Profile, HalfLife: p.HalfLife, Suppress: p.Suppress, Reuse: p.Reuse, MaxSuppress: p.MaxSuppress,
			Withdraw: p.Withdraw, Reannounce: p.Reannounce, Attribute: p.Attribute,
		}
		if !slices.Contains(out.Profiles, d) {
			out.Profiles = append(out.Profiles, d)
		}
	}
	return out
}

func thresholds(d config.Detect) rules.Thresholds {
	return rules.Thresholds{
		Confirm:           rules.Confirm{Vantages: d.Confirm.Vantages, External: d.Confirm.ExternalVantages, Within: d.Confirm.Within},
		ResolveAfter:      d.ResolveAfter,
		ReopenWithin:      d.ReopenWithin,
		SiteMissingAfter:  d.SiteMissingAfter,
		Flap:              flap(d.Flap),
		InitialSync:       d.InitialSync,
		StaleAfterLoss:    d.StaleAfterLoss,
		StaleVantageAfter: d.StaleVantageAfter,
		Blackhole:         d.Blackhole,
		Visibility:        rules.Visibility{Warning: float64(d.Visibility.Warning), Critical: float64(d.Visibility.Critical)},
		Catchment:         rules.Catchment{Shift: float64(d.Catchment.Shift), Within: d.Catchment.Within},
		ShortestCovering4: d.Superprefix.ShortestIPv4,
		ShortestCovering6: d.Superprefix.ShortestIPv6,
	}
}

// Watch compiles what the screen looks for.
func Watch(set *rules.Set) *screen.Watch {
	return screen.NewWatch(set.Nets(), set.ASNs(), screen.Shortest{
		IPv4: uint8(set.ShortestCovering4), IPv6: uint8(set.ShortestCovering6),
	})
}
