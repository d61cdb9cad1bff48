package detector

import (
	"fmt"
	"strings"
	"time"

	"anywatch/rpki"
)

// linkSettles is how long two ASes must have been seen next to each other for it to be nothing new.
const linkSettles = 24 * time.Hour

// scales weigh what speaks for a forged origin against what speaks for an upstream that nobody declared.
type scales struct {
	weight  int // above zero, for a forged origin
	reasons [2][]string
}

const (
	forgedSide = iota
	declareSide
)

func (s *scales) add(side, weight int, reason string) {
	if side == declareSide {
		weight = -weight
	}
	s.weight += weight
	s.reasons[side] = append(s.reasons[side], reason)
}

// weigh says which of the two an unexpected upstream is more likely to be: the same route comes of both. What an ASPA says weighs most, then what
// only a hijacker would announce, then whether the link is new, then how many take it.
func (e *Engine) weigh(s *sighting, f *Finding, i *Incident) {
	var w scales
	switch e.vrps.Authorized(f.Beside, f.AS) {
	case rpki.Provider:
		w.add(declareSide, 4, fmt.Sprintf("the ASPA of %s names %s as provider", f.Beside, f.AS))
	case rpki.NotProvider:
		w.add(forgedSide, 4, fmt.Sprintf("the ASPA of %s does not name %s as provider", f.Beside, f.AS))
	}
	if p := f.announced(); p != f.Watched[0].Prefix && !f.Watched[0].MoreSpecifics.Allow(p) {
		w.add(forgedSide, 3, fmt.Sprintf("%s is a more-specific that is not declared", p))
	}
	if f.RPKI.State == rpki.Invalid {
		w.add(forgedSide, 3, "its origin is RPKI invalid")
	}
	e.weighLink(f, i.Started, &w)
	if v := i.Vantages; v.Of >= 4 && v.Seeing*2 > v.Of {
		w.add(declareSide, 1, fmt.Sprintf("%d of %d vantages take it", v.Seeing, v.Of))
	}
	i.Summary += " " + w.sentence()
	for side, name := range [...]string{"for a forged origin: ", "for an upstream that nobody declared: "} {
		for _, reason := range w.reasons[side] {
			i.Why = append(i.Why, name+reason)
		}
	}
}

// weighLink looks at since when the two ASes are seen next to each other. Soon after the start nothing is known about that.
func (e *Engine) weighLink(f *Finding, started time.Time, w *scales) {
	s := e.links.seen[pair{f.Beside, f.AS}]
	if s == nil {
		return
	}
	since := s.first.UTC().Format(time.RFC3339)
	switch known := s.first.Sub(e.watching()); {
	case started.Sub(s.first) >= linkSettles:
		w.add(declareSide, 2, fmt.Sprintf("%s is seen next to %s since %s", f.AS, f.Beside, since))
	case known <= e.rules.InitialSync:
		w.add(declareSide, 1, fmt.Sprintf("%s stood next to %s when the watch began", f.AS, f.Beside))
	case known >= linkSettles:
		w.add(forgedSide, 2, fmt.Sprintf("%s was not seen next to %s before %s", f.AS, f.Beside, since))
	default:
		w.add(forgedSide, 1, fmt.Sprintf("%s was not seen next to %s before %s, in %s of watching", f.AS, f.Beside, since, HumanDuration(known)))
	}
}

func (s *scales) sentence() string {
	switch {
	case s.weight > 0:
		return "The evidence favours a forged origin: " + strings.Join(s.reasons[forgedSide], ", ") + "."
	case s.weight < 0:
		return "The evidence favours an upstream that nobody declared: " + strings.Join(s.reasons[declareSide], ", ") + "."
	}
	return "Whether the origin is forged or an upstream was not declared, the evidence leaves open."
}
