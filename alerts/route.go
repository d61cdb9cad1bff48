package alerts

import (
	"net/netip"
	"slices"

	"anywatch/detector"
)

// Route is which incidents a sink hears about. An empty list means all.
type Route struct {
	Sink Sink
	// MinSeverity is the least that is told.
	MinSeverity detector.Severity
	Kinds       []detector.Kind
	// Prefixes: the announced or the watched prefix, or one of several that an incident is about, equals one of these or lies inside it.
	Prefixes []netip.Prefix
	Sites    []string
}

// Matches tells whether the sink hears about an incident as it stands.
func (r *Route) Matches(i *detector.Incident) bool {
	return i.Severity >= r.MinSeverity &&
		(len(r.Kinds) == 0 || slices.Contains(r.Kinds, i.Kind)) &&
		(len(r.Prefixes) == 0 || r.covers(i.Prefix) || r.covers(i.Watched) || r.coversAny(i.Prefixes)) &&
		(len(r.Sites) == 0 || i.Site != nil && slices.Contains(r.Sites, *i.Site))
}

// covers tells whether a prefix, if there is one, equals a listed one or lies inside it.
func (r *Route) covers(p *netip.Prefix) bool {
	return p != nil && slices.ContainsFunc(r.Prefixes, func(listed netip.Prefix) bool {
		return listed.Bits() <= p.Bits() && listed.Contains(p.Addr())
	})
}

// coversAny tells whether one of many prefixes equals a listed one or lies inside it.
func (r *Route) coversAny(list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return r.covers(&p) })
}

// together gives what incidents have in common that are told as one: the site that they are about, else kind and offender, else kind and
// origin, else the kind of what is about feeds or vantages. An incident with none of these stands for itself.
func together(i *detector.Incident) string {
	switch {
	case i.Site != nil:
		return "site " + *i.Site
	case i.Offender != nil:
		return string(i.Kind) + " by " + i.Offender.String()
	case i.Origin != nil:
		return string(i.Kind) + " from " + i.Origin.String()
	case i.Subject != nil:
		return string(i.Kind)
	}
	return "incident " + i.ID
}
