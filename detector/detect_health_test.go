package detector

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

var sitePrefix = netip.MustParsePrefix("192.0.2.0/24")

// siteRules watches so many prefixes at two sites, of which 64500:1 and 64500:2 are the communities.
func siteRules(prefixes ...netip.Prefix) *rules.Set {
	c := rules.Config{ASNs: []route.ASN{64500}, Thresholds: rules.Defaults()}
	for n, name := range []string{"ams", "nrt"} {
		community := route.Community(64500<<16 | uint32(n+1))
		c.Sites = append(c.Sites, rules.Site{Name: name, Match: []rules.Matcher{{Community: &community}}})
	}
	for _, p := range prefixes {
		c.Prefixes = append(c.Prefixes, rules.Prefix{Prefix: p, Origins: []route.ASN{64500}, Sites: []string{"ams", "nrt"}})
	}
	return rules.New(c)
}

func siteAttrs(site int, drains bool) *route.Attrs {
	a := &route.Attrs{Communities: []route.Community{route.Community(64500<<16 | uint32(site+1))}}
	if drains {
		a.Communities = append(a.Communities, route.GracefulShutdown)
	}
	return a
}

// expected is what must be open of one site with one prefix, told by what is known when all has settled; what was open stays where nobody can tell.
func expected(h HealthState, p PlaceState, drained, unhealthy, withdrawn bool) (bool, bool) {
	switch {
	case h == HealthDown && p.announcing():
		unhealthy = true
	case h == HealthUp, h == HealthUnchecked, p == PlaceMissing:
		unhealthy = false
	}
	switch {
	case h == HealthUp && p == PlaceMissing && !drained:
		withdrawn = true
	case h == HealthDown, h == HealthUnchecked, p.announcing():
		withdrawn = false
	}
	return unhealthy, withdrawn
}

// TestHealthModel compares random histories of services and routing with the plain table above.
func TestHealthModel(t *testing.T) {
	seen := make(map[string]int)
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		e := New(Options{Rules: siteRules(sitePrefix), Emit: func(c Change) { seen[string(c.Incident.Kind)+" "+c.Incident.Severity.String()]++ }})
		v := collector.NewRegistry().Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: "r"}, Local: 64500, AllPaths: true})
		var unhealthy, withdrawn [2]bool
		now := begin
		for step := range 150 {
			what := siteStep(e, r, v, now)
			now = now.Add(2 * time.Minute) // everything that was begun is over by then
			e.Advance(now)
			states, open := stand(e)
			for n, name := range []string{"ams", "nrt"} {
				s := states[n]
				unhealthy[n], withdrawn[n] = expected(s.health, s.place, s.drained, unhealthy[n], withdrawn[n])
				if open[name+" "+string(AnnouncedUnhealthy)] != unhealthy[n] || open[name+" "+string(HealthyWithdrawn)] != withdrawn[n] {
					t.Fatalf("seed %d, step %d, %s: %s is %s and %s; open: %v, want unhealthy %v, withdrawn %v", seed, step, what, name, s.health, s.place, open, unhealthy[n], withdrawn[n])
				}
			}
		}
	}
	for _, kind := range []string{"announced-unhealthy critical", "announced-unhealthy info", "healthy-withdrawn warning"} {
		if seen[kind] < 20 {
			t.Errorf("%s came %d times: the histories show too little", kind, seen[kind])
		}
	}
}

type siteState struct {
	health HealthState
	place  PlaceState
	// drained says that a missing site had said before that it would go.
	drained bool
}

// stand gives what the engine shows of both sites, and which incidents are open.
func stand(e *Engine) (states [2]siteState, open map[string]bool) {
	for n, p := range e.Sites() {
		states[n].place, states[n].drained = p.State, e.presence.order[n].drained
	}
	for _, h := range e.Health() {
		states[e.rules.SiteNumber(h.Site)].health = h.State
	}
	open = make(map[string]bool)
	for _, i := range e.Open() {
		if i.Kind == AnnouncedUnhealthy || i.Kind == HealthyWithdrawn {
			open[*i.Site+" "+string(i.Kind)] = true
		}
	}
	return states, open
}

// siteStep lets something happen to a service, a route or the session, and says what.
func siteStep(e *Engine, r *rand.Rand, v *collector.Vantage, now time.Time) string {
	site := r.IntN(2)
	n := route.NLRI{Prefix: sitePrefix, PathID: uint32(site + 1)}
	ev := collector.Event{Kind: collector.Routes, Time: now, Vantage: v}
	switch k := r.IntN(10); {
	case k < 4:
		h := Health{Site: []string{"ams", "nrt"}[site], State: HealthState(r.IntN(4)), Since: now, Check: "tcp"}
		e.SetHealth(h, now)
		return fmt.Sprintf("%s turns %s", h.Site, h.State)
	case k < 6:
		ev.Updates = []route.Update{{Announced: []route.NLRI{n}, Attrs: siteAttrs(site, r.IntN(3) == 0)}}
	case k < 8:
		ev.Updates = []route.Update{{Withdrawn: []route.NLRI{n}}}
	case k == 8:
		ev.Kind = collector.FeedLost
	default:
		e.Apply(collector.Event{Kind: collector.PeerUp, Time: now, Vantage: v}, now)
		ev.Kind = collector.Synchronised
	}
	e.Apply(ev, now)
	return fmt.Sprintf("event %d at site %d", ev.Kind, site)
}

// A site with many prefixes is one incident, of bounded size, told once although the prefixes come one by one.
func TestHealthManyPrefixes(t *testing.T) {
	var prefixes []netip.Prefix
	for n := range 200 {
		prefixes = append(prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(n), 0}), 24))
	}
	var got []Change
	e := New(Options{Rules: siteRules(prefixes...), Emit: func(c Change) {
		if c.Incident.Kind == AnnouncedUnhealthy {
			got = append(got, c)
		}
	}})
	v := collector.NewRegistry().Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: "r"}, Local: 64500, AllPaths: true})
	e.SetHealth(Health{Site: "ams", State: HealthDown, Since: begin.Add(-time.Hour), Check: "tcp ams:53", Reason: "refused"}, begin)
	for n, p := range prefixes {
		at := begin.Add(time.Duration(n) * time.Millisecond)
		e.Apply(collector.Event{Kind: collector.Routes, Time: at, Vantage: v, Updates: []route.Update{{Announced: []route.NLRI{{Prefix: p}}, Attrs: siteAttrs(0, false)}}}, at)
	}
	e.Advance(begin.Add(time.Minute))
	if len(got) != 1 {
		t.Fatalf("%d changes, want 1", len(got))
	}
	i := got[0].Incident
	if len(i.Prefixes) != len(prefixes) || len(i.Evidence) != evidenceShown || len(i.Why) > evidenceShown+3 || !strings.Contains(i.Summary, "and 197 more") {
		t.Errorf("%d prefixes, %d pieces of evidence, %d facts: %s", len(i.Prefixes), len(i.Evidence), len(i.Why), i.Summary)
	}
	if !i.Started.Equal(begin) {
		t.Errorf("started at %s: it was down before, and announces since %s", i.Started, begin)
	}
}

// What is told of a site that isn't there is passed over, and forgotten with the site.
func TestHealthOfNoSite(t *testing.T) {
	e := New(Options{Rules: siteRules(sitePrefix), Emit: func(Change) {}})
	e.SetHealth(Health{Site: "fra", State: HealthDown}, begin)
	if h := e.Health(); len(h) != 0 {
		t.Errorf("%v", h)
	}
	e.SetHealth(Health{Site: "nrt", State: HealthUp, Since: begin.Add(time.Hour)}, begin)
	if h := e.Health(); len(h) != 1 || !h[0].Since.Equal(begin) {
		t.Errorf("a service is up since later than now: %v", h)
	}
	e.SetRules(rules.New(rules.Config{Thresholds: rules.Defaults()}), begin)
	if h := e.Health(); len(h) != 0 {
		t.Errorf("after its site was taken out: %v", h)
	}
}
