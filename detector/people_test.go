package detector

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

// watchman is an engine that watches 192.0.2.0/24 and 198.51.100.0/24 with one vantage, and what it said.
type watchman struct {
	*Engine
	t        *testing.T
	vantages *collector.Registry
	said     []Change
}

// evening is when the tests begin.
var evening = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

func at(minutes float64) time.Time {
	return evening.Add(time.Duration(minutes * float64(time.Minute)))
}

func newWatchman(t *testing.T) *watchman {
	w := &watchman{t: t, vantages: collector.NewRegistry()}
	c := rules.Config{ASNs: []route.ASN{64500}, Thresholds: rules.Defaults()}
	for _, p := range []string{"192.0.2.0/24", "198.51.100.0/24", "10.0.0.0/8"} {
		c.Prefixes = append(c.Prefixes, rules.Prefix{Prefix: netip.MustParsePrefix(p), Origins: []route.ASN{64500}, Labels: map[string]string{"team": "dns"}})
	}
	w.Engine = New(Options{Rules: rules.New(c), Emit: func(c Change) { w.said = append(w.said, c) }})
	return w
}

func (w *watchman) tell(ev collector.Event, when time.Time) {
	ev.Vantage = w.vantages.Register(collector.Vantage{
		Key: collector.Key{Source: "bgp", Router: "rr1", Peer: netip.AddrFrom4([4]byte{10, 0, 0, 1})}, Local: 64500, Scope: collector.Internal, AllPaths: true,
	})
	ev.Time = when
	w.Apply(ev, when)
}

// up brings the session up with an empty table.
func (w *watchman) up(when time.Time) {
	w.tell(collector.Event{Kind: collector.PeerUp, Family: route.IPv4}, when)
	w.tell(collector.Event{Kind: collector.EndOfRIB, Family: route.IPv4}, when)
}

func nlri(prefix string) []route.NLRI { return []route.NLRI{{Prefix: netip.MustParsePrefix(prefix)}} }

func (w *watchman) announce(prefix string, origin route.ASN, when time.Time) {
	w.tell(collector.Event{Kind: collector.Routes, Updates: []route.Update{{Announced: nlri(prefix), Attrs: &route.Attrs{Path: route.SequencePath(64496, origin)}}}}, when)
}

func (w *watchman) withdraw(prefix string, when time.Time) {
	w.tell(collector.Event{Kind: collector.Routes, Updates: []route.Update{{Withdrawn: nlri(prefix)}}}, when)
}

// heard checks what was said since the last time, a line for each change: event, kind, prefix, and what changed.
func (w *watchman) heard(want ...string) {
	w.t.Helper()
	var got []string
	for _, c := range w.said {
		line := fmt.Sprintf("%s %s %s", c.Event, c.Incident.Kind, c.Incident.Matter())
		if len(c.Changed) > 0 {
			line += ": " + strings.Join(c.Changed, "; ")
		}
		if c.Incident.Reopened > 0 {
			line += fmt.Sprintf(" (%d)", c.Incident.Reopened)
		}
		got = append(got, line)
	}
	w.said = nil
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.t.Errorf("said\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (w *watchman) last() *Incident {
	w.t.Helper()
	if len(w.said) == 0 {
		w.t.Fatal("nothing was said")
	}
	return &w.said[len(w.said)-1].Incident
}

func TestSomebodyTakesAnIncidentOn(t *testing.T) {
	w := newWatchman(t)
	w.up(at(0))
	w.announce("192.0.2.0/24", 64511, at(1))
	id := w.last().ID
	w.heard("opened origin-hijack 192.0.2.0/24")
	if err := w.Acknowledge(id, "alice", at(2)); err != nil {
		t.Fatal(err)
	}
	if i := w.last(); i.Acknowledged == nil || *i.Acknowledged != "alice" || i.Labels["team"] != "dns" {
		t.Errorf("the incident is acknowledged by %v, with the labels %v", i.Acknowledged, i.Labels)
	}
	w.heard("updated origin-hijack 192.0.2.0/24: acknowledged by alice")
	if err := w.Acknowledge(id, "", at(3)); err != nil {
		t.Fatal(err)
	}
	w.heard("updated origin-hijack 192.0.2.0/24: not acknowledged any more")
	if err := w.Acknowledge("1234", "alice", at(3)); err == nil || err.Error() != "1234: no open incident has this id" {
		t.Errorf("an unknown incident is acknowledged: %v", err)
	}
	// It holds for one life.
	_ = w.Acknowledge(id, "bob", at(4))
	w.withdraw("192.0.2.0/24", at(5))
	w.Advance(at(7))
	w.announce("192.0.2.0/24", 64511, at(8))
	if i := w.last(); i.ID != id || i.Acknowledged != nil {
		t.Errorf("incident %s came back as %s, acknowledged by %v", id, i.ID, i.Acknowledged)
	}
}

// What somebody resolved stays resolved while it is still there, however long; it opens again when it was gone once.
func TestResolvedByHand(t *testing.T) {
	w := newWatchman(t)
	w.up(at(0))
	w.announce("192.0.2.0/24", 64511, at(1))
	id := w.last().ID
	w.said = nil
	if err := w.ResolveByHand(id, "alice", "a test of ours", at(2)); err != nil {
		t.Fatal(err)
	}
	if i := w.last(); i.Resolution == nil || *i.Resolution != "resolved by hand by alice: a test of ours" {
		t.Errorf("the resolution is %v", i.Resolution)
	}
	w.heard("resolved origin-hijack 192.0.2.0/24")
	w.SetRules(w.rules, at(3)) // judges all again
	w.Advance(at(90))
	w.SetRules(w.rules, at(91))
	w.heard()
	w.withdraw("192.0.2.0/24", at(92))
	w.announce("192.0.2.0/24", 64511, at(93))
	w.heard("opened origin-hijack 192.0.2.0/24 (1)")
	if err := w.ResolveByHand("1234", "alice", "", at(94)); err == nil {
		t.Error("an unknown incident is resolved")
	}
}

func TestSilences(t *testing.T) {
	w := newWatchman(t)
	w.up(at(0))
	s := Silence{Author: "bob", Reason: "drill", From: at(1), To: at(10), Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.0.0/8")}, Labels: map[string]string{"team": "dns"}}
	w.SetSilences([]Silence{s}, at(0))
	w.announce("192.0.2.0/24", 64511, at(0.5))
	w.heard("opened origin-hijack 192.0.2.0/24")
	w.Advance(at(2))
	w.heard("updated origin-hijack 192.0.2.0/24: silenced by bob until 2026-11-22T18:10:00Z: drill")
	w.announce("198.51.100.0/24", 64511, at(3))
	if w.last().Silenced != nil {
		t.Error("an incident of another prefix is silenced")
	}
	w.withdraw("198.51.100.0/24", at(3))
	w.announce("192.0.2.128/25", 64511, at(4))
	if i := w.last(); i.Silenced == nil || !strings.HasPrefix(*i.Silenced, "bob until") {
		t.Errorf("what opens under a silence is silenced by %v", i.Silenced)
	}
	w.said = nil
	w.Advance(at(11))
	w.heard("updated origin-hijack 192.0.2.0/24: silenced no more", "updated subprefix-hijack 192.0.2.128/25: silenced no more")
	w.SetSilences([]Silence{{Author: "eve", To: at(20), Above: Critical}}, at(12))
	w.heard() // both are critical, and that is never muted
	w.SetSilences([]Silence{{Author: "eve", To: at(20), Kinds: []Kind{SubprefixHijack}, Offender: 64511}}, at(13))
	w.heard("updated subprefix-hijack 192.0.2.128/25: silenced by eve until 2026-11-22T18:20:00Z")
	w.SetSilences(nil, at(14))
	w.heard("updated subprefix-hijack 192.0.2.128/25: silenced no more")
}

// restarted takes what an engine has said into one that is started later, as a store would.
func (w *watchman) restarted(when time.Time) *watchman {
	w.t.Helper()
	latest := make(map[string]Incident)
	for _, c := range w.said {
		latest[c.Incident.ID] = c.Incident
	}
	var list []Incident
	for _, i := range latest {
		list = append(list, i)
	}
	next := newWatchman(w.t)
	if err := next.Restore(list, when); err != nil {
		w.t.Fatal(err)
	}
	return next
}

func TestARestartForgetsNothingAndSaysNothingTwice(t *testing.T) {
	w := newWatchman(t)
	w.up(at(0))
	w.announce("192.0.2.0/24", 64511, at(1))
	w.announce("198.51.100.0/24", 64511, at(1))
	id := w.last().ID
	_ = w.Acknowledge(id, "alice", at(2))
	w.announce("10.1.0.0/16", 64511, at(1))
	w.withdraw("10.1.0.0/16", at(3))
	w.Advance(at(5))

	next := w.restarted(at(20))
	next.tell(collector.Event{Kind: collector.PeerUp, Family: route.IPv4}, at(20))
	next.announce("198.51.100.0/24", 64511, at(20))
	next.tell(collector.Event{Kind: collector.EndOfRIB, Family: route.IPv4}, at(20))
	next.heard()
	for _, i := range next.Open() {
		if *i.Prefix == netip.MustParsePrefix("198.51.100.0/24") && (i.ID != id || i.Acknowledged == nil || !i.Opened.Equal(at(1))) {
			t.Errorf("the incident is %s, acknowledged by %v, opened %s", i.ID, i.Acknowledged, i.Opened)
		}
	}
	next.Advance(at(20.1))
	if i := next.last(); i.Resolution == nil || !strings.Contains(*i.Resolution, "ended while nobody watched") || !strings.Contains(i.Summary, "AS64511 announces 192.0.2.0/24; expected AS64500") {
		t.Errorf("what ended meanwhile is over because %v: %s", i.Resolution, i.Summary)
	}
	next.heard("resolved origin-hijack 192.0.2.0/24")
	next.announce("10.1.0.0/16", 64511, at(21))
	next.heard("opened subprefix-hijack 10.1.0.0/16 (1)")
	next.withdraw("198.51.100.0/24", at(22))
	next.Advance(at(24))
	next.heard("resolved origin-hijack 198.51.100.0/24")
}

// As long as the vantage that showed it has not come back, nobody knows.
func TestARestartWaitsForTheVantages(t *testing.T) {
	w := newWatchman(t)
	w.up(at(0))
	w.announce("192.0.2.0/24", 64511, at(1))
	next := w.restarted(at(20))
	next.Advance(at(60))
	next.heard()
	next.up(at(61))
	next.Advance(at(62))
	next.heard("resolved origin-hijack 192.0.2.0/24")
}

func TestRestoreSaysWhatItCanNotUse(t *testing.T) {
	w := newWatchman(t)
	err := w.Restore([]Incident{{ID: "a", Key: "nonsense"}, {ID: "b", Key: "origin-hijack|192.0.2.0|1||"}, {ID: "c", Key: "origin-hijack|192.0.2.0/24|x||"}}, at(0))
	for _, want := range []string{"incident a", "incident b", "no prefix", "incident c", "no AS number"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Restore says %v; want %q in it", err, want)
		}
	}
}

func TestKeysAreReadAsWritten(t *testing.T) {
	for _, k := range []Key{{Kind: OriginHijack, Prefix: netip.MustParsePrefix("2001:db8::/32"), AS: 4200000000}, {Kind: FeedLost, Subject: "bgp:a|b"}, {Kind: SiteMissing, Prefix: netip.MustParsePrefix("192.0.2.0/24"), Site: "ams"}} {
		if got, err := ParseKey(k.String()); err != nil || got != k {
			t.Errorf("%s is read as %v, %v", k, got, err)
		}
	}
}

// A storm is one incident; what opens in it is not told by itself, until few enough of it are left.
func TestAStorm(t *testing.T) {
	w := newWatchman(t)
	w.up(at(0))
	part := func(n int) string { return fmt.Sprintf("10.%d.%d.0/24", n/256, n%256) }
	for n := range 1000 {
		w.announce(part(n), 64511, at(1).Add(time.Duration(n)*time.Millisecond))
	}
	var alone, inside int
	for _, c := range w.said {
		switch {
		case c.Incident.Kind == Storm:
		case c.Incident.ExplainedBy == nil:
			alone++
		default:
			inside++
		}
	}
	if alone > stormAt || alone+inside != 1000 {
		t.Errorf("%d incidents were told by themselves and %d in the storm; want at most %d, and 1000 in all", alone, inside, stormAt)
	}
	w.said = nil
	w.Advance(at(3))
	storms := 0
	for _, c := range w.said {
		if c.Incident.Kind == Storm {
			storms++
		}
	}
	if storms == 0 || storms > 5 {
		t.Errorf("the storm was told %d times in two minutes", storms)
	}
	for n := range 995 {
		w.withdraw(part(n), at(4))
	}
	w.said = nil
	w.Advance(at(10))
	over, told := false, 0
	for _, c := range w.said {
		over = over || c.Incident.Kind == Storm && c.Event == Resolved
		if over && c.Event == Updated && c.Incident.ExplainedBy == nil {
			told++
		}
	}
	if !over || told != 5 {
		t.Errorf("the storm is over: %v; of what it left %d are told; want 5", over, told)
	}
}

func TestASinkThatCanNotBeTold(t *testing.T) {
	w := newWatchman(t)
	w.SetSink("hook", "HTTP status 401", at(0))
	w.heard("opened sink-failed hook")
	w.SetSink("hook", "", at(1))
	w.Advance(at(3))
	w.heard("resolved sink-failed hook")
}
