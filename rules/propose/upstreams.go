package propose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"anywatch/collector/route"
)

// neighbor is an AS next to an origin of ours.
type neighbor struct {
	as       route.ASN
	seen     tally
	prefixes map[*fact]bool
	doubt    string
}

// hardly is the doubt about what too few vantages show.
const hardly = "shown by few"

// upstreams is who stands next to our ASes on the paths from outside.
type upstreams struct {
	s        *survey
	of       map[route.ASN][]*neighbor // by origin, the one seen most first
	vantages map[route.ASN]int         // outside, that show a prefix of the origin
	// split tells that two of our ASes have no upstream in common.
	split bool
}

func newUpstreams(s *survey) *upstreams {
	u := &upstreams{s: s, of: make(map[route.ASN][]*neighbor), vantages: make(map[route.ASN]int)}
	all := make(map[route.ASN]map[route.ASN]*neighbor)
	shows := make(map[route.ASN]tally)
	for _, f := range s.order {
		if f.fate != proposed && (f.fate != part || f.why != "") {
			continue
		}
		for origin, next := range f.next {
			if all[origin] == nil {
				all[origin] = make(map[route.ASN]*neighbor)
			}
			for as, seen := range next {
				n := all[origin][as]
				if n == nil {
					n = &neighbor{as: as, seen: make(tally), prefixes: make(map[*fact]bool)}
					all[origin][as] = n
				}
				n.prefixes[f] = true
				for v, stands := range seen {
					n.seen.add(v, stands)
					put(shows, origin, v, stands)
				}
			}
		}
	}
	for origin, next := range all {
		u.vantages[origin] = len(shows[origin])
		u.of[origin] = u.ranked(origin, next)
	}
	u.split = u.disjoint()
	return u
}

// ranked puts the neighbours in order, and says of those that hardly anybody shows, or that nobody shows any more, that they are in doubt.
func (u *upstreams) ranked(origin route.ASN, next map[route.ASN]*neighbor) (out []*neighbor) {
	for _, n := range next {
		switch standing := n.seen.standing(); {
		case n.as.Reserved():
			n.doubt = "a reserved number"
		case standing == 0:
			n.doubt = "none in the end"
		case few(standing, u.vantages[origin]):
			n.doubt = hardly
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b *neighbor) int {
		return cmp.Or(cmp.Compare(len(a.doubt), 0)-cmp.Compare(len(b.doubt), 0), cmp.Compare(len(b.seen), len(a.seen)), cmp.Compare(a.as, b.as))
	})
	return out
}

// sure gives the neighbours of an origin that are not in doubt, by number.
func (u *upstreams) sure(origin route.ASN) (out []route.ASN) {
	for _, n := range u.of[origin] {
		if n.doubt == "" {
			out = append(out, n.as)
		}
	}
	slices.Sort(out)
	return out
}

// disjoint tells that two of our ASes have upstreams, and none in common.
func (u *upstreams) disjoint() bool {
	origins := sorted(u.of)
	for i, a := range origins {
		for _, b := range origins[i+1:] {
			x, y := u.sure(a), u.sure(b)
			if len(x) > 0 && len(y) > 0 && !slices.ContainsFunc(x, func(as route.ASN) bool { return slices.Contains(y, as) }) {
				return true
			}
		}
	}
	return false
}

// note says how often a neighbour was seen.
func (u *upstreams) note(n *neighbor, of int) string {
	text := fmt.Sprintf("%d of %s", len(n.seen), vantages(of))
	for v := range n.seen {
		if v.Local == n.as {
			text += ", itself among them"
			break
		}
	}
	text += ", " + prefixes(len(n.prefixes))
	if n.doubt != "" && n.doubt != hardly {
		text += "; " + n.doubt
	}
	return text
}

// write lists the upstreams that all of our ASes have together.
func (u *upstreams) write(p *page) {
	merged, of := u.merged()
	body := &page{}
	for i, n := range merged {
		if n.doubt != "" {
			if i == 0 || merged[i-1].doubt == "" {
				body.say("    ", "In doubt, because nobody or hardly anybody shows them: uncomment those that are neighbours of yours.")
			}
			body.doubt(fmt.Sprintf("    - %d", uint32(n.as)), u.note(n, of))
		} else {
			body.add(fmt.Sprintf("    - %d", uint32(n.as)), u.note(n, of))
		}
	}
	p.under("  ", "upstreams:", body)
	if of < 5 {
		p.say("    ", fmt.Sprintf("Only %s from outside showed this: there may be others.", vantages(of)))
	}
}

// merged puts the neighbours of all origins together. One that is certain next to one of our ASes is certain.
func (u *upstreams) merged() (out []*neighbor, of int) {
	byAS := make(map[route.ASN]*neighbor)
	for _, origin := range sorted(u.of) {
		of = max(of, u.vantages[origin])
		for _, n := range u.of[origin] {
			m := byAS[n.as]
			if m == nil {
				m = &neighbor{as: n.as, seen: make(tally), prefixes: make(map[*fact]bool), doubt: n.doubt}
				byAS[n.as] = m
				out = append(out, m)
			}
			if n.doubt == "" {
				m.doubt = ""
			}
			for v, stands := range n.seen {
				m.seen.add(v, stands)
			}
			for f := range n.prefixes {
				m.prefixes[f] = true
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *neighbor) int {
		return cmp.Or(cmp.Compare(len(a.doubt), 0)-cmp.Compare(len(b.doubt), 0), cmp.Compare(len(b.seen), len(a.seen)), cmp.Compare(a.as, b.as))
	})
	return out, of
}

// explain says next to which of our ASes which others were seen, where they stand with each prefix.
func (u *upstreams) explain(p *page) {
	for _, origin := range sorted(u.of) {
		var texts []string
		for _, n := range u.of[origin] {
			texts = append(texts, fmt.Sprintf("AS%d (%s)", uint32(n.as), u.note(n, u.vantages[origin])))
		}
		p.say("", "Next to "+origin.String()+": "+strings.Join(texts, "; ")+".")
	}
}

// writeFor lists the upstreams of a prefix, where they are not the same for all.
func (u *upstreams) writeFor(p *page, f *fact) {
	if !u.split {
		return
	}
	origins := sorted(f.ours)
	if len(origins) == 1 {
		if sure := u.sure(origins[0]); len(sure) > 0 {
			p.add("    upstreams: "+list(asnTexts(sure)), "")
		}
		return
	}
	body := &page{}
	for _, o := range origins {
		if sure := u.sure(o); len(sure) > 0 {
			body.add(fmt.Sprintf("      %d: %s", uint32(o), list(asnTexts(sure))), "")
		}
	}
	p.under("    ", "origin_upstreams:", body)
}

// around gives the ASes that stand next to the origins of a prefix.
func (u *upstreams) around(f *fact) []route.ASN {
	all := make(map[route.ASN]bool)
	for origin := range f.ours {
		for _, as := range u.sure(origin) {
			all[as] = true
		}
	}
	return sorted(all)
}

// origins gives the upstreams that are not in doubt, with the ASes of ours that they stand next to.
func (u *upstreams) origins() map[route.ASN]map[route.ASN]bool {
	out := make(map[route.ASN]map[route.ASN]bool)
	for origin := range u.of {
		for _, as := range u.sure(origin) {
			if out[as] == nil {
				out[as] = make(map[route.ASN]bool)
			}
			out[as][origin] = true
		}
	}
	return out
}
