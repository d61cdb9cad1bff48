//go:build interop

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"

	api "github.com/osrg/gobgp/v3/api"
	"golang.org/x/sys/unix"
)

// The parameters of both. The half-life is the shortest that FRR takes, and the reuse threshold is high enough for a route to be used again within the
// time of a test.
const (
	flapHalfLife = time.Minute
	flapReuse    = 1800
	frrStep      = 5 * time.Second  // FRR decays in such steps, and loses what is left of one when something happens
	frrReuseScan = 10 * time.Second // FRR looks that often for routes to be used again
	flapAgree    = 0.02
)

const flapTwins = `
asns: [64500]
prefixes: [{prefix: 192.0.2.0/24, name: dns-a, origins: [64511]}]
sources:
  bgp:
    listen: ["$BGP"]
    neighbors: [{name: transit, address: $R2, asn: 64501, scope: external}] # with Add-Path, GoBGP gives a route that comes back another path identifier: another route
detect:
  confirm: {external_vantages: 1}
  flap: {profile: cisco, half_life: 1m, suppress: 2000, reuse: 1800, max_suppress: 4m, withdraw: 1000, reannounce: 0, attribute: 500, alert: 100000}
web: {listen: "$WEB"}
`

const frrDampening = `hostname damp
log stdout informational
router bgp 64503
 bgp router-id ADDRESS
 no bgp ebgp-requires-policy
 bgp allow-martian-nexthop
 no bgp default ipv4-unicast
 neighbor SPEAKER remote-as 64501
 neighbor SPEAKER passive
 neighbor SPEAKER ebgp-multihop 4
 neighbor SPEAKER update-source ADDRESS
 address-family ipv4 unicast
  bgp dampening 1 REUSE 2000 4
  neighbor SPEAKER activate
 exit-address-family
`

// TestFlapsLikeFRR lets one speaker flap towards FRR, which dampens, and towards anywatch, and compares what both say of it after each step.
func TestFlapsLikeFRR(t *testing.T) {
	s := newStation(t, buildDaemon(t), 105)
	s.configure(flapTwins)
	d := s.start()
	listen := s.freePort(3)
	frr := newFRR(t, fill(frrDampening, "ADDRESS", s.host(3), "SPEAKER", s.host(2), "REUSE", strconv.Itoa(flapReuse)), listen)
	frr.start()
	p := s.speaker(2, 64501)
	p.alsoTo(listen, 64503)
	p.announce(four, 64511)
	d.synchronised(1)
	d.measures("anywatch_watched_routes", "1")
	x := &damped{t: t, frr: frr, d: d}
	eventually(t, "FRR has the route", func() bool { _, there := x.ask(); return there })
	x.begin(t)

	x.step("withdrawn", func() { p.withdraw(four) })
	x.step("announced", func() { p.announce(four, 64511) })
	x.step("another path", func() { p.announce(four, 64502, 64511) })
	x.step("withdrawn again", func() { p.withdraw(four) })
	if x.suppressed {
		t.Error("FRR suppresses a route before it is announced again")
	}
	x.step("announced again", func() { p.announce(four, 64511) })
	if !x.suppressed {
		t.Error("FRR suppresses nothing: there is nothing to compare")
	}
	for x.suppressed {
		x.step("quiet", func() {})
	}
	x.step("withdrawn after reuse", func() { p.withdraw(four) })
	x.step("announced after reuse", func() { p.announce(four, 64511) })
}

// alsoTo gives the speaker a session with another router, for IPv4.
func (p *speaker) alsoTo(address string, asn uint32) {
	p.t.Helper()
	s := station{t: p.t}
	host, port := s.split(address)
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		p.t.Fatal(err)
	}
	global, err := p.bgp.GetBgp(context.Background(), &api.GetBgpRequest{})
	if err != nil {
		p.t.Fatal(err)
	}
	err = p.bgp.AddPeer(context.Background(), &api.AddPeerRequest{Peer: &api.Peer{
		Conf:         &api.PeerConf{NeighborAddress: host, PeerAsn: asn},
		Transport:    &api.Transport{LocalAddress: global.Global.RouterId, RemotePort: uint32(number)},
		EbgpMultihop: &api.EbgpMultihop{Enabled: true, MultihopTtl: 4},
		Timers:       &api.Timers{Config: &api.TimersConfig{ConnectRetry: 1, IdleHoldTimeAfterReset: 1}},
		AfiSafis:     []*api.AfiSafi{{Config: &api.AfiSafiConfig{Family: &api.Family{Afi: api.Family_AFI_IP, Safi: api.Family_SAFI_UNICAST}, Enabled: true}}},
	}})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = p.bgp.DeletePeer(context.Background(), &api.DeletePeerRequest{Address: host}) })
}

// damped compares a route as FRR dampens it with what anywatch says of it.
type damped struct {
	t          *testing.T
	frr        *peer
	d          *process
	grid       *time.Ticker
	due        time.Time
	suppressed bool // as FRR said last
	reused     bool // FRR has used it again
}

// frrPath is what FRR says of a path that it dampens. A path that was withdrawn is history.
type frrPath struct {
	Penalty    float64 `json:"dampeningPenalty"`
	Flaps      int     `json:"dampeningFlapCount"`
	Suppressed bool    `json:"dampeningSuppressed"`
	History    bool    `json:"dampeningHistoryEntry"`
}

func (x *damped) ask() (frrPath, bool) {
	x.t.Helper()
	out := x.frr.do("show bgp ipv4 unicast " + four + " json")
	var doc struct {
		Paths []frrPath `json:"paths"`
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		x.t.Fatalf("%v in %s", err, out)
	}
	if len(doc.Paths) != 1 {
		return frrPath{}, false
	}
	return doc.Paths[0], true
}

// begin starts the schedule: one step in five seconds, as FRR decays. FRR's clock counts whole seconds, so the schedule begins in the middle of one,
// where being late by some tenths makes no difference.
func (x *damped) begin(t *testing.T) {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	<-time.After((1500*time.Millisecond - time.Duration(now.Nsec)) % time.Second)
	x.grid, x.due = time.NewTicker(frrStep), time.Now()
	t.Cleanup(x.grid.Stop)
}

// step does something at its time, waits until both have heard of it, and compares.
func (x *damped) step(name string, what func()) {
	x.t.Helper()
	if !x.due.IsZero() && time.Since(x.due) > frrStep {
		<-x.grid.C
	}
	x.due = <-x.grid.C
	if late := time.Since(x.due); late > 300*time.Millisecond {
		x.t.Logf("%s: %v late", name, late)
	}
	before, _ := x.ours()
	what()
	if name != "quiet" {
		eventually(x.t, "anywatch has heard: "+name, func() bool { now, _ := x.ours(); return now.points() > before.points() })
	}
	x.compare(name)
}

// ours gives the row of the route, and its penalty.
func (x *damped) ours() (*dampedRow, float64) {
	x.t.Helper()
	rows, _ := x.d.flaps()
	for i := range rows {
		if rows[i].Vantage != nil && rows[i].Prefix == four {
			return (*dampedRow)(&rows[i]), rows[i].PenaltyLast
		}
	}
	return nil, 0
}

// dampedRow is a row of the flap report; nil when nothing flapped yet.
type dampedRow flapRow

// points counts what was weighed.
func (r *dampedRow) points() int {
	if r == nil {
		return 0
	}
	return len(r.Curve)
}

// suppressedAt tells whether our parameters would have suppressed the route at a time, and until when.
func (r *dampedRow) suppressedAt(now time.Time) (until time.Time, yes bool) {
	for _, s := range r.Suppressed {
		if s.Profile == "own parameters" && !now.Before(s.From) && now.Before(s.To) {
			return s.To, true
		}
	}
	return time.Time{}, false
}

// compare asks both. FRR shows the penalty as of its last step, which was at the beginning of this step of the schedule, and ours decays all the time: so
// FRR's must lie between ours a moment before it was asked, taken back to that beginning, and ours a moment after.
func (x *damped) compare(name string) {
	x.t.Helper()
	first, above := x.ours()
	if first == nil {
		x.t.Fatalf("%s: anywatch has counted no flap", name)
	}
	asked := time.Now()
	theirs, there := x.ask()
	answered := time.Now()
	_, below := x.ours()
	if !there {
		x.t.Fatalf("%s: FRR has forgotten the route", name)
	}
	above *= math.Exp2(float64(asked.Sub(x.due)) / float64(flapHalfLife))
	reusedNow := x.suppressed && !theirs.Suppressed && !theirs.History && name == "quiet"
	x.reused = x.reused || reusedNow
	low, high := below*(1-flapAgree), above*(1+flapAgree)
	if x.reused {
		// When FRR uses a route again it notes the penalty at that time, which is none of the schedule's, and the time since its last step is lost. With
		// what is lost at the next event this is one step in all, by which FRR's penalty is older than ours.
		high *= math.Exp2(float64(frrStep) / float64(flapHalfLife))
	}
	until, held := first.suppressedAt(asked)
	x.t.Logf("%-22s FRR %5.0f (%d flaps, suppressed %t, history %t)   anywatch %6.1f to %6.1f (suppressed %t)", name, theirs.Penalty, theirs.Flaps, theirs.Suppressed, theirs.History, below, above, held)
	if theirs.Penalty < low-1 || theirs.Penalty > high+1 { // FRR counts in whole numbers
		x.t.Errorf("%s: FRR's penalty is %.0f, ours from %.1f to %.1f", name, theirs.Penalty, below, above)
	}
	if n := first.Withdrawals + first.Changes; n != theirs.Flaps {
		x.t.Errorf("%s: FRR counts %d flaps, we %d", name, theirs.Flaps, n)
	}
	if !theirs.History {
		x.comparesSuppression(name, first, theirs.Suppressed, held, until, answered)
		x.suppressed = theirs.Suppressed
	}
}

// comparesSuppression: both suppress it from the same announcement on. We say when its penalty falls below the reuse threshold; FRR finds that out at its next
// step, and acts when it looks the next time.
func (x *damped) comparesSuppression(name string, row *dampedRow, theirs, ours bool, until, now time.Time) {
	x.t.Helper()
	switch {
	case theirs == ours:
	case ours:
		x.t.Errorf("%s: we suppress it until %s, FRR does not", name, until.Format(time.TimeOnly))
	default:
		last := time.Time{}
		for _, s := range row.Suppressed {
			if s.Profile == "own parameters" {
				last = s.To
			}
		}
		if late := now.Sub(last); last.IsZero() || late > frrReuseScan+frrStep+time.Second {
			x.t.Errorf("%s: FRR suppresses it still, %s", name, fmt.Sprintf("%v after the end that we give", late))
		}
	}
}
