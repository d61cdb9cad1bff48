package alerts

import (
	"net/netip"
	"slices"
	"time"

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
	// Labels that the incident must carry, each with its value.
	Labels map[string]string
	// Group is what incidents have in common that are told as one.
	Group Group
	// Escalate hands what nobody acknowledged to another sink.
	Escalate Escalate
}

// Escalate says after how long, from the opening, an incident that is still open and not acknowledged is told to another sink too. Without a name
// nothing escalates.
type Escalate struct {
	After time.Duration
	To    string
}

// Group is what incidents have in common that are told as one.
type Group uint8

// The choices.
const (
	ByKin      Group = iota // by what fits the kind best: site, offender, origin
	BySite                  // the site, where there is one
	ByPrefix                // the watched prefix, else the announced one
	ByOffender              // the AS to act against
	ByIncident              // nothing: each by itself
)

// Matches tells whether the sink hears about an incident as it stands.
func (r *Route) Matches(i *detector.Incident) bool {
	return i.Severity >= r.MinSeverity &&
		(len(r.Kinds) == 0 || slices.Contains(r.Kinds, i.Kind)) &&
		(len(r.Prefixes) == 0 || r.covers(i.Prefix) || r.covers(i.Watched) || r.coversAny(i.Prefixes)) &&
		(len(r.Sites) == 0 || i.Site != nil && slices.Contains(r.Sites, *i.Site)) &&
		r.labelled(i)
}

// labelled tells whether the incident carries the labels that are asked for.
func (r *Route) labelled(i *detector.Incident) bool {
	for name, value := range r.Labels {
		if got, ok := i.Labels[name]; !ok || got != value {
			return false
		}
	}
	return true
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

// kin gives what an incident has in common with those that it is told with. One that has nothing of the sort asked for stands for itself.
func (r *Route) kin(i *detector.Incident) string {
	switch {
	case r.Group == ByKin:
		return together(i)
	case r.Group == BySite && i.Site != nil:
		return "site " + *i.Site
	case r.Group == ByPrefix && i.Watched != nil:
		return "prefix " + i.Watched.String()
	case r.Group == ByPrefix && i.Prefix != nil:
		return "prefix " + i.Prefix.String()
	case r.Group == ByOffender && i.Offender != nil:
		return "offender " + i.Offender.String()
	}
	return "incident " + i.ID
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
