package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// still is a store whose tending never comes by itself.
func still(address string, now *clock) Config {
	c := config(address)
	c.Tick, c.Now = time.Hour, now.Now
	return c
}

func (s *Store) rows(t *testing.T, in string) (n int) {
	t.Helper()
	check(t, s.one(t.Context(), "SELECT count(*) FROM "+in, nil, &n))
	return n
}

// fill writes one of everything.
func fill(t *testing.T, s *Store, n int) {
	t.Helper()
	at := s.now()
	check(t, s.AppendRoutes([]Route{{Time: at, Vantage: "bgp:rr1", Prefix: pfx("192.0.2.0/24"), Attrs: &Attrs{Path: fmt.Sprint(n)}}}))
	check(t, s.AppendCatchments([]CatchmentSample{{Time: at, Prefix: pfx("192.0.2.0/24")}}))
	s.AppendHealth([]HealthResult{{Time: at, Site: "ams", State: "up"}})
	s.AppendSites([]SiteChange{{at, pfx("192.0.2.0/24"), "ams", "announced"}})
	record(t, s, []Change{opened(10*n+1, at), resolved(10*n+1, at, at)}, "slack") // resolved, and told
	b := record(t, s, []Change{opened(10*n+2, at)}, "slack")                      // open
	record(t, s, []Change{opened(10*n+3, at), resolved(10*n+3, at, at)}, "pager") // resolved, and not told
	record(t, s, []Change{opened(10*n+2, at)})
	list, err := s.Pending(t.Context(), "slack", 0, 100)
	check(t, err)
	for _, x := range list {
		s.Settle(Outcome{Seqs: []int64{x.Seq}, State: Delivered})
	}
	check(t, s.Note(t.Context(), &Note{Incident: b.Changes[0].Incident.ID, Kind: Commented}))
	check(t, s.PutSilence(t.Context(), &Silence{Starts: at, Ends: at.Add(time.Hour)}))
	check(t, s.Flush(t.Context()))
}

// TestAge: what is older than may be kept goes, but not what is open, nor what was not told, nor the last state of a site.
func TestAge(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		now := newClock()
		c := still(address, now)
		c.Keep = 30 * 24 * time.Hour
		s := open(t, c)
		fill(t, s, 0)
		now.add(20 * 24 * time.Hour)
		fill(t, s, 1)
		s.sweep(t.Context())
		equal(t, "routes while all is young", s.rows(t, "route"), 2)
		equal(t, "incidents while all is young", s.rows(t, "incident"), 6)
		now.add(20 * 24 * time.Hour)
		s.sweep(t.Context())
		for in, want := range map[string]int{
			"route": 1, "catchment": 1, "health": 1, "site_state": 2, "silence": 1, "incident": 5, "note": 2, "notification": 7,
			"word": 2, "net": 1, "change": 9, "incident_net": 10,
		} {
			equal(t, in, s.rows(t, in), want)
		}
		now.add(40 * 24 * time.Hour)
		s.sweep(t.Context())
		for in, want := range map[string]int{"route": 0, "word": 0, "net": 0, "site_state": 1, "silence": 0, "incident": 4, "notification": 2 * 2, "run": 1} {
			equal(t, in+" in the end", s.rows(t, in), want)
		}
		open, err := s.OpenIncidents(t.Context())
		check(t, err)
		equal(t, "open ones", len(open), 2)
		waiting, err := s.Pending(t.Context(), "pager", 0, 100)
		check(t, err)
		equal(t, "not told", len(waiting), 4)
		for _, n := range waiting {
			if n.Change == nil {
				t.Errorf("notification %d has lost its change", n.Seq)
			}
		}
		if testutil.ToFloat64(s.metrics.deleted.WithLabelValues(byAge)) == 0 {
			t.Error("nothing was counted")
		}
	})
}

// TestBound: a database that may not grow loses its oldest histories, then resolved incidents, and gives the room back.
func TestBound(t *testing.T) {
	now := newClock()
	c := still(sqliteDatabase.address(t), now)
	c.MaxBytes = 1 << 20
	s := open(t, c)
	record(t, s, []Change{opened(0, now.Now())}, "slack")
	for n := range 60 {
		var routes []Route
		for range 200 {
			routes = append(routes, Route{Time: now.Now(), Vantage: fmt.Sprint("bgp:rr", n), Prefix: pfx("192.0.2.0/24"), Attrs: &Attrs{Path: fmt.Sprint(n)}})
		}
		check(t, s.AppendRoutes(routes))
		record(t, s, []Change{opened(n+1, now.Now()), resolved(n+1, now.Now(), now.Now())})
		now.add(time.Hour)
	}
	check(t, s.Flush(t.Context()))
	_, before, err := s.dialect.size(t.Context(), s.conns.Load())
	check(t, err)
	if before < c.MaxBytes {
		t.Fatalf("%d bytes are too few to test with", before)
	}
	s.sweep(t.Context())
	_, after, err := s.dialect.size(t.Context(), s.conns.Load())
	check(t, err)
	if after > c.MaxBytes || after < c.MaxBytes/2 {
		t.Errorf("%d bytes of %d are left, may be %d", after, before, c.MaxBytes)
	}
	equal(t, "incidents", s.rows(t, "incident"), 61)
	list, _, err := s.RouteHistory(t.Context(), RouteQuery{Prefix: pfx("192.0.2.0/24")}, Page{Limit: 1})
	check(t, err)
	equal(t, "the newest route", list[0].Vantage, "bgp:rr59")

	s.config.MaxBytes = 1
	s.sweep(t.Context())
	equal(t, "routes", s.rows(t, "route"), 0)
	equal(t, "incidents with no room at all", s.rows(t, "incident"), 1)
	equal(t, "what was not told", s.rows(t, "notification"), 1)
	if testutil.ToFloat64(s.metrics.deleted.WithLabelValues(bySize)) == 0 {
		t.Error("nothing was counted")
	}
	for range 20 {
		s.sweep(t.Context())
	}
	total, used, err := s.dialect.size(t.Context(), s.conns.Load())
	check(t, err)
	s.look(t.Context())
	if testutil.ToFloat64(s.metrics.bytes) == 0 || testutil.ToFloat64(s.metrics.used) != float64(used) {
		t.Errorf("the metrics do not show %d and %d bytes", total, used)
	}
	if used > before/4 {
		t.Errorf("%d bytes are in use in the end", used)
	}
}
