package propose

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"anywatch/rules"
)

// fate is what becomes of a prefix in the proposal.
type fate uint8

const (
	foreign  fate = iota // no AS of ours originates it
	proposed             // an entry of its own
	doubtful             // an entry of its own, as a comment
	part                 // among the more-specifics of another
	inside               // private space, or a default route: counted
)

// aside is address space that networks use inside (RFC 1918, 6598, 1122, 3927, 4193, 4291), or that is nobody's.
var aside = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("::/16"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
}

// isAside tells whether nobody but the network itself would care about a prefix.
func isAside(p netip.Prefix) bool {
	return p.Bits() == 0 || slices.ContainsFunc(aside, func(a netip.Prefix) bool { return covers(a, p) })
}

// covers tells that the inner prefix is a part of the outer one, or is it.
func covers(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// longestCommon is the longest prefix that networks commonly accept from one another.
func longestCommon(p netip.Prefix) int {
	if p.Addr().Is4() {
		return 24
	}
	return 48
}

// judge gives every prefix its fate, those that cover others first.
func (s *survey) judge() {
	byLength := slices.Clone(s.order)
	slices.SortStableFunc(byLength, func(a, b *fact) int { return cmp.Compare(a.prefix.Bits(), b.prefix.Bits()) })
	for _, f := range byLength {
		if len(f.ours) == 0 {
			continue
		}
		f.why = s.doubt(f)
		cover := s.cover(f.prefix)
		if cover == nil && f.why == "" {
			f.why = f.own()
		}
		switch {
		case isAside(f.prefix):
			f.fate = inside
		case cover != nil && !f.stands(cover):
			f.fate, f.within = part, cover
		case f.why != "":
			f.fate = doubtful
		default:
			f.fate = proposed
		}
	}
	for _, f := range s.order {
		if f.fate == part {
			f.within.parts = append(f.within.parts, f)
		}
	}
}

// cover gives the closest prefix with an entry of its own that contains another.
func (s *survey) cover(p netip.Prefix) *fact {
	for bits := p.Bits() - 1; bits > 0; bits-- {
		if f := s.facts[netip.PrefixFrom(p.Addr(), bits).Masked()]; f != nil && f.fate == proposed {
			return f
		}
	}
	return nil
}

// stands tells that a more-specific is announced like a prefix of its own: nearly everybody who shows what covers it shows it too.
func (f *fact) stands(cover *fact) bool {
	return f.why == "" && f.prefix.Bits() <= longestCommon(f.prefix) && 10*f.all.standing() >= 8*cover.all.standing()
}

// doubt says why a prefix may not be ours, or no longer; empty when nothing speaks against it.
func (s *survey) doubt(f *fact) string {
	standing, shown := f.all.standing(), len(f.all)
	if standing == 0 {
		return fmt.Sprintf("withdrawn by %s, the last time at %s", allOf(shown), f.gone.UTC().Format(time.RFC3339))
	}
	if shown > f.all.external() {
		return "" // our own network shows it
	}
	if who, n := f.strongest(); n > standing {
		return fmt.Sprintf("shown by %s with an origin of ours, and by %d with origin %s: yours, or a forgery?", vantages(standing), n, who)
	}
	if of, known := s.of(f.prefix); known && few(standing, of) {
		return fmt.Sprintf("shown by %d of %d vantages only: yours, or a forgery?", standing, of)
	}
	return ""
}

// own is the doubt about a prefix that no other of ours covers: one longer than others accept, which one router announces inside, is hardly a
// service.
func (f *fact) own() string {
	if f.all.external() > 0 || len(f.exits) > 1 || f.prefix.Bits() <= longestCommon(f.prefix) {
		return ""
	}
	return "inside only, from one router: a service, or that router's own address?"
}

// strongest gives the origin that is not ours which most vantages show.
func (f *fact) strongest() (who string, n int) {
	for o, t := range f.others {
		if m := t.standing(); m > n || m == n && o < who {
			who, n = o, m
		}
	}
	return who, n
}

// foreigners gives the prefixes of others only that lie inside of one, and those that cover it and are long enough to be of interest.
func (s *survey) foreigners(f *fact) (within, around []*fact) {
	t := rules.Defaults()
	shortest := t.ShortestCovering4
	if f.prefix.Addr().Is6() {
		shortest = t.ShortestCovering6
	}
	for _, g := range s.order {
		switch {
		case g.fate != foreign:
		case covers(f.prefix, g.prefix):
			if s.cover(g.prefix) == f {
				within = append(within, g)
			}
		case covers(g.prefix, f.prefix) && g.prefix.Bits() >= shortest:
			around = append(around, g)
		}
	}
	return within, around
}

// entries gives the prefixes with an entry of their own, in order.
func (s *survey) entries(f fate) []*fact {
	return slices.DeleteFunc(slices.Clone(s.order), func(x *fact) bool { return x.fate != f })
}
