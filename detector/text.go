package detector

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rules"
)

// evidenceShown is how many pieces of evidence an incident lists; all of them count.
const evidenceShown = 32

// incident writes a record out as users see it.
func (e *Engine) incident(r *record) Incident {
	i := Incident{
		ID: r.id, Kind: r.key.Kind, Severity: r.statement().severity, State: "open", PreExisting: r.table,
		Started: r.started.UTC(), Opened: r.opened.UTC(), Updated: r.updated.UTC(), Reopened: r.reopened,
	}
	r.matter.write(e, &i)
	i.Key, i.Acknowledged, i.Silenced, i.ExplainedBy = r.key.String(), orNull(r.acknowledged), orNull(r.silenced), nil
	if r.root != nil {
		i.ExplainedBy = &r.root.id
	}
	if i.Watched != nil {
		if w := e.rules.Find(*i.Watched); w != nil {
			i.Labels = w.Labels
		}
	}
	if r.table {
		i.Why = append(i.Why, "it stood in the first tables of those who show it: it is older than our watching")
	}
	if r.state == resolved {
		i.close(r)
	}
	return i
}

// orNull gives nil for an empty text.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// close adds what only a resolved incident has.
func (i *Incident) close(r *record) {
	at, cleared, resolution := r.resolved.UTC(), r.clear.UTC(), r.matter.ending(r.cause)
	i.State, i.Cleared, i.Resolved, i.Resolution, i.Actions = "resolved", &cleared, &at, &resolution, []string{}
	i.Summary = fmt.Sprintf("Over after %s: %s", HumanDuration(i.Lasted()), r.matter.was())
	i.Why = append(i.Why, "over: "+resolution)
}

// write puts what vantages show into an incident.
func (s *sighting) write(e *Engine, i *Incident) {
	f, path, prefix := new(s.finding), s.path, s.finding.announced() // copies: what is said stays as it was said
	i.Prefix, i.Origin, i.Path, i.RPKI = &prefix, &f.Origin, &path, e.rpki(f.RPKI)
	i.Vantages = Vantages{Seeing: s.seeing(), Peak: s.peak, Of: e.couldSee(s)}
	i.Evidence, i.Why, i.Actions = s.evidence(), s.why(), detectorOf(f.Kind).Actions(f, s.path)
	i.Why = append(i.Why, e.revised(f.Key, i.Opened, f.RPKI.State)...)
	if len(f.Watched) > 0 {
		i.Watched = &f.Watched[0].Prefix
	}
	if f.Offender != 0 {
		i.Offender = &f.Offender
	}
	if f.Site != "" {
		i.Site = &f.Site
	}
	i.Summary = fmt.Sprintf("%s %s Seen by %d of %d vantages.", s.headline(), rpkiSentence(f), i.Vantages.Seeing, i.Vantages.Of)
	e.advise(s, f, i)
}

// HumanDuration writes a duration as people say it, rounded: 41s, 2m13s, 3h5m, 2d4h.
func HumanDuration(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return strings.Replace(d.String(), "m0s", "m", 1)
}

// couldSee counts the vantages that would show it if it reached them: synchronised ones of the family, and those that show it anyway.
func (e *Engine) couldSee(s *sighting) (n int) {
	family := route.FamilyOf(s.finding.announced())
	for _, w := range e.rib.order {
		if w.could(family) {
			n++
		}
	}
	for _, h := range s.holders {
		if w := e.rib.byID[h.v.ID]; h.live() && !w.could(family) {
			n++
		}
	}
	return n
}

func (s *sighting) evidence() []Evidence {
	out := make([]Evidence, 0, min(len(s.holders), evidenceShown))
	for _, h := range s.holders {
		if len(out) == evidenceShown {
			break
		}
		out = append(out, h.shown.evidence())
	}
	return out
}

// rpki writes a verdict as incidents show it.
func (e *Engine) rpki(v rpki.Verdict) RPKI {
	out := RPKI{State: v.State.String(), VRPs: make([]string, len(v.VRPs))}
	for i, x := range v.VRPs {
		out.VRPs[i] = x.String()
	}
	if v.Reason != "" {
		reason := v.Reason
		out.Reason = &reason
	}
	if generated := e.vrps.Generated(); e.age && !generated.IsZero() {
		age := HumanDuration(max(e.clock.Sub(generated), 0))
		out.Age = &age
	}
	return out
}

func rpkiSentence(f *Finding) string {
	switch v := f.RPKI; v.State {
	case rpki.Valid:
		if f.declared() {
			return "RPKI valid."
		}
		return "RPKI valid: a ROA authorises it, the configuration does not know it."
	case rpki.Invalid:
		return "RPKI invalid (" + v.Reason + ")."
	case rpki.NotFound:
		return "RPKI not-found: no ROA covers it."
	}
	return "RPKI not checked."
}

// why lists the facts that led to the incident.
func (s *sighting) why() []string {
	f := &s.finding
	var why []string
	for _, w := range f.Watched {
		why = append(why, declaration(f.Kind, w))
	}
	if len(f.Watched) == 0 && f.Kind != RouteLeak {
		why = append(why, fmt.Sprintf("no watched prefix equals or covers %s", f.Prefix), fmt.Sprintf("%s is one of our ASes", f.Origin))
	}
	why = append(why, pathFact(s.path, f.Origin))
	for _, v := range f.RPKI.VRPs {
		why = append(why, fmt.Sprintf("VRP %s covers it", v))
	}
	if f.RPKI.State == rpki.NotFound {
		why = append(why, "no VRP covers it")
	}
	return append(why, f.Facts...)
}

// declaration says what the configuration declares that this kind contradicts.
func declaration(k Kind, w *rules.Prefix) string {
	subject := fmt.Sprintf("%s is watched", w.Prefix)
	if w.Name != "" {
		subject += " as " + w.Name
	}
	switch {
	case w.Announced == rules.Never && k == Squatting:
		return subject + " and never announced"
	case k == MoreSpecific:
		return subject + "; allowed more-specifics: " + moreSpecifics(w.MoreSpecifics)
	}
	return subject + "; allowed origins: " + strings.ReplaceAll(w.OriginList(), " or ", ", ")
}

func moreSpecifics(m rules.MoreSpecifics) string {
	switch {
	case m.UpTo > 0:
		return fmt.Sprintf("up to /%d", m.UpTo)
	case len(m.List) > 0:
		names := make([]string, len(m.List))
		for i, p := range m.List {
			names[i] = p.String()
		}
		return strings.Join(names, ", ")
	}
	return "none"
}

// pathFact says how the path shows the origin.
func pathFact(p route.Path, origin route.ASN) string {
	switch {
	case len(p) == 0:
		return fmt.Sprintf("the path is empty: %s itself announces it", origin)
	case p[len(p)-1].Kind == route.Set:
		return fmt.Sprintf("the path ends in the set %s", p[len(p)-1:])
	case !slices.Contains(p[len(p)-1].ASNs, origin):
		return fmt.Sprintf("the path %s stays inside a confederation: %s announces it", p, origin)
	}
	return fmt.Sprintf("the path ends in %s", origin)
}
