package detector

import (
	"fmt"
	"net/netip"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rpki"
)

// moreSpecific finds an allowed origin that announces a more-specific which the configuration does not declare.
var moreSpecific = Detector{
	Kind: MoreSpecific,
	Judge: func(c *Case) (Finding, string) {
		if c.Watched == nil || c.Exact() || c.unused() {
			return Finding{}, "the prefix is not inside a watched one that is announced"
		}
		if _, bad := c.Watched.Unallowed(c.Origin); bad {
			return Finding{}, "the origin is not allowed: that is a hijack, not a more-specific of ours"
		}
		if c.Watched.MoreSpecifics.Allow(c.Prefix) {
			return Finding{}, c.not(func() string { return fmt.Sprintf("more_specifics of %s allows it", c.Watched.Label()) })
		}
		return c.finding(MoreSpecific, c.originAS(), 0, Warning), ""
	},
	Says: func(f *Finding) string {
		return fmt.Sprintf("%s announces %s, a more-specific of %s that is not declared.", f.Origin, f.Prefix, f.Watched[0].Label())
	},
	Actions: func(f *Finding, _ route.Path) []string {
		return []string{
			fmt.Sprintf("If it is meant (traffic engineering, scrubbing), declare %s in more_specifics of %s", f.Prefix, f.Watched[0].Prefix),
			fmt.Sprintf("If not, withdraw it: it draws all traffic of %s to where it is announced", f.Prefix),
		}
	},
}

// newPrefix finds a prefix outside the configuration that one of our ASes originates.
var newPrefix = Detector{
	Kind: NewPrefix,
	Judge: func(c *Case) (Finding, string) {
		if c.Watched != nil {
			return Finding{}, "the prefix is in the configuration"
		}
		as, ours := c.ours()
		if !ours {
			return Finding{}, "no AS of ours originates it"
		}
		severity := Warning
		if c.Vantage.Scope == collector.Internal {
			if private(c.Prefix) {
				return Finding{}, "it is private address space inside our own network"
			}
			severity = Info
		}
		return c.finding(NewPrefix, as, 0, severity), ""
	},
	Says: func(f *Finding) string {
		return fmt.Sprintf("%s announces %s, which is not in the configuration.", f.Origin, f.Prefix)
	},
	Actions: func(f *Finding, _ route.Path) []string {
		return []string{
			fmt.Sprintf("If it is ours, add %s to prefixes in the configuration", f.Prefix),
			fmt.Sprintf("If not, somebody forges %s as origin or one of its routers leaks: find the router that announces it", f.Origin),
		}
	},
}

// privateSpace is what networks use inside (RFC 1918, 6598, 1122, 3927, 4193, 4291): our own routers telling each other about it is no news.
var privateSpace = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("::1/128"),
}

func private(p netip.Prefix) bool {
	for _, s := range privateSpace {
		if s.Bits() <= p.Bits() && s.Contains(p.Addr()) {
			return true
		}
	}
	return false
}

// unconfigured says why an announcement in a watched prefix is not as configured; "" when it is.
func (c *Case) unconfigured() string {
	if _, bad := c.Watched.Unallowed(c.Origin); bad {
		return "the origin is not allowed: its RPKI state is part of the hijack"
	}
	if !c.Exact() && !c.Watched.MoreSpecifics.Allow(c.Prefix) {
		return "the more-specific is not declared: its RPKI state is part of that incident"
	}
	return ""
}

// rpkiInvalid finds an announcement that the configuration allows and our own ROAs forbid: others will drop us.
var rpkiInvalid = Detector{
	Kind: RPKIInvalid,
	Judge: func(c *Case) (Finding, string) {
		if c.Watched == nil || c.unused() {
			return Finding{}, "the prefix is not watched as one that is announced"
		}
		if why := c.unconfigured(); why != "" {
			return Finding{}, why
		}
		if c.RPKI.State != rpki.Invalid {
			return Finding{}, c.not(func() string { return "its RPKI state is " + c.RPKI.State.String() })
		}
		return c.finding(RPKIInvalid, c.originAS(), 0, Warning), ""
	},
	Says: func(f *Finding) string {
		if f.RPKI.State == rpki.NotChecked {
			return fmt.Sprintf("%s announces %s as configured. By the last VRPs that could be used our own ROAs made it invalid; whether they still do, nobody can tell.", f.Origin, f.Prefix)
		}
		return fmt.Sprintf("%s announces %s as configured, and our own ROAs make it invalid: networks that validate origins drop it.", f.Origin, f.Prefix)
	},
	Actions: func(f *Finding, _ route.Path) []string {
		if f.RPKI.Reason == "length" {
			return []string{fmt.Sprintf("Create a ROA for exactly %s and %s: the one that covers it does not allow a prefix this long", f.Prefix, f.Origin)}
		}
		return []string{fmt.Sprintf("Create a ROA for %s and %s, or stop announcing it from there", f.Prefix, f.Origin)}
	},
}
