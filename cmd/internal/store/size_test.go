package store

import (
	"fmt"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// commits counts the commits so far.
func (s *Store) commits(t testing.TB) uint64 {
	t.Helper()
	var m dto.Metric
	check(t, s.metrics.write.Write(&m))
	return m.GetHistogram().GetSampleCount()
}

// TestOldGoesInSmallSteps: no commit deletes so much that others wait for it, and others get their turn between.
func TestOldGoesInSmallSteps(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		now := newClock()
		c := still(address, now)
		c.Keep = 24 * 3600 * 1e9
		s := open(t, c)
		const old = 7*sweepRows + 1
		var routes []Route
		b := new(Batch)
		for n := range old {
			routes = append(routes, Route{Time: now.Now(), Vantage: "bgp:rr1", Prefix: pfx("192.0.2.0/24")})
			b.Changes = append(b.Changes, resolved(n, now.Now(), now.Now()))
		}
		b.Changes = append(b.Changes, opened(old, now.Now()), resolved(old+1, now.Now(), now.Now()))
		b.Notifications = []Notification{{Sink: "slack", Of: old + 1}}
		check(t, s.AppendRoutes(routes))
		check(t, s.Record(t.Context(), b))
		check(t, s.Flush(t.Context()))
		now.add(10 * 24 * 3600 * 1e9)

		before := s.commits(t)
		turn := make(chan error, 1)
		go func() { turn <- s.Record(t.Context(), &Batch{Changes: []Change{opened(old+2, now.Now())}}) }()
		s.sweep(t.Context())
		check(t, <-turn)
		if n := s.commits(t) - before; n < 2*old/sweepRows {
			t.Errorf("%d rows were deleted in %d commits", 2*old, n)
		}
		for in, want := range map[string]int{"route": 0, "incident": 3, "change": 3, "incident_net": 6, "notification": 1} {
			equal(t, in, s.rows(t, in), want)
		}
		if !s.dialect.exact() {
			return
		}
		s.readTexts(t.Context())
		equal(t, "summaries that are not read", s.rows(t, "incident_unread"), 0)
		equal(t, "summaries in the index", s.rows(t, "incident_text"), 3)
	})
}

// BenchmarkSize measures the room that things take on disk: what 200 vantages say about 500 prefixes in a table of 5,000 different attributes, and
// incidents that opened and resolved, each with three notifications for either.
func BenchmarkSize(b *testing.B) {
	benchAll(b, func(b *testing.B, s *Store) {
		const routes, incidents = 100_000, 10_000
		size := func() int64 {
			check(b, s.Flush(b.Context()))
			s.readTexts(b.Context())
			total, used, err := s.dialect.size(b.Context(), s.conns.Load())
			check(b, err)
			if s.dialect.exact() {
				return used
			}
			return total
		}
		for b.Loop() {
			start := size()
			for n := range routes / 100 {
				check(b, s.AppendRoutes(manyRoutes(s, 100*n, 100)))
				check(b, s.Flush(b.Context()))
			}
			middle := size()
			for n := range incidents / 100 {
				batch := new(Batch)
				for i := range 100 {
					batch.Changes = append(batch.Changes, opened(100*n+i, s.now()), resolved(100*n+i, s.now(), s.now()))
					for _, sink := range killSinks {
						batch.Notifications = append(batch.Notifications, Notification{Sink: sink, Of: 2 * i}, Notification{Sink: sink, Of: 2*i + 1})
					}
				}
				check(b, s.Record(b.Context(), batch))
			}
			b.ReportMetric(float64(middle-start)/routes, "bytes/route")
			b.ReportMetric(float64(size()-middle)/incidents, "bytes/incident")
		}
	})
}

func manyRoutes(s *Store, first, count int) (out []Route) {
	for n := first; n < first+count; n++ {
		out = append(out, Route{
			Time: s.now(), Vantage: fmt.Sprintf("bmp:ams-edge%d/10.9.0.1/pre", n%200), Prefix: pfx(fmt.Sprintf("10.%d.%d.0/24", n%500/250, n%250)),
			Attrs: &Attrs{Path: fmt.Sprintf("3356 %d 64500", n*7919%5000), NextHop: "10.9.0.1", Origin: "IGP", Communities: []string{"3356:2", "3356:100"}},
		})
	}
	return out
}
