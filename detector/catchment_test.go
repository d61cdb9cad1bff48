package detector

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

var (
	catchmentBegin = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	anycast        = netip.MustParsePrefix("192.0.2.0/24")
)

// clientele is an engine that is told who is served by which of three sites.
type clientele struct {
	*Engine
	registry *collector.Registry
	said     []Change
}

func newClientele(sites ...string) *clientele {
	c := &clientele{registry: collector.NewRegistry()}
	c.Engine = New(Options{Rules: clienteleRules(sites...), Emit: func(ch Change) { c.said = append(c.said, ch) }})
	return c
}

func clienteleRules(names ...string) *rules.Set {
	config := rules.Config{ASNs: []route.ASN{64500}, Thresholds: rules.Defaults(), Prefixes: []rules.Prefix{{Prefix: anycast, Origins: []route.ASN{64500}, Sites: names}}}
	config.Thresholds.Flap = rules.Flap{Alert: 1 << 30, Profiles: []rules.Dampening{{Name: "cisco", HalfLife: 15 * time.Minute, Suppress: 2000, Reuse: 750, MaxSuppress: time.Hour, Withdraw: 1000, Attribute: 500}}}
	for _, name := range names {
		community := siteCommunity(name)
		config.Sites = append(config.Sites, rules.Site{Name: name, Match: []rules.Matcher{{Community: &community}}})
	}
	return rules.New(config)
}

func siteCommunity(name string) route.Community {
	return route.Community(64500<<16 | uint32(slices.Index([]string{"", "ams", "nrt", "iad"}, name)))
}

// goes has a vantage shown a route of a site at a time after the beginning; "" is a route of no known site.
func (c *clientele) goes(after time.Duration, n int, site string) {
	v := c.registry.Register(collector.Vantage{Key: collector.Key{Source: "rislive", Router: "rrc01", Peer: netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)}), PeerAS: 64600}, Scope: collector.External})
	u := route.Update{Announced: []route.NLRI{{Prefix: anycast}}, Attrs: &route.Attrs{Path: route.SequencePath(64600, 64500)}}
	if site != "" {
		u.Attrs.Communities = []route.Community{siteCommunity(site)}
	}
	at := catchmentBegin.Add(after)
	c.Apply(collector.Event{Kind: collector.Routes, Time: at, Vantage: v, Updates: []route.Update{u}}, at)
}

func (c *clientele) catchment(t *testing.T) Catchment {
	t.Helper()
	all := c.Catchments()
	if len(all) != 1 {
		t.Fatalf("%d catchments", len(all))
	}
	return all[0]
}

// TestCatchmentFlips: who changed sites, how often, in which hour the most, and from where to where.
func TestCatchmentFlips(t *testing.T) {
	c := newClientele("ams", "nrt")
	c.goes(0, 1, "ams")
	c.goes(0, 2, "ams")
	c.goes(0, 3, "")
	for _, minute := range []int{10, 70, 80, 90} {
		site := "nrt"
		if minute == 70 || minute == 90 {
			site = "ams"
		}
		c.goes(time.Duration(minute)*time.Minute, 1, site)
	}
	c.goes(95*time.Minute, 3, "ams") // its site became known: that is a flow, but no flip
	c.Advance(catchmentBegin.Add(2 * time.Hour))
	x := c.catchment(t)
	if len(x.Flips) != 1 || x.Flips[0].Vantage.Peer.String() != "198.51.0.1" || x.Flips[0].Count != 4 || x.Flips[0].Worst != 3 || x.Flips[0].PerHour != 2 {
		t.Errorf("flips: %+v", x.Flips)
	}
	if want := []Flow{{"ams", "nrt", 2}, {"nrt", "ams", 2}, {"", "ams", 1}}; !slices.Equal(x.Flows, want) {
		t.Errorf("flows: %+v", x.Flows)
	}
	if len(x.Shares) != 6 || !slices.Equal(x.Shares[0].Sites, []int{2, 0}) || x.Shares[0].Unknown != 1 || !slices.Equal(x.Shares[5].Sites, []int{3, 0}) {
		t.Errorf("shares: %+v", x.Shares)
	}
	if !slices.Equal(x.Announcing, []string{"ams"}) || len(x.Served) != 3 || x.Served[0].Site != "ams" {
		t.Errorf("announcing %v, served %+v", x.Announcing, x.Served)
	}
}

// TestCatchmentBounded: whatever happens, what is kept of a prefix stays within its bounds, and the first share stays the first.
func TestCatchmentBounded(t *testing.T) {
	c := newClientele("ams", "nrt")
	c.rules.Catchment.Within = 24 * time.Hour // no move is forgotten for its age
	c.goes(0, 0, "ams")
	for i := range 3 * catchmentPoints {
		for n := range 3 {
			c.goes(time.Duration(i+1)*10*time.Second, n+1, []string{"ams", "nrt"}[i%2])
		}
	}
	c.Advance(c.Clock().Add(time.Hour))
	x := c.catchments.by[anycast]
	if len(x.history) > catchmentPoints || len(x.history) < catchmentPoints/4 || !x.history[0].at.Equal(catchmentBegin) {
		t.Errorf("%d points, the first at %v", len(x.history), x.history[0].at)
	}
	if len(x.moves) > catchmentMoves || len(x.moves) < catchmentMoves/2 || c.catchment(t).Flips[0].Count != 3*catchmentPoints-1 {
		t.Errorf("%d moves, flips %+v", len(x.moves), c.catchment(t).Flips)
	}
}

// TestCatchmentTwin compares the shift that is found by going back through the moves with one that keeps whole pictures of who was served by whom.
func TestCatchmentTwin(t *testing.T) {
	sites := []string{"ams", "nrt", "iad", ""}
	c := newClientele("ams", "nrt", "iad")
	random := uint32(7)
	next := func(n int) int {
		random = random*1664525 + 1013904223
		return int(random>>16) % n
	}
	type picture struct {
		at  time.Duration
		was map[int]string
	}
	var pictures []picture
	now := make(map[int]string)
	within := c.rules.Catchment.Within
	for step := range 400 {
		at := time.Duration(step) * time.Minute
		was := make(map[int]string)
		for n, s := range now {
			was[n] = s
		}
		pictures = append(pictures, picture{at, was})
		for range 1 + next(6) {
			n, s := next(30), sites[next(4)]
			now[n] = s
			c.goes(at, n, s)
		}
		c.Advance(catchmentBegin.Add(at + catchmentDelay))
		want := make(map[string]bool)
		for _, p := range pictures {
			if at+catchmentDelay-p.at > within {
				continue
			}
			for _, site := range sites[:3] {
				before, after, both, moved := 0, 0, 0, 0
				for n, s := range p.was {
					both++
					if s == site {
						before++
					}
					if now[n] == site {
						after++
					}
					if s != now[n] && (s == site || now[n] == site) {
						moved++
					}
				}
				if both*2 >= len(now) && moved >= 2 && 4*max(before-after, after-before) > both {
					want[site] = true
				}
			}
		}
		got := make(map[string]bool)
		for n := range c.catchments.by[anycast].told {
			got[sites[n]] = true
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("minute %d: told %v, the twin says %v", step, got, want)
		}
	}
	if len(c.said) < 10 {
		t.Errorf("only %d events: the test shows little", len(c.said))
	}
}

// TestAvailability: outages end when the site announces again, what nobody could know counts neither way, and a later beginning cuts all of it.
func TestAvailability(t *testing.T) {
	at := func(minutes int) time.Time { return catchmentBegin.Add(time.Duration(minutes) * time.Minute) }
	e := newClientele("ams").Engine
	e.Advance(at(0))
	x := e.presence.order[0]
	for _, s := range []struct {
		state  PlaceState
		minute int
	}{{PlaceAnnounced, 10}, {PlaceMissing, 20}, {PlaceUnknown, 25}, {PlaceMissing, 40}, {PlaceAnnounced, 50}, {PlaceDraining, 60}, {PlaceMissing, 70}} {
		x.enter(s.state, at(s.minute))
	}
	e.clock = at(100)
	a := e.Availability(time.Time{})[0]
	if a.Up != 30*time.Minute || a.Down != 45*time.Minute || a.Outages != 2 || a.Repaired != 1 || a.Repair != 15*time.Minute || len(a.Stints) != 7 {
		t.Errorf("all: %+v", a)
	}
	if a = e.Availability(at(55))[0]; a.Up != 15*time.Minute || a.Down != 30*time.Minute || a.Outages != 1 || a.Repaired != 0 {
		t.Errorf("since 55: %+v", a)
	}
	for i := range 2 * stintsKept {
		x.enter([]PlaceState{PlaceAnnounced, PlaceMissing}[i%2], at(100+i))
	}
	e.clock = at(100 + 2*stintsKept)
	a = e.Availability(time.Time{})[0]
	if a.Outages != 2+stintsKept || a.Up != time.Duration(30+stintsKept)*time.Minute || len(x.past.kept) > stintsKept {
		t.Errorf("folded: %d outages, up %v, %d kept", a.Outages, a.Up, len(x.past.kept))
	}
}
