package detector

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

// TestShowings holds what is counted as routes come and go against what a walk over all routes says, on random histories of four vantages at three
// sites, two of which send Add-Path.
func TestShowings(t *testing.T) {
	shown := 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		e := New(Options{Rules: sitedRules(3), Emit: func(Change) {}})
		reg := collector.NewRegistry()
		now := begin
		for range 300 {
			now = now.Add(time.Duration(r.IntN(15_000)) * time.Millisecond)
			n := r.IntN(4)
			v := reg.Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: fmt.Sprintf("r%d", n)}, Local: 64500, AllPaths: n < 2, Scope: collector.Scope(n / 2)})
			if r.IntN(40) == 0 {
				e.SetRules(sitedRules(2+r.IntN(2)), now)
				continue
			}
			e.Apply(sitedEvent(r, v, now), now)
			for _, c := range e.presence.order {
				shown += checkShowings(t, e, c)
			}
		}
	}
	if shown == 0 {
		t.Error("no route was ever of a site")
	}
}

func sitedRules(n int) *rules.Set {
	cfg := rules.Config{ASNs: []route.ASN{64500}, Thresholds: rules.Defaults()}
	var names []string
	for i := range n {
		c := route.Community(64500<<16 | 101 + i)
		names = append(names, fmt.Sprintf("site%d", i))
		cfg.Sites = append(cfg.Sites, rules.Site{Name: names[i], Match: []rules.Matcher{{Community: &c}}})
	}
	cfg.Prefixes = []rules.Prefix{{Prefix: testRules().Prefixes()[0].Prefix, Origins: cfg.ASNs, Sites: names, MinSites: 1}}
	cfg.Thresholds.Flap = rules.Flap{Alert: 3000, Profiles: []rules.Dampening{cisco}}
	return rules.New(cfg)
}

func sitedEvent(r *rand.Rand, v *collector.Vantage, now time.Time) collector.Event {
	ev := randomEvent(r, v, now)
	n := route.NLRI{Prefix: testRules().Prefixes()[0].Prefix}
	if v.AllPaths {
		n.PathID = uint32(r.IntN(3))
	}
	for i := range ev.Updates {
		u := &ev.Updates[i]
		if len(u.Withdrawn) > 0 {
			u.Withdrawn = []route.NLRI{n}
			continue
		}
		u.Announced = []route.NLRI{n}
		u.Attrs.Communities = []route.Community{route.Community(64500<<16 | 101 + r.IntN(4))}
		if r.IntN(3) == 0 {
			u.Attrs.Communities = append(u.Attrs.Communities, route.GracefulShutdown)
		}
	}
	return ev
}

// checkShowings walks over all routes that there are, and gives how many are of the cell.
func checkShowings(t *testing.T, e *Engine, c *cell) (n int) {
	t.Helper()
	live, draining := 0, 0
	var first *Route // by the number of its vantage, then by its identifier
	var by collector.VantageID
	for _, w := range e.rib.order {
		for _, r := range w.sorted() {
			if r.cell != c {
				continue
			}
			n++
			if r.Stale {
				continue
			}
			if live++; e.rules.Sites()[c.site].Draining(r.Attrs) {
				draining++
			}
			if first == nil || w.v.ID < by {
				first, by = r, w.v.ID
			}
		}
	}
	got := c.routes
	if len(got.list) != n || got.live != live || got.draining != draining {
		t.Fatalf("counted %d routes, %d live, %d draining; there are %d, %d, %d", len(got.list), got.live, got.draining, n, live, draining)
	}
	if s := got.speaker(); s != first {
		t.Fatalf("the speaker is %v, should be %v", s, first)
	}
	for i := 1; i < len(got.list); i++ {
		a, b := got.list[i-1], got.list[i]
		if a.by.v.ID > b.by.v.ID || a.by.v.ID == b.by.v.ID && a.route.PathID >= b.route.PathID {
			t.Fatalf("out of order: %v before %v", a.route.NLRI, b.route.NLRI)
		}
	}
	return n
}
