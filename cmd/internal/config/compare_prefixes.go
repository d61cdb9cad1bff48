package config

import (
	"fmt"
	"net/netip"
	"slices"

	"anywatch/collector/route"
)

// Has tells that an AS may originate the prefix.
func (o Origins) Has(asn route.ASN) bool { return o.Any || slices.Contains(o.ASNs, asn) }

// compare holds the prefixes against one another, against the sites, and against what they inherit.
func (ps *prefixes) compare() {
	first, watched := map[string]int{}, map[netip.Prefix]bool{}
	for _, w := range ps.all {
		watched[w.Prefix.Prefix] = true
	}
	for _, w := range ps.all {
		if w.Prefix.Prefix.IsValid() {
			unique(w.s, "prefix", w.Prefix.Prefix.String(), first)
		}
		ps.twin(w, watched)
		ps.minSites(w)
	}
	ps.defaultMinSites()
	ps.defaultMoreSpecifics()
}

// twin wants the other prefix watched, and of the other family.
func (ps *prefixes) twin(w watch, watched map[netip.Prefix]bool) {
	own, twin := w.Prefix.Prefix, w.Twin
	if !twin.IsValid() {
		return
	}
	switch {
	case twin == own:
		w.s.fault("twin", quote(twin.String())+" is the prefix itself", "name the prefix of the other address family")
	case own.IsValid() && twin.Addr().Is4() == own.Addr().Is4():
		w.s.fault("twin", quote(twin.String())+" is of the same address family as "+own.String(), "name the IPv6 prefix of an IPv4 one, or the other way round")
	case !watched[twin] && !ps.meant(twin):
		w.s.fault("twin", quote(twin.String())+" is not watched", "add an entry for it under prefixes")
	}
}

// meant tells that an entry which could not be read may be the one that is looked for.
func (ps *prefixes) meant(p netip.Prefix) bool {
	return ps.root.misspelt("prefixes") || slices.ContainsFunc(ps.unread, func(text string) bool {
		almost, err := netip.ParsePrefix(text)
		return text == "" || err == nil && almost.Masked() == p || nearest(text, []string{p.String()}) != ""
	})
}

// minSites wants no more sites than there are. A prefix that is never to be announced has no use for any.
func (ps *prefixes) minSites(w watch) {
	if ps.uncounted() || !w.s.sound("sites") || !w.s.sound("min_sites") || !ps.defaults.sound("min_sites") || w.Announced == Never {
		return
	}
	there := len(w.Sites)
	switch {
	case w.MinSites <= there || w.MinSites <= 1 && there == 0:
	case w.s.has("min_sites"):
		w.s.fault("min_sites", fmt.Sprintf("\"%d\" is more than the sites of the prefix, %d", w.MinSites, there), fmt.Sprintf("write %d or less, or name more sites", there))
	case w.s.has("sites"):
		what := fmt.Sprintf("the prefix has %d of the %d sites that min_sites of defaults wants", there, w.MinSites)
		w.s.fault("sites", what, fmt.Sprintf("give the prefix a min_sites of its own, of %d or less, or name more sites", there))
	}
}

// defaultMinSites wants no more sites than there are for the prefixes that are announced everywhere.
func (ps *prefixes) defaultMinSites() {
	there := len(ps.sites.known)
	if n := ps.policy.MinSites; ps.defaults.has("min_sites") && ps.defaults.sound("min_sites") && !ps.uncounted() && n > max(there, 1) {
		ps.defaults.fault("min_sites", fmt.Sprintf("\"%d\" is more than there are sites, %d", n, there), fmt.Sprintf("write %d or less, or add sites", there))
	}
}

// uncounted tells that the sites themselves have faults, so that their number says nothing.
func (ps *prefixes) uncounted() bool { return ps.sites.unsure }

// defaultMoreSpecifics wants each part that every prefix inherits to be a part of some prefix, and lengths that IPv4 can have where
// a prefix is IPv4: a longer one would allow every part of it.
func (ps *prefixes) defaultMoreSpecifics() {
	const key = "more_specifics"
	p, ok := ps.defaults.find(key)
	if !ok || !ps.defaults.sound(key) {
		return
	}
	inherits := func(w watch) bool { return !w.s.has(key) && w.Prefix.Prefix.IsValid() }
	for _, w := range ps.all {
		if bits := w.Prefix.Prefix.Addr().BitLen(); inherits(w) && ps.policy.MoreSpecifics.UpTo > bits {
			what := fmt.Sprintf("\"%d\" would allow every part of %s", ps.policy.MoreSpecifics.UpTo, w.Prefix.Prefix)
			ps.defaults.sub(key, "").fault("up_to", what, fmt.Sprintf("write %d or less here, and give IPv6 prefixes a more_specifics of their own", bits))
			return
		}
	}
	if len(ps.unread) > 0 || p.value.kind != list {
		return
	}
	for i, n := range p.value.items {
		part, wrong := prefix(word{text: n.text})
		covered := slices.ContainsFunc(ps.all, func(w watch) bool { return covers(w.Prefix.Prefix, part) })
		if wrong == nil && !covered {
			what := &problem{quote(n.text) + " is not a part of any watched prefix", "remove it, or watch what it belongs to"}
			ps.r.fault(n.at, fmt.Sprintf("%s[%d]", ps.defaults.at(key), i), what)
		}
	}
}
