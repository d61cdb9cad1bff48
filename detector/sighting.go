package detector

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

// sighting is what vantages show with their routes: it is there as long as one of them shows it.
type sighting struct {
	finding Finding
	holders []*holder // in the order in which they came
	peak    int       // the most that showed it at one time
	path    route.Path
	shown   netip.Prefix // of several prefixes, the one that was last shown
}

// holder is one vantage that shows, or showed, what an incident is about.
type holder struct {
	v        *collector.Vantage
	routes   []*Route // that it holds; several with Add-Path
	severity Severity
	first    time.Time // since when it shows it
	last     time.Time // until when it showed it, when it does no more
	shown    trace
	wide     []wide // what each route says, where they may be of several prefixes
}

// live tells that the vantage shows it now; a stale route shows nothing.
func (h *holder) live() bool {
	return slices.ContainsFunc(h.routes, func(r *Route) bool { return !r.Stale })
}

// counts tells whether a vantage is evidence now: it shows it, or did within the time.
func (h *holder) counts(c rules.Confirm, now time.Time) bool {
	return h.live() || !h.last.IsZero() && !now.After(h.last.Add(c.Within))
}

// trace is a route as a vantage showed it. It becomes evidence when somebody reads it: most of what happens nobody ever does.
type trace struct {
	v         *collector.Vantage
	prefix    netip.Prefix
	attrs     *route.Attrs
	at        time.Time
	withdrawn bool
	kept      *Evidence // in place of all that, when it is of an earlier run
}

func traceOf(v *collector.Vantage, r *Route) trace {
	return trace{v: v, prefix: r.Prefix, attrs: r.Attrs, at: r.Shown}
}

// ended says that the route was withdrawn, or lost, at a time.
func (t trace) ended(at time.Time) trace {
	t.withdrawn, t.at = true, at
	return t
}

func (t trace) evidence() Evidence {
	if t.kept != nil {
		return *t.kept
	}
	e := Evidence{Vantage: t.v.Name(), Time: t.at.UTC(), Prefix: t.prefix, Path: t.attrs.Path, Communities: t.attrs.CommunityStrings(), Withdrawn: t.withdrawn}
	if t.attrs.NextHop.IsValid() {
		e.NextHop = &t.attrs.NextHop
	}
	return e
}

func evidenceOf(v *collector.Vantage, r *Route) Evidence { return traceOf(v, r).evidence() }

// holder gives the entry of a vantage.
func (s *sighting) holder(v *collector.Vantage) *holder {
	for _, h := range s.holders {
		if h.v.ID == v.ID {
			return h
		}
	}
	h := &holder{v: v}
	s.holders = append(s.holders, h)
	return h
}

// seeing counts vantages that show it now.
func (s *sighting) seeing() (n int) {
	for _, h := range s.holders {
		if h.live() {
			n++
		}
	}
	return n
}

// enough tells whether the evidence suffices to open, since when it is there, and whether all of it stood in initial tables.
func (s *sighting) enough(c rules.Confirm, now time.Time) (ok bool, since time.Time, table bool) {
	internal, external := 0, 0
	table = true
	for _, h := range s.holders {
		if !h.counts(c, now) {
			continue
		}
		if h.v.Scope == collector.Internal {
			internal++
		} else {
			external++
		}
		if since.IsZero() || h.first.Before(since) {
			since = h.first
		}
		table = table && slices.ContainsFunc(h.routes, func(r *Route) bool { return r.Table })
	}
	return internal >= c.Vantages && internal > 0 || external >= c.External && external > 0, since, table
}

// representative is the path that stands for all: of the vantage that shows it longest, and as long as anybody shows it, one through the same
// neighbour of the origin as before. That another vantage withdrew first is no news.
func (s *sighting) representative() (route.Path, bool) {
	before, had := s.path.Neighbor()
	var first route.Path
	found := false
	for _, h := range s.holders {
		for _, x := range h.routes {
			if !s.stands(x) {
				continue
			}
			if n, ok := x.Attrs.Path.Neighbor(); s.path != nil && n == before && ok == had {
				return x.Attrs.Path, true
			}
			if !found {
				first, found = x.Attrs.Path, true
			}
		}
	}
	if !found && s.path == nil && len(s.holders) > 0 {
		return s.holders[0].shown.attrs.Path, true
	}
	return first, found
}

func (s *sighting) standing() standing {
	if s.seeing() > 0 {
		return there
	}
	if slices.ContainsFunc(s.holders, func(h *holder) bool { return len(h.routes) > 0 }) {
		return unknown
	}
	return gone
}

func (s *sighting) begin() { s.peak, s.path = 0, nil }

func (s *sighting) renew() {
	s.choose()
	s.peak = max(s.peak, s.seeing())
	if p, ok := s.representative(); ok {
		s.path = p
	}
}

func (s *sighting) over() { s.holders = nil }

func (s *sighting) prune(c rules.Confirm, now time.Time) bool {
	s.holders = slices.DeleteFunc(s.holders, func(h *holder) bool { return !h.counts(c, now) })
	return len(s.holders) == 0
}

// severity is the worst that a vantage's view of it gives; when nobody shows it any more, what it was.
func (s *sighting) severity(was Severity) Severity {
	worst, any := Info, false
	for _, h := range s.holders {
		if h.live() {
			worst, any = max(worst, h.worst()), true
		}
	}
	if !any {
		return was
	}
	return worst
}

func (s *sighting) statement(said statement) statement {
	now := statement{severity: s.severity(said.severity), peak: s.peak, offender: s.finding.Offender, rpkiState: s.finding.RPKI.State.String()}
	now.neighbor, _ = s.path.Neighbor()
	return now
}

func (s *sighting) headline() string { return detectorOf(s.finding.Kind).Says(&s.finding) }

func (s *sighting) was() string {
	return fmt.Sprintf("%s It was seen by %d at most.", s.headline(), s.peak)
}

func (s *sighting) ending(c cause) string {
	if c.void {
		return c.says
	}
	return "no vantage shows it any more; at the last, " + c.says
}
