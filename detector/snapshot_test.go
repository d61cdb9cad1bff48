package detector

import (
	"net/netip"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

// seen is an engine with a vantage inside and three outside, of which each announces what paths says: 0 nothing, else its origin.
func seen(t *testing.T, paths ...route.ASN) *Engine {
	t.Helper()
	set := rules.New(rules.Config{ASNs: []route.ASN{64500}, Thresholds: rules.Defaults(), Sites: []rules.Site{{Name: "ams"}},
		Prefixes: []rules.Prefix{{Prefix: watchedFour, Origins: []route.ASN{64500}, Sites: []string{"ams"}}}})
	e, reg := New(Options{Rules: set, Emit: func(Change) {}}), collector.NewRegistry()
	for n, origin := range paths {
		v := reg.Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: string(rune('a' + n))}, Local: 64496, Scope: collector.Scope(min(n, 1))})
		e.Apply(collector.Event{Kind: collector.PeerUp, Time: begin, Vantage: v, Family: route.IPv4}, begin)
		if origin != 0 {
			e.Apply(collector.Event{Kind: collector.Routes, Time: begin, Vantage: v, Updates: []route.Update{{
				Announced: []route.NLRI{{Prefix: watchedFour}, {Prefix: netip.MustParsePrefix("192.0.2.128/25")}}, Attrs: &route.Attrs{Path: route.SequencePath(64496, origin)}}}}, begin)
		}
		e.Apply(collector.Event{Kind: collector.EndOfRIB, Time: begin, Vantage: v, Family: route.IPv4}, begin)
	}
	return e
}

var watchedFour = netip.MustParsePrefix("192.0.2.0/24")

// Who shows a hijacker's route does not show ours; who is lost neither shows it nor could.
func TestStanding(t *testing.T) {
	e := seen(t, 64500, 64500, 64511, 0)
	if s := e.Standing(watchedFour); s.Seeing != 1 || s.Of != 3 || s.Showing != 2 || s.Could != 4 || len(s.Sites) != 1 || s.Sites[0].Site != "ams" || s.Sites[0].State != PlaceUnknown {
		t.Errorf("%+v", s)
	}
	e.Apply(collector.Event{Kind: collector.FeedLost, Time: begin, Vantage: e.VantageList()[1].Vantage}, begin.Add(time.Second))
	if s := e.Standing(watchedFour); s.Seeing != 0 || s.Of != 2 || s.Showing != 1 || s.Could != 3 {
		t.Errorf("after a loss: %+v", s)
	}
	if s := e.Standing(netip.MustParsePrefix("203.0.113.0/24")); s.Seeing != 0 || s.Showing != 0 || len(s.Sites) != 0 {
		t.Errorf("of what is not watched: %+v", s)
	}
}

// A snapshot around a prefix has it, what covers it, and its parts.
func TestSnapshotAround(t *testing.T) {
	e := seen(t, 64500, 64511)
	for text, want := range map[string]int{"192.0.2.0/24": 2, "192.0.0.0/16": 2, "192.0.2.128/32": 2, "192.0.2.1/32": 1, "198.51.100.0/24": 0, "::/0": 0} {
		for _, s := range e.SnapshotAround(netip.MustParsePrefix(text)) {
			if len(s.Routes) != want {
				t.Errorf("%s: %s shows %d routes, expected %d", text, s.Vantage.Name(), len(s.Routes), want)
			}
		}
	}
	if list := e.VantageList(); len(list) != 2 || list[0].Routes != nil || !list[1].Up {
		t.Errorf("%+v", list)
	}
}

// The open incidents are known by what makes them the same one.
func TestOpenKeys(t *testing.T) {
	e := seen(t, 64511)
	open := e.OpenKeys()
	if len(open) != 2 {
		t.Fatalf("%+v", open)
	}
	for _, i := range e.Open() {
		if k := open[Key{Kind: i.Kind, Prefix: *i.Prefix, AS: *i.Origin}]; k.ID != i.ID || k.Severity != i.Severity {
			t.Errorf("%+v is not %+v", k, i)
		}
	}
	if set, vrps := e.Basis(); set.Find(watchedFour) == nil || vrps != nil {
		t.Error("it judges by something else")
	}
}
