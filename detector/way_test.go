package detector

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

// TestWay: the way of a route begins at its origin, has each run of one AS once, leaves confederations out, and knows where sets stand.
func TestWay(t *testing.T) {
	for _, x := range []struct {
		path string
		want []route.ASN
		sets map[int][]route.ASN
	}{
		{"", nil, nil},
		{"64500", []route.ASN{64500}, nil},
		{"3356 1299 1299 64500 64500", []route.ASN{64500, 1299, 3356}, nil},
		{"3356 64500 3356 64500", []route.ASN{64500, 3356, 64500, 3356}, nil},
		{"(65001 65002) 3356 64500", []route.ASN{64500, 3356}, nil},
		{"[65001,65002] 64500", []route.ASN{64500}, nil},
		{"3356 64500 (65001)", nil, nil},
		{"3356 {2914,1299} 64500", []route.ASN{64500, 1299, 3356}, map[int][]route.ASN{1: {2914, 1299}}},
		{"3356 {1299} 1299 64500", []route.ASN{64500, 1299, 1299, 3356}, map[int][]route.ASN{2: {1299}}},
		{"3356 1299 {64500,64501}", []route.ASN{64500, 1299, 3356}, map[int][]route.ASN{0: {64500, 64501}}},
	} {
		p, err := route.ParsePath(x.path)
		if err != nil {
			t.Fatalf("%s: %v", x.path, err)
		}
		var w way
		w.take(p)
		if !slices.Equal(w.asns, x.want) {
			t.Errorf("%s: got %v, want %v", x.path, w.asns, x.want)
			continue
		}
		for i, as := range w.asns {
			want := []route.ASN{as}
			if x.sets[i] != nil {
				want = x.sets[i]
			}
			if got := w.at(i); !slices.Equal(got, want) {
				t.Errorf("%s: at %d stands %v, want %v", x.path, i, got, want)
			}
		}
	}
}

// TestWayLong: a path longer than the room for it, and one with empty segments, are read like others.
func TestWayLong(t *testing.T) {
	var asns []route.ASN
	for i := range 255 {
		asns = append(asns, route.ASN(1000+i))
	}
	var w way
	w.take(route.Path{{Kind: route.Sequence}, {Kind: route.Sequence, ASNs: asns}, {Kind: route.Set}, {Kind: route.Sequence, ASNs: asns[:200]}})
	if len(w.asns) != 455 || w.asns[0] != 1199 || w.asns[200] != 1254 || len(w.sets) != 0 {
		t.Errorf("%d ASes, from %v, %d sets", len(w.asns), w.asns[:1], len(w.sets))
	}
}

// TestJudgeAllocates nothing about a route that is as it should be: nobody reads why.
func TestJudgeAllocates(t *testing.T) {
	set := pathRules()
	v := &collector.Vantage{Key: collector.Key{Source: "rislive", PeerAS: 3356}, Scope: collector.External, Local: 3356}
	for _, x := range []struct{ prefix, path string }{{"192.0.2.0/24", "3356 1299 64500 64500"}, {"198.51.100.0/24", "3356 701 64502"}} {
		path, err := route.ParsePath(x.path)
		if err != nil {
			t.Fatal(err)
		}
		a, p := &route.Attrs{Path: path}, netip.MustParsePrefix(x.prefix)
		c := new(Case)
		if n := testing.AllocsPerRun(100, func() {
			c.prepare(set, nil, v, p, a)
			if f := c.Judge(); len(f) > 0 {
				t.Fatalf("found %v", f)
			}
		}); n > 0 {
			t.Errorf("%s along %s: %v allocations", x.prefix, x.path, n)
		}
	}
}

// TestOneCauseOneKind: what one kind says of a path, the others leave alone. No path that can be put together of our ASes, upstreams, strangers and
// numbers that nobody has makes two kinds accuse the same AS, nor our own of what only others can do.
func TestOneCauseOneKind(t *testing.T) {
	parts := []route.ASN{64500, 64502, 1299, 2914, 3356, 0, 65535, 64512}
	set := pathRules()
	peer := &collector.Vantage{Key: collector.Key{Source: "rislive", PeerAS: 3356}, Scope: collector.External, Local: 3356}
	customer := &collector.Vantage{Key: collector.Key{Source: "bgp", PeerAS: 3356}, Scope: collector.External, Local: 3356, Role: collector.Customer}
	found := make(map[Kind]int)
	var build func(p []route.ASN)
	build = func(p []route.ASN) {
		if len(p) > 0 {
			path := route.SequencePath(append(slices.Clone(p), 64500)...)
			accuse(t, set, peer, &route.Attrs{Path: path}, found)
			accuse(t, set, customer, &route.Attrs{Path: path, HasOTC: true, OTC: 1299}, found)
		}
		if len(p) < 4 {
			for _, as := range parts {
				build(append(slices.Clone(p), as))
			}
		}
	}
	build(nil)
	if found[UnexpectedUpstream] == 0 || found[ForgedPath] == 0 || found[RouteLeak] == 0 {
		t.Errorf("found %v", found)
	}
}

func accuse(t *testing.T, set *rules.Set, v *collector.Vantage, a *route.Attrs, found map[Kind]int) {
	t.Helper()
	accused := make(map[route.ASN]Kind)
	for _, f := range NewCase(set, nil, v, netip.MustParsePrefix("192.0.2.0/24"), a).Judge() {
		found[f.Kind]++
		if was, twice := accused[f.AS]; twice {
			t.Fatalf("%v: both %s and %s accuse %s", a.Path, was, f.Kind, f.AS)
		}
		accused[f.AS] = f.Kind
		if f.Offender != 0 && set.Ours(f.Offender) {
			t.Fatalf("%v: %s accuses our own %s", a.Path, f.Kind, f.Offender)
		}
	}
}

// TestForeignBounded: of what leaks through us a vantage's part is kept, and no more; when it is withdrawn, nothing is left. That holds also when the
// same routes come and go, and when another configuration watches some of them in between.
func TestForeignBounded(t *testing.T) {
	w := newWorld(t, pathRules())
	prefix := func(i int) string {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 0}), 24).String()
	}
	for range 2 {
		for i := range 3 * foreignKept {
			w.says(prefix(i), "6939 1299 64500 2914 701")
			w.says(prefix(i), "174 1299 64500 2914 701")
		}
		w.kept(foreignKept)
		if c := w.last[RouteLeak]; c.Event == Resolved || c.Incident.Key != "route-leak||64500||AS1299 and AS2914" {
			t.Fatalf("told %+v", c)
		}
		w.e.SetRules(watching(prefix(1), prefix(3*foreignKept-1)), w.now)
		w.e.SetRules(pathRules(), w.now)
		for i := range 3 * foreignKept {
			w.withdraws(6939, prefix(i))
			w.withdraws(174, prefix(i))
		}
		w.kept(0)
		w.after(5 * time.Minute)
		w.e.Advance(w.now)
		if c := w.last[RouteLeak]; c.Event != Resolved {
			t.Fatalf("told %+v", c)
		}
	}
	if n := len(w.e.Open()); n != 0 {
		t.Errorf("%d incidents are open", n)
	}
}

// kept checks how many routes each vantage holds, and that they are counted right.
func (w *world) kept(n int) {
	w.t.Helper()
	for _, v := range w.e.rib.order {
		if len(v.routes) != n || v.foreign != n {
			w.t.Fatalf("%s holds %d routes, %d are counted, want %d", v.v.Name(), len(v.routes), v.foreign, n)
		}
	}
}

// watching are pathRules with more prefixes, of which anybody may be the origin.
func watching(more ...string) *rules.Set {
	cfg := rules.Config{ASNs: []route.ASN{64500, 64502}, Thresholds: rules.Defaults(), Prefixes: []rules.Prefix{
		{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Origins: []route.ASN{64500}, Upstreams: []route.ASN{1299, 2914}}}}
	for _, p := range more {
		cfg.Prefixes = append(cfg.Prefixes, rules.Prefix{Prefix: netip.MustParsePrefix(p), AnyOrigin: true})
	}
	return rules.New(cfg)
}
