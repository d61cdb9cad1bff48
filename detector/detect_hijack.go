package detector

import (
	"fmt"
	"net/netip"

	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rules"
)

// originHijack finds a watched prefix, exactly, announced by an origin not allowed for it.
var originHijack = Detector{
	Kind: OriginHijack,
	Judge: func(c *Case) (Finding, string) {
		if !c.Exact() || c.unused() {
			return Finding{}, "the prefix is not exactly a watched one that is announced"
		}
		return c.foreignOrigin(OriginHijack)
	},
	Says: func(f *Finding) string {
		return fmt.Sprintf("%s announces %s; expected %s.", f.Origin, f.Prefix, f.Watched[0].OriginList())
	},
	Actions: hijackActions,
}

// subprefixHijack finds a more-specific of a watched prefix announced by an origin not allowed for it. It wins over our own announcement
// wherever it is heard: longest match goes before everything else.
var subprefixHijack = Detector{
	Kind: SubprefixHijack,
	Judge: func(c *Case) (Finding, string) {
		if c.Watched == nil || c.Exact() || c.unused() {
			return Finding{}, "the prefix is not inside a watched one that is announced"
		}
		return c.foreignOrigin(SubprefixHijack)
	},
	Says: func(f *Finding) string {
		w := f.Watched[0]
		return fmt.Sprintf("%s announces %s, a more-specific of %s; expected %s.", f.Origin, f.Prefix, w.Label(), w.OriginList())
	},
	Actions: hijackActions,
}

// foreignOrigin is the common verdict of the hijacks.
func (c *Case) foreignOrigin(k Kind) (Finding, string) {
	as, bad := c.Watched.Unallowed(c.Origin)
	if !bad {
		return Finding{}, c.not(func() string { return fmt.Sprintf("the origin %s is allowed for %s", c.originAS(), c.Watched.Label()) })
	}
	return c.finding(k, as, as, c.unexpected()), ""
}

// hijackActions says what helps against a foreign origin.
func hijackActions(f *Finding, path route.Path) []string {
	if f.RPKI.State == rpki.Valid {
		return []string{
			fmt.Sprintf("If %s may announce %s, add it to origins in the configuration", f.Origin, f.Prefix),
			fmt.Sprintf("If not, find out who made the ROA that authorises %s, and remove it", f.Origin),
		}
	}
	actions := []string{filterAction(f, path)}
	if a := counterAction(f); a != "" {
		actions = append(actions, a)
	}
	if f.RPKI.State == rpki.NotFound {
		actions = append(actions, fmt.Sprintf("Create a ROA for %s: networks that validate origins would then drop this announcement", f.Watched[0].Prefix))
	}
	return actions
}

// filterAction names who can stop it: the AS next to the origin, else the origin itself.
func filterAction(f *Finding, path route.Path) string {
	if n, ok := path.Neighbor(); ok && n != f.Offender {
		return fmt.Sprintf("Ask %s to filter the announcement: it stands next to the origin", n)
	}
	return fmt.Sprintf("Ask %s to withdraw the announcement", f.Offender)
}

// counterAction tells which announcement would win the traffic back: against a more-specific the same one, else its halves.
func counterAction(f *Finding) string {
	p := f.Prefix
	if f.Kind == SubprefixHijack {
		return fmt.Sprintf("Announce %s at all your sites%s: then it competes on equal terms", p, condition(p, "it"))
	}
	low, high, ok := halves(p)
	if !ok {
		return ""
	}
	return fmt.Sprintf("Announce %s and %s%s: the longer match wins%s", low, high, condition(low, "them"), f.roaFor(low.Bits()))
}

// roaFor tells what our own ROAs would make of a longer announcement: one that they forbid is dropped by whoever validates.
func (f *Finding) roaFor(bits int) string {
	longest := 0
	for _, v := range f.RPKI.VRPs {
		if f.Watched[0].Allows(v.ASN) {
			longest = max(longest, int(v.MaxLength))
		}
	}
	if longest == 0 || longest >= bits {
		return ""
	}
	return fmt.Sprintf(". Create a ROA for them first: the present one ends at /%d", longest)
}

// condition is what an announcement depends on: networks commonly accept prefixes up to /24, and /48.
func condition(p netip.Prefix, what string) string {
	if p.Addr().Is4() && p.Bits() <= 24 || p.Addr().Is6() && p.Bits() <= 48 {
		return ""
	}
	return " if your upstreams accept " + what
}

// halves splits a prefix in two.
func halves(p netip.Prefix) (low, high netip.Prefix, ok bool) {
	bits := p.Bits() + 1
	if bits > p.Addr().BitLen() {
		return low, high, false
	}
	b := p.Addr().AsSlice()
	b[(bits-1)/8] |= 0x80 >> ((bits - 1) % 8)
	a, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(p.Addr(), bits), netip.PrefixFrom(a, bits), true
}

// superprefix finds a covering prefix announced by an origin not allowed: if ours is withdrawn or filtered somewhere, its traffic goes there.
var superprefix = Detector{
	Kind: Superprefix,
	Judge: func(c *Case) (Finding, string) {
		var wrong []*rules.Prefix
		var as route.ASN
		for _, w := range c.Inside {
			if a, bad := w.Unallowed(c.Origin); bad {
				if wrong == nil {
					as = a
				}
				wrong = append(wrong, w)
			}
		}
		if wrong == nil {
			return Finding{}, "the prefix covers no watched prefix whose allowed origins it contradicts"
		}
		f := c.finding(Superprefix, as, as, c.unexpected())
		f.Watched = wrong
		return f, ""
	},
	Says: func(f *Finding) string {
		w := f.Watched[0]
		more := ""
		if n := len(f.Watched) - 1; n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		return fmt.Sprintf("%s announces %s, which covers %s%s; expected %s.", f.Origin, f.Prefix, w.Label(), more, w.OriginList())
	},
	Actions: func(f *Finding, path route.Path) []string {
		return []string{
			fmt.Sprintf("Make sure that %s is announced everywhere: while it is, the longer match keeps the traffic", f.Watched[0].Prefix),
			filterAction(f, path),
		}
	},
}

// squatting finds anything announced at or under a prefix that is never announced.
var squatting = Detector{
	Kind: Squatting,
	Judge: func(c *Case) (Finding, string) {
		if !c.unused() {
			return Finding{}, "the prefix is not in space that is never announced"
		}
		as, offender := c.originAS(), route.ASN(0)
		if a, bad := c.Watched.Unallowed(c.Origin); bad {
			as, offender = a, a
		}
		if c.Rules.Ours(offender) {
			offender = 0
		}
		return c.finding(Squatting, as, offender, c.unexpected()), ""
	},
	Says: func(f *Finding) string {
		return fmt.Sprintf("%s announces %s in %s, which is never announced.", f.Origin, f.Prefix, f.Watched[0].Label())
	},
	Actions: func(f *Finding, path route.Path) []string {
		if f.Offender == 0 {
			return []string{
				fmt.Sprintf("Find the router of %s that announces %s, and withdraw it", f.Origin, f.Prefix),
				"If it is meant, set announced: always or optional in the configuration",
			}
		}
		return []string{filterAction(f, path), fmt.Sprintf("Create a ROA for %s with AS0 (RFC 6483 section 4): it says that nobody announces it", f.Watched[0].Prefix)}
	},
}
