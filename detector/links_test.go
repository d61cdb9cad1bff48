package detector

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

// pathRules watch a prefix with two upstreams, and another with any.
func pathRules() *rules.Set {
	return rules.New(rules.Config{ASNs: []route.ASN{64500, 64502}, Thresholds: rules.Defaults(), Prefixes: []rules.Prefix{
		{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Name: "dns-a", Origins: []route.ASN{64500}, Upstreams: []route.ASN{1299, 2914}},
		{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Origins: []route.ASN{64500, 64502}},
		{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Origins: []route.ASN{64500}, Announced: rules.Never},
	}})
}

// world is an engine with external vantages that are named by their AS.
type world struct {
	t   *testing.T
	e   *Engine
	reg *collector.Registry
	now time.Time
	// last is the last change of each incident, by its kind.
	last map[Kind]Change
}

func newWorld(t *testing.T, set *rules.Set) *world {
	w := &world{t: t, reg: collector.NewRegistry(), now: begin, last: make(map[Kind]Change)}
	w.e = New(Options{Rules: set, Emit: func(c Change) { w.last[c.Incident.Kind] = c }})
	w.e.Advance(begin)
	return w
}

func (w *world) vantage(as route.ASN) *collector.Vantage {
	return w.reg.Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: as.String(), PeerAS: as}, Local: as, Scope: collector.External})
}

// says has a vantage announce a prefix; the path begins with its AS.
func (w *world) says(prefix, path string) {
	w.t.Helper()
	p, err := route.ParsePath(path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.tell(p[0].ASNs[0], []route.Update{{Announced: []route.NLRI{{Prefix: netip.MustParsePrefix(prefix)}}, Attrs: &route.Attrs{Path: p}}})
}

func (w *world) withdraws(as route.ASN, prefix string) {
	w.tell(as, []route.Update{{Withdrawn: []route.NLRI{{Prefix: netip.MustParsePrefix(prefix)}}}})
}

func (w *world) tell(as route.ASN, u []route.Update) {
	w.e.Apply(collector.Event{Kind: collector.Routes, Time: w.now, Vantage: w.vantage(as), Updates: u}, w.now)
}

func (w *world) after(d time.Duration) { w.now = w.now.Add(d) }

// TestLinks: remembered are the links of allowed origins as the world outside shows them, with first and last sight.
func TestLinks(t *testing.T) {
	w := newWorld(t, pathRules())
	w.says("192.0.2.0/24", "3356 1299 64500 64500")
	w.after(time.Hour)
	w.says("192.0.2.0/24", "6939 1299 64500")
	w.says("192.0.2.0/24", "174 2914 64511")    // a hijack
	w.says("203.0.113.0/24", "174 3257 64500")  // never announced
	w.says("9.9.9.0/24", "174 3257 64500")      // not watched
	w.says("198.51.100.0/24", "64502")          // nobody is next to it
	w.says("198.51.100.0/24", "701 2914 64502") // another origin
	inside := w.reg.Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: "rr"}, Local: 64500})
	w.e.Apply(collector.Event{Kind: collector.Routes, Time: w.now, Vantage: inside, Updates: []route.Update{{
		Announced: []route.NLRI{{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}, Attrs: &route.Attrs{Path: route.SequencePath(3257, 64500)}}}}, w.now)
	want := []Link{{64500, 1299, begin, begin.Add(time.Hour)}, {64502, 2914, begin.Add(time.Hour), begin.Add(time.Hour)}}
	if got := w.e.Links(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestLinksBounded: a flood of made-up links pushes out itself, and not what was known before; and the same flood leaves the same.
func TestLinksBounded(t *testing.T) {
	l := newLinks()
	for i := range linksKept / 2 {
		l.add(pair{64500, route.ASN(i + 1)}, begin, begin)
	}
	for i := range 3 * linksKept {
		at := begin.Add(time.Hour + time.Duration(i/7)*time.Second)
		l.add(pair{64500, route.ASN(1_000_000 + i)}, at, at)
		if len(l.seen) > linksKept || len(l.order) != len(l.seen) {
			t.Fatalf("%d links are remembered, %d in order", len(l.seen), len(l.order))
		}
	}
	for i := range linksKept / 2 {
		if l.seen[pair{64500, route.ASN(i + 1)}] == nil {
			t.Fatalf("the link with AS%d was known for an hour, and pushed out", i+1)
		}
	}
	if l.seen[pair{64500, 1_000_000}] == nil || l.seen[pair{64500, route.ASN(1_000_000 + 3*linksKept - 1)}] == nil {
		t.Error("of the flood, the first and the newest should be there")
	}
}

// TestLinksOrder holds the order against sorting, on random sights that come in any order, as after a restart.
func TestLinksOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	l := newLinks()
	first := make(map[pair]time.Time)
	for range 20_000 {
		p, at := pair{64500, route.ASN(r.IntN(3000))}, begin.Add(time.Duration(r.IntN(1000))*time.Second)
		l.add(p, at, at)
		if was, ok := first[p]; !ok || at.Before(was) {
			first[p] = at
		}
	}
	if !slices.IsSortedFunc(l.order, func(a, b pair) int { return first[a].Compare(first[b]) }) {
		t.Error("the links are out of order")
	}
	for p, at := range first {
		if s := l.seen[p]; s == nil || !s.first.Equal(at) || s.last.Before(s.first) {
			t.Fatalf("%v was first seen at %s, remembered is %v", p, at, s)
		}
	}
}

// TestLinksRestored: what an earlier life knew counts, older than the start; what says nothing is left out.
func TestLinksRestored(t *testing.T) {
	w := newWorld(t, pathRules())
	w.says("192.0.2.0/24", "3356 1299 64500")
	w.e.RestoreLinks([]Link{
		{64500, 1299, begin.Add(-48 * time.Hour), begin.Add(-time.Hour)}, {64500, 701, begin.Add(-time.Hour), begin.Add(-time.Hour)},
		{64500, 702, time.Time{}, begin}, {64500, 703, begin, begin.Add(-time.Second)},
	})
	got := fmt.Sprint(w.e.Links())
	want := fmt.Sprint([]Link{{64500, 701, begin.Add(-time.Hour), begin.Add(-time.Hour)}, {64500, 1299, begin.Add(-48 * time.Hour), begin}})
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if at := w.e.watching(); !at.Equal(begin.Add(-48 * time.Hour)) {
		t.Errorf("the watch began at %s", at)
	}
	other := newWorld(t, pathRules())
	other.e.RestoreLinks(w.e.Links())
	if again := fmt.Sprint(other.e.Links()); again != got {
		t.Errorf("restored %s, kept %s", again, got)
	}
}
