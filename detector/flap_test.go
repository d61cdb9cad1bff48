package detector

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

var cisco = rules.Dampening{Name: "cisco", HalfLife: 15 * time.Minute, Suppress: 2000, Reuse: 750, MaxSuppress: time.Hour, Withdraw: 1000, Attribute: 500}

// TestMerit holds the figure of merit against what RFC 2439 says of it: it adds up, halves in each half-life, and has a ceiling.
func TestMerit(t *testing.T) {
	var m merit
	near := func(want float64, at time.Duration) {
		t.Helper()
		if got := m.decayed(&cisco, begin.Add(at)); math.Abs(got-want) > 0.5 {
			t.Errorf("after %v: %.1f, want %.1f", at, got, want)
		}
	}
	m.add(&cisco, 1000, begin)
	near(1000, 0)
	near(500, 15*time.Minute)
	near(250, 30*time.Minute)
	m.add(&cisco, 1000, begin.Add(15*time.Minute))
	near(1500, 15*time.Minute)
	for range 100 {
		m.add(&cisco, 1000, begin.Add(15*time.Minute))
	}
	near(12000, 15*time.Minute) // 750 × 2^(60/15)
	if got := m.falls(&cisco, 750, begin.Add(15*time.Minute)).Sub(begin); got.Round(time.Second) != 75*time.Minute {
		t.Errorf("falls to the reuse threshold after %v, want 75m: the maximum suppress time", got)
	}
}

// TestSuppression: a route is suppressed when it is announced with a penalty above the threshold, until the penalty falls below reuse.
func TestSuppression(t *testing.T) {
	f := flapRecord{merits: make([]merit, 1)}
	profiles := []rules.Dampening{cisco}
	for i := range 3 {
		at := begin.Add(time.Duration(i) * 40 * time.Second)
		f.count(profiles, FlapWithdraw, at)
		if s := f.suppressions(profiles, at); len(s) != 0 {
			t.Errorf("suppressed while withdrawn: %v", s)
		}
		f.count(profiles, FlapReannounce, at.Add(20*time.Second))
	}
	s := f.suppressions(profiles, begin.Add(2*time.Minute))
	if len(s) != 1 || !s[0].From.Equal(begin.Add(100*time.Second)) {
		t.Fatalf("suppressed %v, want once, from the third announcement", s)
	}
	if lasts := s[0].To.Sub(s[0].From).Round(time.Second); lasts < 28*time.Minute || lasts > 30*time.Minute {
		t.Errorf("suppressed for %v, want about 29 minutes", lasts)
	}
	f.count(profiles, FlapWithdraw, begin.Add(3*time.Hour))
	if s := f.suppressions(profiles, begin.Add(3*time.Hour)); len(s) != 1 || !s[0].To.Before(begin.Add(time.Hour)) {
		t.Errorf("long after: %v, want the one that is over", s)
	}
	if len(f.curve) != 7 || f.withdrawals != 4 || f.changes != 0 {
		t.Errorf("%d points, %d withdrawals, %d changes", len(f.curve), f.withdrawals, f.changes)
	}
}

// TestFlapStorm: the histories of more routes than are kept push the coldest out, and a long curve is thinned out, not cut.
func TestFlapStorm(t *testing.T) {
	f := newFlaps()
	for i := range flapRecords {
		f.routes[flapKey{collector.VantageID(i), route.NLRI{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}] = &flapRecord{last: begin.Add(time.Duration(i))}
	}
	f.forget(begin.Add(time.Hour))
	if n := len(f.routes); n != flapRecords*9/10 {
		t.Errorf("%d are left", n)
	}
	if _, old := f.routes[flapKey{0, route.NLRI{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}]; old {
		t.Error("the coldest is kept")
	}
	r := flapRecord{merits: make([]merit, 1)}
	for i := range 10 * curvePoints {
		r.count([]rules.Dampening{cisco}, FlapChange, begin.Add(time.Duration(i)*time.Second))
	}
	if n := len(r.curve); n > curvePoints || n < curvePoints/2 || !r.curve[0].At.Equal(begin) {
		t.Errorf("%d points from %v", n, r.curve[0].At)
	}
}
