package detector

import "time"

// stintsKept is how many past states of a prefix at a site are kept one by one; older ones only count in the sums.
const stintsKept = 256

// Stint is a time in which a prefix at a site was in one state.
type Stint struct {
	State    PlaceState
	From, To time.Time
}

// stints are the past states of a prefix at a site, in the order of time. The present one is not among them.
type stints struct {
	kept   []Stint
	folded tally // of those that were too many to keep
	until  time.Time
}

// add notes a state that is over. What was unknown before anything was known has no beginning, and is no stint.
func (s *stints) add(x Stint) {
	if x.From.IsZero() {
		return
	}
	if len(s.kept) == stintsKept {
		half := s.kept[:stintsKept/2]
		for _, old := range half {
			s.folded.count(old, time.Time{})
		}
		s.until = half[len(half)-1].To
		s.kept = append(s.kept[:0], s.kept[stintsKept/2:]...)
	}
	s.kept = append(s.kept, x)
}

// before gives the last state that was known before the present one; PlaceUnknown for none.
func (s *stints) before() PlaceState {
	for i := len(s.kept) - 1; i >= 0; i-- {
		if s.kept[i].State != PlaceUnknown {
			return s.kept[i].State
		}
	}
	return PlaceUnknown
}

// tally sums up states. An outage ends when the site announces again; what is unknown in between belongs to neither sum.
type tally struct {
	up, down, repair  time.Duration
	outages, repaired int
	out               bool
	lasts             time.Duration // of the outage that is not over
}

// count adds a stint, as far as it is later than since.
func (t *tally) count(s Stint, since time.Time) {
	if s.From.Before(since) {
		s.From = since
	}
	d := s.To.Sub(s.From)
	if d < 0 {
		return
	}
	switch {
	case s.State.announcing():
		t.up += d
		if t.out {
			t.repaired++
			t.repair += t.lasts
			t.out, t.lasts = false, 0
		}
	case s.State == PlaceMissing:
		if !t.out {
			t.out = true
			t.outages++
		}
		t.down += d
		t.lasts += d
	}
}

// Availability is how a prefix was announced at a site over a time.
type Availability struct {
	Presence
	// Up and Down are how long it was announced, and missing; what was unknown is in neither.
	Up, Down time.Duration
	// Outages counts the times that it went missing; Repaired those that are over, and Repair is how long these lasted together.
	Outages, Repaired int
	Repair            time.Duration
	// Stints are the states one after the other, up to now; long ago they may lack.
	Stints []Stint
}

// Availability sums up the matrix of prefixes and sites since a time, in the order of Sites; the zero time takes all that is known.
func (e *Engine) Availability(since time.Time) []Availability {
	present := e.Sites()
	out := make([]Availability, len(present))
	for i, c := range e.presence.order {
		a := Availability{Presence: present[i]}
		var t tally
		if !since.After(c.past.until) {
			t = c.past.folded
		}
		all := append(c.past.kept[:len(c.past.kept):len(c.past.kept)], Stint{c.state, c.since, e.clock})
		for _, s := range all {
			if s.From.IsZero() || s.To.Before(since) {
				continue
			}
			t.count(s, since)
			a.Stints = append(a.Stints, s)
		}
		a.Up, a.Down, a.Outages, a.Repaired, a.Repair = t.up, t.down, t.outages, t.repaired, t.repair
		out[i] = a
	}
	return out
}
