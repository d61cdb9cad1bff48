package propose

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// chooseMatchers gives every site marks that its paths have and no other site's.
func (s *survey) chooseMatchers() {
	owners := make(map[mark]map[*site]int)
	for _, x := range s.sites {
		for _, t := range x.trails {
			for m := range t.marks {
				if owners[m] == nil {
					owners[m] = make(map[*site]int)
				}
				owners[m][x]++
			}
		}
	}
	own := make(map[*site][]mark)
	for m, of := range owners {
		for x := range of {
			if len(of) == 1 {
				own[x] = append(own[x], m)
			}
		}
	}
	for _, x := range s.sites {
		slices.SortFunc(own[x], mark.compare)
	}
	for _, x := range s.sites {
		x.match = s.matchers(x, own)
	}
}

// matchers gives the best: one mark that is on all paths, else marks of one kind that are on all paths together, else of several.
func (s *survey) matchers(x *site, own map[*site][]mark) []mark {
	for k := community; k <= lastKind; k++ {
		var fit []mark
		for _, m := range own[x] {
			if m.kind == k && x.has(m) == len(x.trails) {
				fit = append(fit, m)
			}
		}
		if len(fit) > 0 {
			return []mark{s.alike(x, fit, own)}
		}
	}
	for k := originatorID; k <= lastKind; k++ {
		if chosen, all := x.cover(own[x], func(m mark) bool { return m.kind == k }); all {
			return chosen
		}
	}
	chosen, _ := x.cover(own[x], func(m mark) bool { return !m.kind.tagged() || 2*x.has(m) >= len(x.trails) })
	return chosen
}

// has counts the paths that have a mark.
func (x *site) has(m mark) (n int) {
	for _, t := range x.trails {
		if t.marks[m] {
			n++
		}
	}
	return n
}

// cover picks marks until all paths have one; all tells whether that succeeded.
func (x *site) cover(marks []mark, pick func(mark) bool) (chosen []mark, all bool) {
	left := slices.Clone(x.trails)
	for _, m := range marks {
		if !pick(m) {
			continue
		}
		before := len(left)
		left = slices.DeleteFunc(left, func(t *trail) bool { return t.marks[m] })
		if len(left) < before {
			chosen = append(chosen, m)
		}
	}
	return chosen, len(left) == 0
}

// alike picks, among marks that do equally well, the one most like the marks of other sites: 64500:102 beside 64500:101, rather than a community
// that says something else.
func (s *survey) alike(x *site, fit []mark, own map[*site][]mark) mark {
	distance := func(m mark) (sum uint64) {
		const far = 1 << 33
		for _, y := range s.sites {
			nearest := uint64(far)
			for _, o := range own[y] {
				if y != x && o.kind == m.kind && o.high == m.high && y.has(o) == len(y.trails) {
					nearest = min(nearest, uint64(max(o.low, m.low)-min(o.low, m.low)))
				}
			}
			sum += nearest
		}
		return sum
	}
	foreign := func(m mark) int {
		as := m.high
		if m.kind == large {
			as >>= 32
		}
		for a := range s.mine {
			if uint64(a) == as {
				return 0
			}
		}
		return 1
	}
	return slices.MinFunc(fit, func(a, b mark) int {
		return cmp.Or(cmp.Compare(foreign(a), foreign(b)), cmp.Compare(distance(a), distance(b)), a.compare(b))
	})
}

// nameSites names them by their routers where names of those are known, else by their matcher.
func (s *survey) nameSites() {
	used := make(map[string]bool)
	names := s.routerNames()
	for _, x := range s.sites {
		name := cmp.Or(commonName(x.exits, names), x.matcherName())
		if used[name] {
			name = "nh-" + dashed(x.exits[0])
		}
		for unique := name; used[name]; {
			unique += "-b"
			name = unique
		}
		used[name] = true
		x.name = name
	}
}

func (x *site) matcherName() string {
	switch {
	case len(x.match) == 0:
		return "at-" + dashed(x.exits[0])
	case x.match[0].kind.tagged():
		parts := strings.Split(x.match[0].text, ":")
		return "site-" + parts[len(parts)-1]
	case x.match[0].kind == router:
		return x.match[0].text
	case x.match[0].kind == nextHop:
		return "nh-" + dashed(x.match[0].text)
	}
	return "router-" + dashed(x.match[0].text)
}

// dashed makes an address fit for a name.
func dashed(s string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r == '.' || r == ':' {
			return '-'
		}
		return r
	}, s), "-")
}

// routerNames tells the names of routers that speak for themselves: by the address or the identifier that their paths leave by.
func (s *survey) routerNames() map[string]string {
	out := make(map[string]string)
	for _, v := range s.Vantages {
		if v.External || v.Router == "" || !printable(v.Router) {
			continue
		}
		for at, mine := range map[string]bool{v.RouterID.String(): v.LocRIB && real(v.RouterID), v.Peer.String(): v.Named && real(v.Peer), v.Router: true} {
			if mine {
				out[at] = v.Router
			}
		}
	}
	return out
}

// commonName is what the names of all the routers of a site begin with: ams for ams-edge1 and ams-edge2. Empty when one has no name.
func commonName(exits []string, names map[string]string) string {
	words := strings.FieldsFunc(names[exits[0]], separates)
	for _, e := range exits[1:] {
		others := strings.FieldsFunc(names[e], separates)
		n := 0
		for n < min(len(words), len(others)) && words[n] == others[n] {
			n++
		}
		words = words[:n]
	}
	if len(exits) == 1 || len(words) == 0 {
		return names[exits[0]]
	}
	return strings.Join(words, "-")
}

func separates(r rune) bool { return r == '-' || r == '.' || r == '_' }

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar })
}

// siteNames gives the names of a prefix's sites, in the order of the sites.
func (s *survey) siteNames(of map[*site]bool) []string {
	var out []string
	for _, x := range s.sites {
		if of[x] {
			out = append(out, x.name)
		}
	}
	return out
}

// sorted is the keys of a map in order.
func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
