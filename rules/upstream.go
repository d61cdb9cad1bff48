package rules

import (
	"regexp"
	"slices"
	"strings"

	"anywatch/collector/route"
)

// PeerLock says from whom an AS may have a route of ours: by agreement, and by its own filters, only from some.
type PeerLock struct {
	Name string // a label for people; may be empty
	ASN  route.ASN
	From []route.ASN // who may hand it a route of a watched prefix
}

// Upstream tells whether an AS may stand next to an origin on external paths.
func (p *Prefix) Upstream(origin, asn route.ASN) bool {
	list := p.UpstreamsOf(origin)
	return list == nil || slices.Contains(list, asn)
}

// UpstreamsOf gives who may stand next to an origin; nil for any AS.
func (p *Prefix) UpstreamsOf(origin route.ASN) []route.ASN {
	if list, ok := p.OriginUpstreams[origin]; ok {
		return list
	}
	return p.Upstreams
}

// Locks gives the peer locks in the order of the configuration. Not to be changed.
func (s *Set) Locks() []PeerLock { return s.locks }

// Listed tells whether the configuration names the AS anywhere: as ours, as an origin, an upstream, a neighbor, in a peer lock or a site's matcher.
func (s *Set) Listed(asn route.ASN) bool { return s.listed[asn] }

// Carrier tells whether the AS is an upstream of some prefix.
func (s *Set) Carrier(asn route.ASN) bool { return s.carriers[asn] }

// name gathers which ASes the configuration names, and which of them are upstreams.
func (s *Set) name(c Config) {
	s.listed, s.carriers = make(map[route.ASN]bool), make(map[route.ASN]bool)
	list := func(asns ...route.ASN) {
		for _, a := range asns {
			s.listed[a] = true
		}
	}
	carry := func(asns []route.ASN) {
		list(asns...)
		for _, a := range asns {
			s.carriers[a] = true
		}
	}
	list(c.ASNs...)
	list(c.Neighbors...)
	for _, p := range s.prefixes {
		list(p.Origins...)
		carry(p.Upstreams)
		for origin, upstreams := range p.OriginUpstreams {
			list(origin)
			carry(upstreams)
		}
	}
	for _, l := range c.PeerLocks {
		list(l.ASN)
		list(l.From...)
	}
	for _, site := range c.Sites {
		list(site.named()...)
	}
}

var digits = regexp.MustCompile(`[0-9]+`)

// named gives the AS numbers that the site's matchers spell out.
func (s *Site) named() (out []route.ASN) {
	for _, m := range s.Match {
		if m.ASPath == nil {
			continue
		}
		for _, word := range digits.FindAllString(m.ASPath.String(), -1) {
			if a, err := route.ParseASN(word); err == nil {
				out = append(out, a)
			}
		}
	}
	return out
}

// UpstreamList writes who may stand next to an origin for people: "AS1299 or AS2914", "any AS".
func (p *Prefix) UpstreamList(origin route.ASN) string {
	list := p.UpstreamsOf(origin)
	if list == nil {
		return "any AS"
	}
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.String()
	}
	return strings.Join(names, " or ")
}
