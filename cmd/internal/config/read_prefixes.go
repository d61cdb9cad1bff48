package config

import (
	"fmt"
	"net/netip"

	"anywatch/collector/route"
)

// policies reads `defaults` and `prefixes`, and works the first into the second.
func (r *reader) policies(root *section, asns []route.ASN, sites names) (Policy, []Prefix) {
	ps := &prefixes{r: r, root: root, sites: sites}
	ps.defaults = root.sub("defaults", "{min_sites: 2}")
	ps.policy = r.policy(ps.defaults, Policy{Origins: Origins{ASNs: asns}, MinSites: 1})
	ps.policy.MoreSpecifics = r.moreSpecifics(ps.defaults, MoreSpecifics{}, netip.Prefix{})
	ps.defaults.end()

	const remedy = "write at least one, as prefixes: [{prefix: 192.0.2.0/24}]"
	root.each("prefixes", "{prefix: 192.0.2.0/24}", ps.read)
	if root.required("prefixes", remedy) && len(ps.all) == 0 && root.sound("prefixes") {
		root.fault("prefixes", "is empty", remedy)
	}
	ps.compare()
	out := make([]Prefix, len(ps.all))
	for i, w := range ps.all {
		out[i] = w.Prefix
	}
	return ps.policy, out
}

// prefixes is the list of them while it is read.
type prefixes struct {
	r              *reader
	root, defaults *section
	policy         Policy
	sites          names
	all            []watch
	// unread are entries whose prefix is wrong or absent: what refers to one of them may be right.
	unread []string
}

// watch is a prefix with the place it came from, for what is to be compared.
type watch struct {
	Prefix
	s *section
}

// policy reads the keys that `defaults` and every prefix have in common, but for more_specifics.
func (r *reader) policy(s *section, inherited Policy) Policy {
	p := Policy{Origins: asSet(s, "origins", inherited.Origins), Upstreams: inherited.Upstreams}
	if s.has("upstreams") {
		p.Upstreams = asSet(s, "upstreams", Origins{}).ASNs
	}
	p.MinSites = one(s, "min_sites", inherited.MinSites, atLeast(0))
	p.Labels = r.labels(s, inherited.Labels)
	return p
}

// asSet takes a list of AS numbers, or `any`.
func asSet(s *section, key string, fallback Origins) Origins {
	p, ok := s.find(key)
	switch {
	case !ok:
		return fallback
	case p.value.kind == scalar && p.value.text == "any":
		return Origins{Any: true}
	case p.value.kind == scalar:
		s.fault(key, quote(p.value.text)+" is a single value, where a list is wanted", "write [64500], a list of AS numbers, or any")
		return fallback
	}
	asns := many(s, key, asNumber)
	if len(asns) == 0 && s.sound(key) {
		s.fault(key, "is empty, so that no AS would be allowed", "list AS numbers, or write any")
	}
	return Origins{ASNs: asns}
}

// moreSpecifics takes none, {up_to: LENGTH} or a list of prefixes inside the given one; an invalid one is `defaults`.
func (r *reader) moreSpecifics(s *section, inherited MoreSpecifics, within netip.Prefix) MoreSpecifics {
	const key, example = "more_specifics", "none, {up_to: 25} or [192.0.2.0/25]"
	p, ok := s.find(key)
	switch {
	case !ok:
		return inherited
	case p.value.kind == table:
		sub := s.sub(key, example)
		defer sub.end()
		if !sub.has("up_to") {
			sub.faultHere("says nothing", "write "+example)
		}
		return MoreSpecifics{UpTo: one(sub, "up_to", 0, length(within))}
	case p.value.kind == scalar:
		if p.value.text != "none" {
			s.fault(key, quote(p.value.text)+" is not one of the values", "write "+example)
		}
		return MoreSpecifics{}
	}
	return MoreSpecifics{List: many(s, key, inside(within))}
}

// length takes a prefix length that parts of a prefix can have.
func length(within netip.Prefix) parseFunc[int] {
	return func(w word) (int, *problem) {
		n, wrong := number(1, 128)(w)
		if wrong != nil || !within.IsValid() {
			return n, wrong
		}
		remedy := fmt.Sprintf("write a length from %d to %d, or none", within.Bits(), within.Addr().BitLen())
		switch {
		case n < within.Bits():
			return 0, &problem{fmt.Sprintf("%s is shorter than the prefix %s itself", quote(w.text), within), remedy}
		case n > within.Addr().BitLen():
			return 0, &problem{fmt.Sprintf("%s is longer than a prefix like %s can be", quote(w.text), within), remedy}
		}
		return n, nil
	}
}

func inside(within netip.Prefix) parseFunc[netip.Prefix] {
	return func(w word) (netip.Prefix, *problem) {
		p, wrong := prefix(w)
		if wrong == nil && within.IsValid() && !covers(within, p) {
			return p, &problem{quote(w.text) + " is not a part of " + within.String(), "list parts of the prefix, or watch this one by an entry of its own"}
		}
		return p, wrong
	}
}

// covers tells that the inner prefix is a part of the outer one, or is it.
func covers(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// read takes one entry of the list.
func (ps *prefixes) read(s *section) {
	s.knows("prefix", "name", "sites", "twin", "announced", "min_sites", "scope", "origins", "upstreams", "origin_upstreams", "more_specifics", "labels")
	w := watch{s: s}
	s.required("prefix", "write prefix: 192.0.2.0/24, or another")
	w.Prefix.Prefix = one(s, "prefix", netip.Prefix{}, prefix)
	if p, ok := s.find("prefix"); !w.Prefix.Prefix.IsValid() && ok {
		ps.unread = append(ps.unread, p.value.text)
	} else if !ok {
		ps.unread = append(ps.unread, "")
	}
	w.Name = one(s, "name", "", label)
	w.Sites = many(s, "sites", ps.sites.reference())
	if len(w.Sites) == 0 {
		w.Sites = ps.sites.known
	}
	w.Twin = one(s, "twin", netip.Prefix{}, prefix)
	w.Announced = one(s, "announced", Always, enum(Always, Optional, Never))
	w.Scope = one(s, "scope", Global, enum(Global, Local))
	w.Policy = ps.r.policy(s, ps.policy)
	w.OriginUpstreams = ps.originUpstreams(s, w.Origins)
	w.MoreSpecifics = ps.r.moreSpecifics(s, ps.policy.MoreSpecifics.fitting(w.Prefix.Prefix), w.Prefix.Prefix)
	ps.all = append(ps.all, w)
}

// fitting gives what of an inherited policy can apply to a prefix: `defaults` are for prefixes of both families and all lengths.
func (m MoreSpecifics) fitting(p netip.Prefix) MoreSpecifics {
	var out MoreSpecifics
	if m.UpTo > p.Bits() {
		out.UpTo = m.UpTo
	}
	for _, part := range m.List {
		if p.IsValid() && covers(p, part) {
			out.List = append(out.List, part)
		}
	}
	return out
}

// originUpstreams reads the pairs of an origin and who may stand next to it.
func (ps *prefixes) originUpstreams(s *section, allowed Origins) map[route.ASN][]route.ASN {
	sub := s.sub("origin_upstreams", "{64501: [3356]}")
	if sub.node == nil {
		return nil
	}
	sure := s.sound("origins") && ps.defaults.sound("origins") && ps.root.sound("asns")
	out := map[route.ASN][]route.ASN{}
	for _, p := range sub.node.pairs {
		upstreams := asSet(sub, p.name, Origins{}).ASNs
		origin, wrong := asNumber(word{text: p.name})
		if _, twice := out[origin]; wrong == nil && twice {
			wrong = &problem{quote(p.name) + " is an origin that stands here already", "keep one of the two"}
		}
		if wrong == nil && sure && !allowed.Has(origin) {
			wrong = &problem{quote(p.name) + " is not among the origins of this prefix", "add it to origins, or remove it here"}
		}
		if wrong != nil {
			ps.r.fault(p.at, sub.at(p.name), wrong)
			continue
		}
		out[origin] = upstreams
	}
	sub.end()
	return out
}
