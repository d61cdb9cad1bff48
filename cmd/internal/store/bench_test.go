package store

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"anywatch/detector"
)

// benchAll measures on every kind of database.
func benchAll(b *testing.B, f func(b *testing.B, s *Store)) {
	for _, d := range databases() {
		b.Run(d.name, func(b *testing.B) {
			s, err := Open(b.Context(), Config{URL: d.address(b)})
			check(b, err)
			b.Cleanup(func() { check(b, s.Close()) })
			f(b, s)
		})
	}
}

func oneFinding(n int) *Batch {
	c := opened(n, noon.Add(time.Duration(n)*time.Millisecond))
	c.Incident.ID = fmt.Sprintf("%016x", uint64(n+1)*0x9e3779b97f4a7c15) // in no order, as the ids of detection are
	return &Batch{Changes: []Change{c}, Notifications: []Notification{{Sink: "slack"}, {Sink: "pager"}, {Sink: "hook"}}}
}

// BenchmarkRecord is one change with three notifications, waited for until it is on the disk, one after the other.
func BenchmarkRecord(b *testing.B) { benchAll(b, benchRecord) }

func benchRecord(b *testing.B, s *Store) {
	var each []time.Duration
	for n := 0; b.Loop(); n++ {
		began := time.Now()
		check(b, s.Record(b.Context(), oneFinding(n)))
		each = append(each, time.Since(began))
	}
	slices.Sort(each)
	b.ReportMetric(float64(each[len(each)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(each[len(each)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkStorm gives findings without waiting for each: what comes amid a commit goes into the next.
func BenchmarkStorm(b *testing.B) { benchAll(b, benchStorm) }

func benchStorm(b *testing.B, s *Store) {
	var wg sync.WaitGroup
	for n := 0; b.Loop(); n++ {
		wg.Add(1)
		check(b, s.Submit(oneFinding(n), func(err error) {
			if err != nil {
				b.Error(err)
			}
			wg.Done()
		}))
		if n%4096 == 4095 {
			wg.Wait()
		}
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "findings/s")
}

// BenchmarkList asks for 50 incidents of 100,000.
func BenchmarkList(b *testing.B) { benchAll(b, benchList) }

func benchList(b *testing.B, s *Store) {
	for n := 0; n < 100_000; n += 1000 {
		batch := new(Batch)
		for i := n; i < n+1000; i++ {
			c := oneFinding(i).Changes[0]
			c.Incident.Severity = detector.Severity(i % 3)
			if i%100 != 0 {
				c.Incident.State, c.Incident.Resolved = "resolved", &c.Time
			}
			c.Incident.Site = ref(fmt.Sprint("site", i%20))
			batch.Changes = append(batch.Changes, c)
		}
		check(b, s.Record(b.Context(), batch))
	}
	began := time.Now()
	s.readTexts(b.Context())
	b.Logf("100,000 summaries were read in %v", time.Since(began))
	for name, f := range map[string]Filter{
		"all": {}, "open": {States: []string{"open"}}, "critical": {Severity: detector.Critical}, "site": {Sites: []string{"site7"}},
		"kind": {Kinds: []detector.Kind{detector.SubprefixHijack}}, "prefix": {Prefix: pfx("10.0.7.0/24"), Match: Within},
		"prefix-all": {Prefix: pfx("10.0.0.0/8"), Match: Within}, "prefix-covering": {Prefix: pfx("10.0.7.9/32"), Match: Covering}, "text": {Text: "10.1.100.7/32"}, "text-all": {Text: "as64666"},
		"text-short": {Text: ".7"}, "text-none": {Text: "10.1.100.7/33"}, "open-critical-site": {States: []string{"open"}, Severity: detector.Critical, Sites: []string{"site0"}},
		"open-warning-site": {States: []string{"open"}, Severity: detector.Warning, Sites: []string{"site0"}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := s.Incidents(b.Context(), f, Page{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
