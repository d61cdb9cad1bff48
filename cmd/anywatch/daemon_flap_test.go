package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
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
	t.Run("broken", func(t *testing.T) { testFlapsBroken(newStation(t, bin, 13)) })
	t.Run("no store", func(t *testing.T) { testFlapsNotKept(newStation(t, bin, 14)) })
}

const keptFlaps = oneTransit + "store: {url: \"sqlite:anywatch.db\"}\n"

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
	s.configure(keptFlaps)
	d := s.start()
	s.flapping(d)
	opened := s.next("opened", "flapping", four)
	var before []flapRow
	eventually(s.t, "all withdrawals are counted", func() (ok bool) {
		before, ok = d.flaps()
		return ok && before[0].Withdrawals == 4
	})
	s.stop(d)
	info, err := os.Stat(filepath.Join(s.dir, "flaps.json"))
	if err != nil || info.Mode() != 0o600 {
		s.t.Fatalf("%v: %v", info, err)
	}

	d = s.start()
	again := s.next("opened", "flapping", four).Incident
	if was := opened.Incident; again.ID != was.ID || again.Reopened != 0 || !again.Started.Equal(was.Started) || !again.Opened.Equal(was.Opened) {
		s.t.Errorf("told again: %+v\nbefore: %+v", again, was)
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

// A file that can't be used keeps nobody from starting, and stays for people to look at.
func testFlapsBroken(s *station) {
	s.put("flaps.json", `{"version": 1, "clock": "2026-11-2`)
	s.configure(keptFlaps)
	d := s.start()
	d.says("can't be used; they are counted anew")
	s.flapping(d)
	s.next("opened", "flapping", four)
	s.stop(d)
	if got := s.read("flaps.json.broken"); got != `{"version": 1, "clock": "2026-11-2` {
		s.t.Errorf("what was broken reads %q", got)
	}
	s.start()
	s.next("opened", "flapping", four)
}

// Without a store nothing is kept, which is said.
func testFlapsNotKept(s *station) {
	s.configure(oneTransit)
	d := s.start()
	d.says("penalties of flaps are not kept over a restart")
	s.flapping(d)
	s.next("opened", "flapping", four)
	s.stop(d)
	d = s.start()
	if rows, ok := d.flaps(); ok {
		s.t.Errorf("after the restart: %+v", rows)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "flaps.json")); !os.IsNotExist(err) {
		s.t.Errorf("flaps.json: %v", err)
	}
	s.still()
}
