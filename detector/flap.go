package detector

import (
	"math"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

// merit is the figure of merit of RFC 2439 section 4.2: a penalty that grows with each flap and halves in each half-life.
type merit struct {
	value float64
	at    time.Time
	// suppressed tells that the route would be suppressed now, since when.
	suppressed bool
	from       time.Time
}

// decayed is the penalty at a time.
func (m *merit) decayed(p *rules.Dampening, now time.Time) float64 {
	if m.value == 0 || !now.After(m.at) {
		return m.value
	}
	return m.value * math.Exp2(-float64(now.Sub(m.at))/float64(p.HalfLife))
}

// add adds a penalty. RFC 2439 section 4.2: the figure of merit has a ceiling, so that nothing is suppressed for longer than the maximum hold-down time.
func (m *merit) add(p *rules.Dampening, penalty int, now time.Time) {
	m.value, m.at = math.Min(m.decayed(p, now)+float64(penalty), p.Ceiling()), now
}

// falls is when the penalty will have fallen to a level; now when it is there already.
func (m *merit) falls(p *rules.Dampening, level float64, now time.Time) time.Time {
	v := m.decayed(p, now)
	if v <= level {
		return now
	}
	return now.Add(time.Duration(math.Ceil(math.Log2(v/level) * float64(p.HalfLife))))
}

// Suppression is a time in which a route would have been suppressed.
type Suppression struct {
	Profile  string
	From, To time.Time // To is when it is used again, as far as is known by now
}

// Penalty is the figure of merit after an event.
type Penalty struct {
	At    time.Time
	Value float64
}

// FlapEvent is what happened to a route.
type FlapEvent uint8

// The events that are weighed.
const (
	FlapWithdraw FlapEvent = iota
	FlapReannounce
	FlapChange
)

// curvePoints is how many points of a penalty's curve are kept; then the older half is thinned out.
const curvePoints = 512

// flapRecord is the flap history of one route.
type flapRecord struct {
	merits      []merit // one per profile
	withdrawn   bool
	withdrawals int
	changes     int
	reannounced int
	peak        float64 // of the configured profile
	first, last time.Time
	past        []Suppression
	curve       []Penalty // of the configured profile
	site        string
	v           *collector.Vantage // nil for a site's own
	nlri        route.NLRI
	shown       trace // as it was with the last event
}

// count weighs an event with each profile. A withdrawn route can't be used: its suppression begins when it is announced again.
func (f *flapRecord) count(profiles []rules.Dampening, ev FlapEvent, now time.Time) {
	if f.first.IsZero() {
		f.first = now
	}
	f.last = now
	switch ev {
	case FlapWithdraw:
		f.withdrawals++
	case FlapReannounce:
		f.reannounced++
	case FlapChange:
		f.changes++
	}
	f.withdrawn = ev == FlapWithdraw
	for i := range profiles {
		p, m := &profiles[i], &f.merits[i]
		f.release(p, m, now)
		m.add(p, p.Weight(int(ev)), now)
		if !f.withdrawn && !m.suppressed && m.value > float64(p.Suppress) {
			m.suppressed, m.from = true, now
		}
	}
	f.peak = math.Max(f.peak, f.merits[0].value)
	f.point(now)
}

// release ends a suppression that is over by now.
func (f *flapRecord) release(p *rules.Dampening, m *merit, now time.Time) {
	if !m.suppressed {
		return
	}
	if end := m.falls(p, float64(p.Reuse), m.at); !end.After(now) {
		f.past = append(f.past, Suppression{p.Name, m.from, end})
		m.suppressed = false
	}
}

func (f *flapRecord) point(now time.Time) {
	if len(f.curve) == curvePoints {
		for i := range curvePoints / 2 {
			f.curve[i] = f.curve[2*i]
		}
		f.curve = f.curve[:curvePoints/2]
	}
	f.curve = append(f.curve, Penalty{now, f.merits[0].value})
}

// suppressions lists when the route would have been suppressed, including what is not over yet.
func (f *flapRecord) suppressions(profiles []rules.Dampening, now time.Time) []Suppression {
	out := slices.Clone(f.past)
	for i := range profiles {
		if m := &f.merits[i]; m.suppressed {
			out = append(out, Suppression{profiles[i].Name, m.from, m.falls(&profiles[i], float64(profiles[i].Reuse), m.at)})
		}
	}
	slices.SortStableFunc(out, func(a, b Suppression) int { return a.From.Compare(b.From) })
	return out
}
