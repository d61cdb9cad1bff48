package keeper

import (
	"github.com/prometheus/client_golang/prometheus"

	"anywatch/rpki"
)

// figures are the series of the sources. They are read from the snapshot when somebody asks.
type figures struct {
	keeper                                        *Keeper
	state, vrps, aspas, age, used, differ, tooOld *prometheus.Desc
	drops                                         *prometheus.Desc
}

// Register has a registry tell how the keeper's sources are.
func Register(reg prometheus.Registerer, k *Keeper) error {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("anywatch_rpki_"+name, help, labels, nil)
	}
	return reg.Register(&figures{
		keeper: k,
		state:  desc("source_state", "1 for the state that a source of VRPs is in, 0 for the others.", "source", "state"),
		vrps:   desc("source_vrps", "VRPs that a source holds.", "source"),
		aspas:  desc("source_aspas", "ASPAs that a source holds.", "source"),
		age:    desc("source_age_seconds", "How long ago the data of a source were true; absent before there are any.", "source"),
		used:   desc("source_in_use", "1 when the data of a source are used to judge routes.", "source"),
		tooOld: desc("source_too_old", "1 when the data of a source are older than rpki.max_age.", "source"),
		differ: desc("cache_differences", "VRPs that either a cache or the cache in use holds, and the other does not.", "source"),
		drops:  desc("anchor_drops", "Trust anchors of which a sudden loss of VRPs is doubted."),
	})
}

// Describe implements prometheus.Collector.
func (f *figures) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{f.state, f.vrps, f.aspas, f.age, f.used, f.tooOld, f.differ, f.drops} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (f *figures) Collect(out chan<- prometheus.Metric) {
	s, now := f.keeper.Snapshot(), f.keeper.o.Clock.Now()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	told := map[string]bool{} // one file may be named twice
	for _, src := range s.Sources {
		if told[src.Name] {
			continue
		}
		told[src.Name] = true
		for _, state := range rpki.SourceStates() {
			gauge(f.state, one(src.State == state), src.Name, state.String())
		}
		gauge(f.vrps, float64(src.VRPs), src.Name)
		gauge(f.aspas, float64(src.ASPAs), src.Name)
		gauge(f.used, one(src.InUse), src.Name)
		gauge(f.tooOld, one(src.TooOld), src.Name)
		if !src.Updated.IsZero() {
			gauge(f.age, now.Sub(src.Updated).Seconds(), src.Name)
		}
	}
	f.collectDifferences(s, gauge)
	standing := 0
	for _, d := range s.Drops {
		if !d.Accepted {
			standing++
		}
	}
	gauge(f.drops, float64(standing))
}

// collectDifferences gives every cache with data beside the one in use a series, also those that do not differ.
func (f *figures) collectDifferences(s rpki.Snapshot, gauge func(*prometheus.Desc, float64, ...string)) {
	n := map[string]int{}
	for _, d := range s.Differences {
		n[d.Other] = d.Missing + d.Extra
	}
	for _, src := range s.Sources {
		if src.Cache && !src.InUse && holds(src) {
			gauge(f.differ, float64(n[src.Name]), src.Name)
		}
	}
}

// holds tells that a source has data.
func holds(s rpki.SourceStatus) bool { return !s.Updated.IsZero() && s.State != rpki.SourceExpired }

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
