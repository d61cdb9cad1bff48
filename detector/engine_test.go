package detector

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

var begin = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

func testRules() *rules.Set {
	return rules.New(rules.Config{ASNs: []route.ASN{64500}, Thresholds: rules.Defaults(), Prefixes: []rules.Prefix{
		{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Name: "dns-a", Origins: []route.ASN{64500}},
		{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Origins: []route.ASN{64500}, Announced: rules.Never},
	}})
}

// history is what an engine said of random events, and what it was told, for a model to check.
type history struct {
	changes []Change
	lines   []string
}

// play tells an engine events that a seed draws: three vantages that announce, withdraw, come and go.
func play(seed uint64) history {
	r := rand.New(rand.NewPCG(seed, 1))
	var h history
	e := New(Options{Rules: testRules(), Emit: func(c Change) {
		h.changes = append(h.changes, c)
		line, err := c.JSON()
		h.lines = append(h.lines, fmt.Sprint(string(line), err))
	}})
	reg := collector.NewRegistry()
	now := begin
	for range 400 {
		now = now.Add(time.Duration(r.IntN(20_000)) * time.Millisecond)
		n := r.IntN(3)
		v := reg.Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: fmt.Sprintf("r%d", n)}, Local: 64496, Scope: collector.Scope(min(n, 1))})
		e.Apply(randomEvent(r, v, now), now)
	}
	e.Advance(now.Add(time.Hour))
	return h
}

func randomEvent(r *rand.Rand, v *collector.Vantage, now time.Time) collector.Event {
	ev := collector.Event{Kind: collector.Routes, Time: now, Vantage: v, Reason: "test"}
	if r.IntN(8) == 0 {
		ev.Kind = []collector.Kind{collector.PeerUp, collector.PeerDown, collector.FeedLost, collector.EndOfRIB, collector.Synchronised, collector.Gap, collector.Heard,
			collector.TableBegins, collector.PrefixLimit, collector.FeedDown, collector.FeedUp}[r.IntN(11)]
		ev.Family, ev.Limit, ev.Prefixes = route.IPv4, 10, r.IntN(20)
		if ev.Kind == collector.FeedDown || ev.Kind == collector.FeedUp {
			ev.Vantage, ev.Feed, ev.Keep = nil, v.Name(), time.Duration(r.IntN(3))*time.Minute
		}
		return ev
	}
	prefixes := []string{"192.0.2.0/24", "192.0.2.128/25", "192.0.0.0/16", "198.51.100.64/26", "203.0.113.0/24"}
	n := route.NLRI{Prefix: netip.MustParsePrefix(prefixes[r.IntN(len(prefixes))]), PathID: uint32(r.IntN(2))}
	if r.IntN(2) == 0 {
		ev.Updates = []route.Update{{Withdrawn: []route.NLRI{n}}}
		return ev
	}
	origin := []route.ASN{64500, 64511, 64510}[r.IntN(3)]
	ev.Updates = []route.Update{{Announced: []route.NLRI{n}, Attrs: &route.Attrs{Path: route.SequencePath(64496+route.ASN(r.IntN(2)), origin)}}}
	return ev
}

// TestLife holds every incident's life against what the contract promises, on many random histories.
func TestLife(t *testing.T) {
	opened := 0
	for seed := range uint64(60) {
		h := play(seed)
		last := map[string]Change{}
		clock := time.Time{}
		for _, c := range h.changes {
			was, known := last[c.Incident.ID]
			if err := follows(c, was, known, clock); err != "" {
				t.Fatalf("seed %d: %s\n%+v\nafter\n%+v", seed, err, c, was)
			}
			last[c.Incident.ID], clock = c, c.Time
			if c.Event == Opened {
				opened++
			}
		}
		for id, c := range last {
			if c.Incident.Path != nil && c.Incident.Vantages.Seeing == 0 && c.Incident.State == "open" && c.Event == Opened {
				t.Errorf("seed %d: incident %s opened with nobody seeing it", seed, id)
			}
		}
	}
	if opened < 100 {
		t.Errorf("only %d incidents opened: the histories show too little", opened)
	}
}

// follows says what is wrong with a change after the one before it.
func follows(c, was Change, known bool, clock time.Time) string {
	i := c.Incident
	open := known && was.Event != Resolved
	switch {
	case c.Time.Before(clock):
		return "the clock goes back"
	case c.Event == Opened && open:
		return "opened while open"
	case c.Event != Opened && !open:
		return "goes on after its end, or before its beginning"
	case i.Vantages.Peak < i.Vantages.Seeing || i.Vantages.Of < i.Vantages.Seeing:
		return "the vantages don't add up"
	case i.Started.After(i.Opened):
		return "opened before it started"
	case len(i.Evidence) == 0 && i.Path != nil:
		return "no evidence"
	case (i.Subject == nil) != (i.Prefix != nil) || i.Path != nil && i.Prefix == nil:
		return "it is about a prefix and a feed, or neither"
	case (c.Event == Resolved) != (i.Resolved != nil) || (i.Resolved != nil) != (i.State == "resolved"):
		return "resolved is not said alike"
	case c.Event == Resolved && (i.Cleared == nil || i.Cleared.Before(i.Started) || i.Cleared.After(*i.Resolved)):
		return "it was cleared before it started, or after it was resolved"
	case c.Event == Resolved && i.Vantages.Seeing != 0:
		return "resolved while somebody sees it"
	case c.Event == Opened && known && i.Reopened != was.Incident.Reopened+1:
		return "reopened is not one higher"
	case c.Event == Opened && !known && i.Reopened != 0:
		return "reopened at its first opening"
	case c.Event == Updated && same(i, was.Incident):
		return "updated without a change that matters"
	case open && c.Event == Updated && i.Vantages.Peak < was.Incident.Vantages.Peak:
		return "the peak falls"
	}
	return ""
}

func same(a, b Incident) bool {
	if a.Path == nil {
		return a.Severity == b.Severity && a.Summary == b.Summary && a.Vantages.Peak == b.Vantages.Peak
	}
	n, _ := a.Path.Neighbor()
	m, _ := b.Path.Neighbor()
	return a.Severity == b.Severity && a.Vantages.Peak == b.Vantages.Peak && a.RPKI.State == b.RPKI.State && n == m
}

// TestDeterministic: the same events give the same bytes.
func TestDeterministic(t *testing.T) {
	for seed := range uint64(10) {
		a, b := play(seed), play(seed)
		if strings.Join(a.lines, "\n") != strings.Join(b.lines, "\n") {
			t.Fatalf("seed %d: two runs differ", seed)
		}
	}
}

// TestJSON: absent facts are null, lists are never null.
func TestJSON(t *testing.T) {
	changes := play(3).changes
	first := slices.IndexFunc(changes, func(c Change) bool { return c.Incident.Path != nil })
	b, err := json.Marshal(changes[first])
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Incident map[string]json.RawMessage `json:"incident"`
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	fields := "id kind severity state prefix watched site origin offender path rpki vantages evidence summary why actions started opened updated resolved reopened acknowledged silenced"
	for _, f := range strings.Fields(fields) {
		v, ok := out.Incident[f]
		if !ok || string(v) == `""` {
			t.Errorf("%s is %s", f, v)
		}
	}
	for _, list := range []string{"evidence", "why", "actions", "path"} {
		if string(out.Incident[list]) == "null" {
			t.Errorf("%s is null, should be a list", list)
		}
	}
}

// TestOlderEvent: an event older than the clock is applied at the clock and keeps its own time as evidence.
func TestOlderEvent(t *testing.T) {
	var got []Change
	e := New(Options{Rules: testRules(), Emit: func(c Change) { got = append(got, c) }})
	v := collector.NewRegistry().Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: "r"}})
	e.Advance(begin)
	ev := collector.Event{Kind: collector.Routes, Time: begin.Add(-time.Minute), Vantage: v, Updates: []route.Update{{
		Announced: []route.NLRI{{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}, Attrs: &route.Attrs{Path: route.SequencePath(64511)}}}}
	e.Apply(ev, ev.Time)
	if len(got) != 1 || !got[0].Time.Equal(begin) || !got[0].Incident.Started.Equal(begin.Add(-time.Minute)) || !got[0].Incident.Evidence[0].Time.Equal(begin.Add(-time.Minute)) {
		t.Errorf("%+v", got)
	}
	if !e.Clock().Equal(begin) {
		t.Errorf("the clock stands at %s", e.Clock())
	}
}

func TestHalves(t *testing.T) {
	for _, c := range [][3]string{
		{"192.0.2.0/24", "192.0.2.0/25", "192.0.2.128/25"},
		{"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"},
		{"2001:db8::/47", "2001:db8::/48", "2001:db8:1::/48"},
	} {
		low, high, ok := halves(netip.MustParsePrefix(c[0]))
		if !ok || low.String() != c[1] || high.String() != c[2] {
			t.Errorf("%s: %s %s %v", c[0], low, high, ok)
		}
	}
	if _, _, ok := halves(netip.MustParsePrefix("192.0.2.1/32")); ok {
		t.Error("one address has halves")
	}
}

func TestHumanDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		400 * time.Millisecond: "0s", 41 * time.Second: "41s", 5 * time.Minute: "5m", 133 * time.Second: "2m13s",
		185 * time.Minute: "3h5m", 52 * time.Hour: "2d4h",
	} {
		if got := HumanDuration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
