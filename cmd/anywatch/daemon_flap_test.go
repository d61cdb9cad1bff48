package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// flapRow is a row of the flap report, as far as these tests look at it.
type flapRow struct {
	Prefix      string    `json:"prefix"`
	Vantage     *string   `json:"vantage"`
	Withdrawals int       `json:"withdrawals"`
	Changes     int       `json:"changes"`
	PenaltyMax  float64   `json:"penalty_max"`
	PenaltyLast float64   `json:"penalty_last"`
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Suppressed  []struct {
		Profile string    `json:"profile"`
		From    time.Time `json:"from"`
		To      time.Time `json:"to"`
	} `json:"suppressed"`
	Curve []struct {
		At    time.Time `json:"at"`
		Value float64   `json:"value"`
	} `json:"curve"`
}

// flaps asks a daemon for the flap history of routes; false when it has none yet.
func (p *process) flaps() ([]flapRow, bool) {
	p.t.Helper()
	status, body := p.get("/api/v1/reports/flaps")
	if status != http.StatusOK {
		return nil, false
	}
	var doc struct {
		Rows []flapRow `json:"rows"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		p.t.Fatalf("%v in %s", err, body)
	}
	return doc.Rows, len(doc.Rows) > 0
}

// TestFlapsOverARestart stops the binary amid a flap and starts it again.
func TestFlapsOverARestart(t *testing.T) {
	bin := buildDaemon(t)
	t.Run("kept", func(t *testing.T) { testFlapsKept(newStation(t, bin, 12)) })
}

// flapping opens a session on which a prefix flaps until its penalty is above the alert.
func (s *station) flapping(d *process) {
	s.t.Helper()
	r := s.connect(2, s.bgp, 64501)
	r.endOfRIB()
	d.synchronised(1)
	for range 4 {
		r.announce(1, four, 64501, 64500)
		r.withdraw(1, four)
	}
}

// stop ends a daemon in order.
func (s *station) stop(d *process) {
	s.t.Helper()
	d.signal(syscall.SIGTERM)
	if status := d.wait(); status != 0 {
		s.t.Errorf("exit status %d", status)
	}
}

// The penalty, the history and the incident are there after the restart, before any peer has come back, and go on from there.
func testFlapsKept(s *station) {
	s.configure(oneTransit)
	d := s.start()
	s.flapping(d)
	opened := s.next("opened", "flapping", four)
	var before []flapRow
	eventually(s.t, "all withdrawals are counted", func() (ok bool) {
		before, ok = d.flaps()
		return ok && before[0].Withdrawals == 4
	})
	s.stop(d)

	d = s.start()
	var again struct {
		ID       string    `json:"id"`
		Reopened int       `json:"reopened"`
		Started  time.Time `json:"started"`
		Opened   time.Time `json:"opened"`
	}
	text, _ := s.errand("incidents", "--kind", "flapping", "--format", "jsonl").answer(0)
	if err := json.Unmarshal([]byte(text), &again); err != nil {
		s.t.Fatalf("%v in %q", err, text)
	}
	if was := opened.Incident; again.ID != was.ID || again.Reopened != 0 || !again.Started.Equal(was.Started) || !again.Opened.Equal(was.Opened) {
		s.t.Errorf("after the restart: %+v\nbefore: %+v", again, was)
	}
	after, ok := d.flaps()
	if !ok || len(after) != len(before) {
		s.t.Fatalf("after the restart: %+v\nbefore: %+v", after, before)
	}
	a, b := after[0], before[0]
	if *a.Vantage != "bgp:transit" || a.Withdrawals != 4 || a.PenaltyMax != b.PenaltyMax || !a.First.Equal(b.First) || !a.Last.Equal(b.Last) || len(a.Curve) != len(b.Curve) ||
		len(a.Suppressed) != len(b.Suppressed) || a.PenaltyLast > b.PenaltyLast || a.PenaltyLast < 0.8*b.PenaltyLast {
		s.t.Errorf("after the restart: %+v\nbefore: %+v", a, b)
	}
	d.measures(`anywatch_incidents_open{kind="flapping"}`, "1")
	s.flapping(d)
	eventually(s.t, "the same route flaps on", func() bool {
		rows, ok := d.flaps()
		return ok && len(rows) == len(before) && rows[0].Withdrawals == 8 && rows[0].PenaltyMax > 7000
	})
	s.still()
	s.hookAgrees()
	if strings.Contains(d.log.String(), "level=ERROR") {
		s.t.Error("an error is in the log")
	}
}
