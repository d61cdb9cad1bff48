package keeper

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// series gives what a registry tells, as Prometheus writes it.
func series(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += fmt.Sprintf(" %s=%s", l.GetName(), l.GetValue())
			}
			out[name] = m.GetGauge().GetValue()
		}
	}
	return out
}

func TestMetrics(t *testing.T) {
	b := newBench(t, following("a:1", "b:1", "c:1"))
	reg := prometheus.NewPedanticRegistry()
	if err := Register(reg, b.Keeper); err != nil {
		t.Fatal(err)
	}
	b.says(0, many(10, "")...)
	b.says(0, many(5, "")...)
	b.says(1, append(many(4, ""), "192.0.2.0/24 2")...)
	b.tick(30 * time.Second)
	got := series(t, reg)
	for name, want := range map[string]float64{
		"anywatch_rpki_source_state source=cache a:1 state=fresh":   1,
		"anywatch_rpki_source_state source=cache a:1 state=waiting": 0,
		"anywatch_rpki_source_state source=cache c:1 state=waiting": 1,
		"anywatch_rpki_source_vrps source=cache a:1":                5,
		"anywatch_rpki_source_aspas source=cache a:1":               0,
		"anywatch_rpki_source_age_seconds source=cache a:1":         30,
		"anywatch_rpki_source_in_use source=cache a:1":              1,
		"anywatch_rpki_source_in_use source=cache b:1":              0,
		"anywatch_rpki_source_too_old source=cache a:1":             0,
		"anywatch_rpki_cache_differences source=cache b:1":          2,
		"anywatch_rpki_anchor_drops":                                1,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s is %v (%v), want %v", name, value, ok, want)
		}
	}
	for _, absent := range []string{"anywatch_rpki_source_age_seconds source=cache c:1", "anywatch_rpki_cache_differences source=cache a:1",
		"anywatch_rpki_cache_differences source=cache c:1"} {
		if _, ok := got[absent]; ok {
			t.Errorf("%s is told", absent)
		}
	}
}
