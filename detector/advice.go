package detector

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rules"
)

// namedASes is how many ASes a line names; of the others it gives the number.
const namedASes = 3

// advise adds to an incident that somebody is to blame for where to act: the AS that all its paths go through, who does not pass it on, and which
// ROA or ASPA stops it.
func (e *Engine) advise(s *sighting, f *Finding, i *Incident) {
	if f.Kind == UnexpectedUpstream {
		e.weigh(s, f, i)
	}
	if f.Offender == 0 || s.seeing() == 0 { // of what nobody shows nothing can be said that helps
		return
	}
	e.adviseCommon(s, f, i)
	if line := e.abstaining(s, f); line != "" {
		i.Why = append(i.Why, line)
	}
	e.adviseRPKI(s, f, i)
}

// adviseCommon names the AS nearest to the offender that is on all paths from it: a filter there ends it for everybody who shows it.
func (e *Engine) adviseCommon(s *sighting, f *Finding, i *Incident) {
	common, next, paths := s.common(f.Offender)
	switch {
	case paths < 2 || e.rules.Ours(common):
		return
	case common != 0:
		i.Why = append(i.Why, fmt.Sprintf("all %d paths from %s go through %s%s", paths, f.Offender, common, e.known(f, common)))
		if action := "Ask " + common.String() + " "; !slices.ContainsFunc(i.Actions, func(a string) bool { return strings.Contains(a, lowerFirst(action)) || strings.Contains(a, action) }) {
			i.Actions = append(i.Actions, fmt.Sprintf("Ask %s to filter it: a filter there ends it for everybody who shows it", common))
		}
	case len(next) > 1:
		i.Why = append(i.Why, fmt.Sprintf("the %d paths from %s have no AS in common; it hands the route to %s", paths, f.Offender, several(next)))
		i.Actions = append(i.Actions, "Ask each of them to filter it: "+several(next))
	}
}

// known adds what we know of an AS that stands on the way: since when it is next to our own origin, where it is.
func (e *Engine) known(f *Finding, as route.ASN) string {
	if len(f.Watched) == 0 {
		return ""
	}
	for _, origin := range f.Watched[0].Origins {
		if s := e.links.seen[pair{origin, as}]; s != nil && as != f.Offender {
			return fmt.Sprintf(", which stands next to %s since %s", origin, s.first.UTC().Format(time.RFC3339))
		}
	}
	return ""
}

// common finds the AS nearest to the offender that is on all paths that are shown, the ASes next to the offender, and how many paths those are.
func (s *sighting) common(offender route.ASN) (common route.ASN, next []route.ASN, paths int) {
	var all []route.ASN
	for _, h := range s.holders {
		for _, r := range h.routes {
			behind, ok := after(r.Attrs.Path, offender)
			if r.Stale || !ok {
				continue
			}
			if paths++; paths == 1 {
				all = behind
			} else {
				all = slices.DeleteFunc(all, func(a route.ASN) bool { return !slices.Contains(behind, a) })
			}
			if len(behind) > 0 && !slices.Contains(next, behind[0]) {
				next = append(next, behind[0])
			}
		}
	}
	slices.Sort(next)
	if len(all) > 0 {
		common = all[0]
	}
	return common, next, paths
}

// after gives the ASes that a path went through after one, the nearest first; false where it did not go through that one.
func after(p route.Path, as route.ASN) ([]route.ASN, bool) {
	var w way
	w.take(p)
	for i := range w.asns {
		if slices.Contains(w.at(i), as) {
			return slices.Clone(w.asns[i+1:]), true
		}
	}
	return nil, false
}

// abstaining names the ASes outside that could show it and do not.
func (e *Engine) abstaining(s *sighting, f *Finding) string {
	shows := map[route.ASN]bool{f.Offender: true}
	for _, h := range s.holders {
		if h.live() {
			shows[h.v.PeerAS] = true
		}
	}
	var others []route.ASN
	family := route.FamilyOf(f.announced())
	for _, w := range e.rib.order {
		if as := w.v.PeerAS; w.v.Scope == collector.External && w.could(family) && e.wouldShow(w, f) && !shows[as] {
			shows[as] = true
			others = append(others, as)
		}
	}
	if len(others) == 0 {
		return ""
	}
	slices.Sort(others)
	verb, why := "do", "they filter it, or prefer another route"
	if len(others) == 1 {
		verb, why = "does", "it filters it, or prefers another route"
	}
	return fmt.Sprintf("%s %s not show it: %s", several(others), verb, why)
}

// wouldShow tells that a vantage shows more than some routes: it sent its table, or has the watched prefix itself. Of many that feed public collectors
// with a part of what they know, nothing follows from what they do not show.
func (e *Engine) wouldShow(w *view, f *Finding) bool {
	return w.tabled || slices.ContainsFunc(f.Watched, func(p *rules.Prefix) bool { return w.shown(p.Prefix) != nil })
}

// several writes ASes: "AS2914, AS3257, AS6939 and 9 others".
func several(asns []route.ASN) string {
	names := make([]string, 0, namedASes)
	for _, a := range asns[:min(len(asns), namedASes)] {
		names = append(names, a.String())
	}
	switch more := len(asns) - namedASes; {
	case more == 1:
		return strings.Join(names, ", ") + " and 1 other"
	case more > 1:
		return fmt.Sprintf("%s and %d others", strings.Join(names, ", "), more)
	case len(names) > 1:
		return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
	}
	return names[0]
}

// adviseRPKI says which ROA or ASPA stops it, or would.
func (e *Engine) adviseRPKI(s *sighting, f *Finding, i *Incident) {
	switch f.Kind {
	case OriginHijack, SubprefixHijack, Superprefix:
		if f.RPKI.State == rpki.Invalid {
			i.Why = append(i.Why, "networks that validate origins drop it: a ROA forbids it")
		}
	case UnexpectedUpstream, ForgedPath, RouteLeak:
		e.adviseROA(f, i)
		e.adviseASPA(s, f, i)
	}
}

// adviseROA finds a ROA so wide that it makes a forged more-specific valid (RFC 9319).
func (e *Engine) adviseROA(f *Finding, i *Incident) {
	if f.RPKI.State != rpki.Valid || len(f.Watched) == 0 {
		return
	}
	w, p := f.Watched[0], f.announced()
	if p == w.Prefix || w.MoreSpecifics.Allow(p) {
		return
	}
	for _, v := range f.RPKI.VRPs {
		if int(v.MaxLength) >= p.Bits() && v.Prefix.Bits() < p.Bits() && w.Allows(v.ASN) {
			i.Actions = append(i.Actions, fmt.Sprintf("Set the maxLength of the ROA %s to what you announce: it makes the forged more-specific valid (RFC 9319)", v))
			return
		}
	}
}

// adviseASPA looks at the AS that the offender has the route from, by the path: its ASPA is what tells others that the offender is none of its
// providers.
func (e *Engine) adviseASPA(s *sighting, f *Finding, i *Incident) {
	var w way
	w.take(s.path)
	at := slices.Index(w.asns, f.Offender)
	if at < 1 {
		return
	}
	from := w.asns[at-1]
	if _, has := e.vrps.Set().ASPA(from); has {
		if e.vrps.Authorized(from, f.Offender) == rpki.NotProvider {
			i.Why = append(i.Why, fmt.Sprintf("the ASPA of %s does not name %s as provider: networks that verify paths can tell", from, f.Offender))
		}
		return
	}
	if at > 1 && !e.rules.Ours(from) {
		i.Actions = append(i.Actions, fmt.Sprintf("Ask %s to create an ASPA: with it, networks that verify paths would drop this one", from))
		return
	}
	providers := "its providers"
	if len(f.Watched) > 0 && f.Watched[0].UpstreamsOf(from) != nil {
		providers = strings.ReplaceAll(f.Watched[0].UpstreamList(from), " or ", ", ")
	}
	i.Actions = append(i.Actions, fmt.Sprintf("Create an ASPA for %s that names %s (those that are providers): networks that verify paths would drop this one", from, providers))
}
