package detector

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rules"
)

func vrp(prefix string, bits uint8, as route.ASN, expires time.Time) rpki.VRP {
	return rpki.VRP{Prefix: netip.MustParsePrefix(prefix), MaxLength: bits, ASN: as, TA: "ripe", Expires: expires}
}

func table(t *testing.T, vrps ...rpki.VRP) *rpki.Table {
	t.Helper()
	out, err := rpki.NewTable(vrps, nil, begin)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// vrpPlay tells an engine snapshots, and a route of ours beside them.
type vrpPlay struct {
	t   *testing.T
	e   *Engine
	got []Change
	v   *collector.Vantage
}

func newVRPPlay(t *testing.T, first *rpki.Table) *vrpPlay {
	p := &vrpPlay{t: t, v: collector.NewRegistry().Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: "r"}, Local: 64500})}
	p.e = New(Options{Rules: testRules(), VRPs: first, Age: true, Emit: func(c Change) { p.got = append(p.got, c) }})
	p.e.Advance(begin)
	return p
}

func (p *vrpPlay) announce(prefix string, path ...route.ASN) {
	u := route.Update{Announced: []route.NLRI{{Prefix: netip.MustParsePrefix(prefix), PathID: uint32(len(path))}}, Attrs: &route.Attrs{Path: route.SequencePath(path...)}}
	p.e.Apply(collector.Event{Kind: collector.Routes, Time: p.e.Clock(), Vantage: p.v, Updates: []route.Update{u}}, p.e.Clock())
}

// last gives the last change of a kind.
func (p *vrpPlay) last(k Kind) Change {
	p.t.Helper()
	for _, c := range slices.Backward(p.got) {
		if c.Incident.Kind == k {
			return c
		}
	}
	p.t.Fatalf("no %s in %d changes", k, len(p.got))
	return Change{}
}

func (p *vrpPlay) count(k Kind) (n int) {
	for _, c := range p.got {
		if c.Incident.Kind == k {
			n++
		}
	}
	return n
}

func says(why []string, text string) bool {
	return slices.ContainsFunc(why, func(w string) bool { return strings.Contains(w, text) })
}

// TestVRPsBeforeAndAfter: an incident whose verdict changed says what it was judged by, and is; also one that the change began, and one that it ended.
func TestVRPsBeforeAndAfter(t *testing.T) {
	good, bad := vrp("192.0.2.0/24", 24, 64500, time.Time{}), vrp("192.0.2.0/24", 24, 64501, time.Time{})
	p := newVRPPlay(t, table(t, vrp("198.18.0.0/15", 15, 64502, time.Time{})))
	p.announce("192.0.2.0/24")
	p.announce("192.0.2.0/24", 64496, 64511)
	p.e.SetRPKI(rpki.Snapshot{Table: table(t, bad)}, begin.Add(time.Minute))
	for kind, origin := range map[Kind]string{OriginHijack: "not-found, no VRP covers it", RPKIInvalid: "not-found, no VRP covers it"} {
		if c := p.last(kind); !says(c.Incident.Why, "Before: "+origin+". Since then: invalid (origin) by VRP 192.0.2.0/24-24 AS64501") {
			t.Errorf("%s: %q", kind, c.Incident.Why)
		}
	}
	p.e.SetRPKI(rpki.Snapshot{Table: table(t, good), Added: []rpki.VRP{good}, Removed: []rpki.VRP{bad}}, begin.Add(2*time.Minute))
	p.e.Advance(begin.Add(10 * time.Minute))
	c := p.last(RPKIInvalid)
	if c.Event != Resolved || !says(c.Incident.Why, "Before: invalid (origin) by VRP 192.0.2.0/24-24 AS64501. Since then: valid by VRP 192.0.2.0/24-24 AS64500") {
		t.Errorf("%s %q", c.Event, c.Incident.Why)
	}
}

// TestNotCheckedSaysWhy: while VRPs are too old, an incident says that nothing was checked, and why.
func TestNotCheckedSaysWhy(t *testing.T) {
	good := table(t, vrp("192.0.2.0/24", 24, 64511, time.Time{}))
	p := newVRPPlay(t, good)
	p.announce("192.0.2.0/24", 64496, 64511)
	if c := p.last(OriginHijack); c.Incident.Severity != Warning || c.Incident.RPKI.State != "valid" {
		t.Fatalf("%s %s", c.Incident.Severity, c.Incident.RPKI.State)
	}
	p.e.SetRPKI(rpki.Snapshot{Table: good, TooOld: true, Sources: []rpki.SourceStatus{{Name: "file vrps.json", TooOld: true, Updated: begin}}}, begin.Add(3*time.Hour))
	c := p.last(OriginHijack)
	if c.Event != Updated || c.Incident.Severity != Critical || c.Incident.RPKI.State != "not-checked" || c.Incident.RPKI.Age != nil || !says(c.Incident.Why, "older than rpki.max_age (2h0m)") {
		t.Errorf("%s %s %+v %q", c.Event, c.Incident.Severity, c.Incident.RPKI, c.Incident.Why)
	}
	if c := p.last(RPKIStale); *c.Incident.Subject != "file vrps.json" || c.Incident.Prefix != nil || !c.Incident.Started.Equal(begin.Add(2*time.Hour)) {
		t.Errorf("%+v", c.Incident)
	}
}

// TestReplayIsSilentAboutROAs: the table that an engine was made with is taken as it stands.
func TestReplayIsSilentAboutROAs(t *testing.T) {
	p := newVRPPlay(t, table(t, vrp("192.0.0.0/16", 16, 64501, begin.Add(time.Minute))))
	p.e.Advance(begin.Add(48 * time.Hour))
	for _, c := range p.got {
		t.Errorf("%s %s", c.Event, c.Incident.Summary)
	}
}

// TestROAsWaitForAllSources: while a source has given nothing yet, what lacks may be in it; after initial_sync it is told all the same.
func TestROAsWaitForAllSources(t *testing.T) {
	p := newVRPPlay(t, nil)
	s := rpki.Snapshot{Table: table(t, vrp("198.18.0.0/15", 15, 64502, time.Time{})), Sources: []rpki.SourceStatus{{Name: "cache a", State: rpki.SourceWaiting}}}
	p.e.SetRPKI(s, begin.Add(time.Second))
	if n := p.count(ROAMissing); n != 0 {
		t.Errorf("%d at once", n)
	}
	p.e.Advance(begin.Add(p.e.rules.InitialSync))
	if c := p.last(ROAMissing); c.Event != Opened || c.Incident.RPKI.State != "not-found" || *c.Incident.Origin != 64500 || len(c.Incident.Actions) != 1 {
		t.Errorf("%+v", c.Incident)
	}
	if n := p.count(ROAMissing); n != 1 {
		t.Errorf("%d of them: a prefix that is never announced needs no ROA", n)
	}
}

// TestLeavesGap: a VRP leaves a gap unless one that lasts longer allows as much.
func TestLeavesGap(t *testing.T) {
	soon, late := begin.Add(time.Hour), begin.Add(time.Hour*50)
	watched := rules.Prefix{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Origins: []route.ASN{64500}}
	specific := watched
	specific.MoreSpecifics.UpTo = 25
	for _, c := range []struct {
		name  string
		w     rules.Prefix
		v     rpki.VRP
		other []rpki.VRP
		want  bool
	}{
		{"alone", watched, vrp("192.0.2.0/24", 24, 64500, soon), nil, true},
		{"a stranger's, the last one", watched, vrp("192.0.0.0/16", 16, 64501, soon), nil, true},
		{"a stranger's beside ours", watched, vrp("192.0.0.0/16", 16, 64501, soon), []rpki.VRP{vrp("192.0.2.0/24", 24, 64500, time.Time{})}, false},
		{"ours, and a stranger's stays", watched, vrp("192.0.2.0/24", 24, 64500, soon), []rpki.VRP{vrp("192.0.0.0/16", 16, 64501, time.Time{})}, true},
		{"a wider one lasts", watched, vrp("192.0.2.0/24", 24, 64500, soon), []rpki.VRP{vrp("192.0.0.0/16", 24, 64500, late)}, false},
		{"a wider one expires with it", watched, vrp("192.0.2.0/24", 24, 64500, soon), []rpki.VRP{vrp("192.0.0.0/16", 24, 64500, soon)}, true},
		{"a shorter one suffices", watched, vrp("192.0.2.0/24", 25, 64500, soon), []rpki.VRP{vrp("192.0.0.0/16", 24, 64500, late)}, false},
		{"a shorter one does not reach more-specifics", specific, vrp("192.0.2.0/24", 25, 64500, soon), []rpki.VRP{vrp("192.0.0.0/16", 24, 64500, late)}, true},
	} {
		if got := leavesGap(&c.w, c.v, append([]rpki.VRP{c.v}, c.other...)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestRenewals: what was renewed in time before is told only when it is later than ever.
func TestRenewals(t *testing.T) {
	r := newRenewals()
	see := func(at time.Time, expires time.Time) rpki.VRP {
		v := vrp("192.0.2.0/24", 24, 64500, expires)
		r.see(map[string]*expiring{v.String(): {vrp: v}}, 24*time.Hour, at)
		return v
	}
	v := see(begin, begin.Add(10*time.Hour))
	if at, usual := r.due(v, 24*time.Hour); usual || !at.Equal(begin.Add(-14*time.Hour)) {
		t.Errorf("at first: %s %v", at, usual)
	}
	v = see(begin.Add(6*time.Hour), begin.Add(30*time.Hour)) // renewed with four hours left
	if at, usual := r.due(v, 24*time.Hour); !usual || !at.Equal(begin.Add(28*time.Hour)) {
		t.Errorf("after a renewal: %s %v", at, usual)
	}
	v = see(begin.Add(20*time.Hour), begin.Add(50*time.Hour)) // earlier than before: what was once enough still is
	if at, _ := r.due(v, 24*time.Hour); !at.Equal(begin.Add(48 * time.Hour)) {
		t.Errorf("after an early renewal: %s", at)
	}
}

// TestJudgeBy agrees with origin validation on the same VRPs.
func TestJudgeBy(t *testing.T) {
	vrps := []rpki.VRP{vrp("192.0.0.0/16", 24, 64500, time.Time{}), vrp("192.0.2.0/24", 24, 0, time.Time{}), vrp("192.0.2.0/24", 25, 64501, time.Time{})}
	tab := table(t, vrps...)
	for _, prefix := range []string{"192.0.2.0/24", "192.0.2.0/25", "192.0.2.0/26", "192.0.3.0/24", "198.51.100.0/24"} {
		for _, origin := range []route.Origin{{AS: 64500}, {AS: 64501}, {AS: 64511}, {}, {Set: []route.ASN{64500, 64501}}} {
			p := netip.MustParsePrefix(prefix)
			if got, want := judgeBy(tab.Covering(p), nil, &announcement{prefix: p, origin: origin}), tab.State(p, origin); got != want {
				t.Errorf("%s from %v: %s, want %s", prefix, origin, got, want)
			}
		}
	}
}

// TestHeldBack: an anchor's incident says what would become of routes without what it lost.
func TestHeldBack(t *testing.T) {
	ours := vrp("192.0.2.0/24", 24, 64500, time.Time{})
	tab := table(t, ours, vrp("192.0.0.0/16", 16, 64501, time.Time{}))
	p := newVRPPlay(t, tab)
	p.announce("192.0.2.0/24")
	held, err := rpki.NewSet([]rpki.VRP{ours}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]rpki.AnchorDrop{"all": {Held: held}, "examples": {Lost: []rpki.VRP{ours}}} {
		d.Anchor, d.Source, d.Was, d.Is, d.Since = "ripe", "cache a", 2, 1, begin
		p.e.SetRPKI(rpki.Snapshot{Table: tab, Drops: []rpki.AnchorDrop{d}}, begin.Add(time.Minute))
		c := p.last(RPKIAnchorDrop)
		if c.Incident.Severity != Warning || !says(c.Incident.Why, "without what is held, 192.0.2.0/24 from AS64500 would be invalid, and is valid; 1 vantage shows it") {
			t.Errorf("%s: %s %q", name, c.Incident.Severity, c.Incident.Why)
		}
	}
	if n := p.count(RPKIInvalid) + p.count(ROAChanged); n != 0 {
		t.Errorf("%d incidents about what is held", n)
	}
}

// TestChangedWhileTooOld: what changed while the data were too old is told when they are fresh again.
func TestChangedWhileTooOld(t *testing.T) {
	ours, theirs := vrp("192.0.2.0/24", 24, 64500, time.Time{}), vrp("192.0.2.0/24", 24, 64511, time.Time{})
	p := newVRPPlay(t, table(t, ours))
	after := table(t, ours, theirs)
	p.e.SetRPKI(rpki.Snapshot{Table: after, TooOld: true, Added: []rpki.VRP{theirs}}, begin.Add(time.Minute))
	if n := p.count(ROAChanged); n != 0 {
		t.Errorf("%d by data that are too old", n)
	}
	p.e.SetRPKI(rpki.Snapshot{Table: after}, begin.Add(2*time.Minute))
	c := p.last(ROAChanged)
	if c.Incident.Severity != Warning || *c.Incident.Subject != theirs.String() || !says(c.Incident.Actions, "Find out who had the ROA made that authorises AS64511") {
		t.Errorf("%+v", c.Incident)
	}
	if n := p.count(ROAChanged); n != 1 {
		t.Errorf("%d changes told, want one", n)
	}
}
