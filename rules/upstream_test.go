package rules

import (
	"net/netip"
	"regexp"
	"testing"

	"anywatch/collector/route"
)

func TestUpstreams(t *testing.T) {
	p := Prefix{
		Prefix: netip.MustParsePrefix("192.0.2.0/24"), Origins: []route.ASN{64500, 64501, 64502}, Upstreams: []route.ASN{1299, 2914},
		OriginUpstreams: map[route.ASN][]route.ASN{64501: {3356}, 64502: nil},
	}
	for _, c := range []struct {
		origin, upstream route.ASN
		want             bool
	}{{64500, 1299, true}, {64500, 3356, false}, {64501, 3356, true}, {64501, 1299, false}, {64502, 174, true}} {
		if p.Upstream(c.origin, c.upstream) != c.want {
			t.Errorf("%v next to %v: not %v", c.upstream, c.origin, c.want)
		}
	}
	if !new(Prefix).Upstream(64500, 174) {
		t.Error("without upstreams, not any AS may stand there")
	}
	if got := p.UpstreamList(64500) + ", " + p.UpstreamList(64502); got != "AS1299 or AS2914, any AS" {
		t.Error(got)
	}
}

func TestNamedASes(t *testing.T) {
	s := New(Config{
		ASNs: []route.ASN{1}, Neighbors: []route.ASN{2},
		Prefixes:  []Prefix{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Origins: []route.ASN{3}, Upstreams: []route.ASN{4}, OriginUpstreams: map[route.ASN][]route.ASN{5: {6}}}},
		PeerLocks: []PeerLock{{ASN: 7, From: []route.ASN{8}}},
		Sites:     []Site{{Name: "ams", Match: []Matcher{{ASPath: regexp.MustCompile(`(^| )9 10$`)}}}},
	})
	for a := route.ASN(1); a <= 11; a++ {
		if s.Listed(a) != (a <= 10) || s.Carrier(a) != (a == 4 || a == 6) {
			t.Errorf("%v: listed %v, an upstream %v", a, s.Listed(a), s.Carrier(a))
		}
	}
	if len(s.Locks()) != 1 {
		t.Error("the lock is lost")
	}
}
