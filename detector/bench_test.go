package detector

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

// BenchmarkEngine applies changes of watched routes: a thousand prefixes at fifty sites, five hundred vantages outside and one reflector inside. Each
// change moves a route to another site, so that everything that is derived from it moves too.
func BenchmarkEngine(b *testing.B) {
	cfg := rules.Config{ASNs: []route.ASN{64500}, Thresholds: rules.Defaults()}
	cfg.Thresholds.Flap = rules.Flap{Alert: 3000, Profiles: []rules.Dampening{cisco, cisco, cisco}}
	var names []string
	for i := range 50 {
		c := route.Community(64500<<16 | 100 + i)
		names = append(names, fmt.Sprintf("site%d", i))
		cfg.Sites = append(cfg.Sites, rules.Site{Name: names[i], Match: []rules.Matcher{{Community: &c}}})
	}
	for i := range 1000 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
		cfg.Prefixes = append(cfg.Prefixes, rules.Prefix{Prefix: p, Origins: cfg.ASNs, Sites: names, MinSites: 2})
	}
	e := New(Options{Rules: rules.New(cfg), Emit: func(Change) {}})
	reg := collector.NewRegistry()
	var vantages []*collector.Vantage
	for i := range 501 {
		v := collector.Vantage{Key: collector.Key{Source: "rislive", Router: "rrc00", Peer: netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}), PeerAS: route.ASN(64600 + i)}, Scope: collector.External}
		if i == 500 {
			v = collector.Vantage{Key: collector.Key{Source: "bgp", Router: "rr1"}, AllPaths: true, Local: 64500}
		}
		vantages = append(vantages, reg.Register(v))
	}
	now := begin
	round := 0
	tell := func(i int) {
		round++
		v, p := vantages[i%501], cfg.Prefixes[i/501%1000].Prefix
		a := &route.Attrs{Path: route.SequencePath(v.PeerAS, 64500), Communities: []route.Community{route.Community(64500<<16 | 100 + round*7%47)}}
		e.Apply(collector.Event{Kind: collector.Routes, Time: now, Vantage: v, Updates: []route.Update{{Announced: []route.NLRI{{Prefix: p}}, Attrs: a}}}, now)
		now = now.Add(100 * time.Microsecond)
	}
	for i := range 501 * 100 {
		tell(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tell(i % (501 * 100))
	}
}
