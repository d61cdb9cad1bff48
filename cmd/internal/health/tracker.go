package health

import (
	"time"

	"anywatch/detector"
)

// tracker draws from the outcomes of single probes how the service fares: one probe that fails is no outage, and one that succeeds no recovery.
type tracker struct {
	check Check
	state detector.HealthState
	since time.Time
	// reason is of the newest probe that speaks for the state.
	reason string
	known  detector.HealthState // up or down, what it was when it was last known; HealthUnchecked when it never was

	answers row // probes that were made
	unasked row // probes that could not be made: between answers they neither count nor break a row
}

// row counts outcomes of one kind that follow each other.
type row struct {
	state detector.HealthState
	n     int
	since time.Time
}

func (r *row) add(s detector.HealthState, at time.Time) {
	if r.state != s || r.n == 0 {
		*r = row{state: s, since: at}
	}
	r.n++
}

func newTracker(c Check, now time.Time) *tracker {
	return &tracker{check: c, state: detector.HealthUnknown, since: now, reason: "not probed yet"}
}

// note takes the outcome of a probe, and tells whether there is something new to say.
func (t *tracker) note(o Outcome, at time.Time) bool {
	r := &t.answers
	if o.State == detector.HealthUnknown {
		r = &t.unasked
	} else {
		t.unasked = row{}
	}
	r.add(o.State, at)
	if r.n < t.enough(o.State) {
		return false
	}
	if t.state == o.State && t.reason == o.Reason {
		return false
	}
	if t.state != o.State {
		t.state, t.since = o.State, r.since
	}
	t.reason = o.Reason
	if o.State == detector.HealthUnknown {
		t.answers = row{} // what was before is of another time
	} else {
		t.known = o.State
	}
	return true
}

// enough is how many such outcomes in a row make the state. To stay what it was takes one.
func (t *tracker) enough(s detector.HealthState) int {
	switch {
	case s == t.state || s == t.known:
		return 1
	case s == detector.HealthUp && t.known == detector.HealthUnchecked:
		return 1
	case s == detector.HealthUp:
		return RecoverAfter
	}
	return t.check.FailAfter
}

func (t *tracker) health() detector.Health {
	return detector.Health{Site: t.check.Site, State: t.state, Since: t.since, Check: t.check.Probe.String(), Reason: t.reason}
}
