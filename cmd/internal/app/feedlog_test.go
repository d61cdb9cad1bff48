package app

import (
	"context"
	"testing"
	"time"

	"anywatch/collector"
)

// What passes is handed on as it is, and what it says of feeds is noted.
func TestFeedLog(t *testing.T) {
	at := func(second int) time.Time { return time.Date(2026, 11, 22, 18, 0, second, 0, time.UTC) }
	rr := &collector.Vantage{Key: collector.Key{Source: "bgp", Router: "rr1"}}
	edge := &collector.Vantage{Key: collector.Key{Source: "bmp", Router: "edge1"}}
	ris := &collector.Vantage{Key: collector.Key{Source: "rislive", Router: "rrc00"}}
	up := func(v *collector.Vantage, s int) collector.Event {
		return collector.Event{Kind: collector.PeerUp, Vantage: v, Time: at(s)}
	}
	down := func(feed string, s int) collector.Event {
		return collector.Event{Kind: collector.FeedDown, Feed: feed, Time: at(s), Reason: "gone"}
	}
	back := func(feed, reason string, s int) collector.Event {
		return collector.Event{Kind: collector.FeedUp, Feed: feed, Time: at(s), Reason: reason}
	}
	for _, c := range []struct {
		name   string
		events []collector.Event
		feed   string
		want   *feedNote // nil for none
	}{
		{"a session", []collector.Event{up(rr, 1), up(rr, 2)}, "bgp:rr1", &feedNote{true, at(1), ""}},
		{"routes alone say nothing", []collector.Event{{Kind: collector.Routes, Vantage: rr, Time: at(1)}}, "bgp:rr1", nil},
		{"a session that is lost", []collector.Event{up(rr, 1), down("bgp:rr1", 5)}, "bgp:rr1", &feedNote{false, at(5), "gone"}},
		{"and comes back", []collector.Event{up(rr, 1), down("bgp:rr1", 5), back("bgp:rr1", "established", 9), up(rr, 9)}, "bgp:rr1", &feedNote{true, at(9), ""}},
		{"in the other order", []collector.Event{up(rr, 1), down("bgp:rr1", 5), up(rr, 9), back("bgp:rr1", "established", 10)}, "bgp:rr1", &feedNote{true, at(9), ""}},
		{"a neighbor that nobody wants any more", []collector.Event{down("bgp:rr1", 5), back("bgp:rr1", "taken out", 9)}, "bgp:rr1", nil},
		{"a router that is back", []collector.Event{up(edge, 1), down("bmp:edge1", 5), back("bmp:edge1", "", 9)}, "bmp:edge1", &feedNote{true, at(9), ""}},
		{"a router that has another name", []collector.Event{up(edge, 1), down("bmp:edge1", 5), back("bmp:edge1", "renamed", 9)}, "bmp:edge1", nil},
		{"a server", []collector.Event{up(ris, 1), down("rislive:h", 5), back("rislive:h", "", 9)}, "rislive:h", &feedNote{true, at(9), ""}},
		{"a collector is no feed", []collector.Event{up(ris, 1)}, "rislive:rrc00", nil},
	} {
		l, passed := newFeedLog(at(0)), 0
		out := l.into(collector.SinkFunc(func(context.Context, collector.Event) error { passed++; return nil }))
		for _, ev := range c.events {
			if err := out.Emit(t.Context(), ev); err != nil {
				t.Fatal(err)
			}
		}
		got, ok := l.list()[c.feed]
		if ok != (c.want != nil) || ok && got != *c.want || passed != len(c.events) {
			t.Errorf("%s: %+v, %t; %d of %d events were handed on", c.name, got, ok, passed, len(c.events))
		}
	}
}
