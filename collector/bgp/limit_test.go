package bgp

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"

	"anywatch/collector"
	"anywatch/collector/route"
)

// The set against a map, with hashes that often collide.
func TestHashes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s hashes
	s.remove(7)
	oracle := make(map[uint64]bool)
	for range 200_000 {
		h := r.Uint64N(40)<<58 | r.Uint64N(40) // crowded: a few homes, and zero among them
		if r.IntN(2) == 0 {
			s.add(h)
			oracle[fix(h)] = true
		} else {
			s.remove(h)
			delete(oracle, fix(h))
		}
		if s.n != len(oracle) {
			t.Fatalf("%d in the set, want %d", s.n, len(oracle))
		}
	}
	for h := range oracle {
		if s.slots[s.find(h)] != h {
			t.Fatalf("%x is lost", h)
		}
	}
	used := 0
	for _, h := range s.slots {
		if h != 0 {
			used++
		}
	}
	if used != len(oracle) {
		t.Errorf("%d slots are used, want %d", used, len(oracle))
	}
}

func TestHashesAreSmall(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var s hashes
	for n := 1; n <= 1_000_000; n++ {
		s.add(r.Uint64())
		if n >= leastSlots && 8*len(s.slots) > 22*n {
			t.Fatalf("%d octets for %d hashes", 8*len(s.slots), n)
		}
	}
}

// TestCensus counts random UPDATEs, and compares with what the decoder reads in them.
func TestCensus(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, addPath := range []route.Family{0, route.IPv4, route.IPv4 | route.IPv6} {
		c := newCensus(1)
		oracle := make(map[route.NLRI]bool)
		for i := range 3000 {
			body := randomUpdate(t, r, addPath)
			class := route.Intact
			if i%10 == 9 {
				class = route.TreatAsWithdraw
			}
			c.update(body, addPath, class)
			d := route.Decode(body, route.Encoding{AddPath: addPath}, nil)
			if d.Class != route.Intact {
				t.Fatal(d.Err)
			}
			for _, u := range d.Updates {
				for _, n := range u.Withdrawn {
					delete(oracle, n)
				}
			}
			for _, u := range d.Updates {
				for _, n := range u.Announced {
					if oracle[n] = true; class == route.TreatAsWithdraw {
						delete(oracle, n)
					}
				}
			}
			if c.size() != len(oracle) {
				t.Fatalf("add-path %d, update %d: %d counted, want %d", addPath, i, c.size(), len(oracle))
			}
		}
		if len(oracle) < 100 {
			t.Fatalf("only %d routes", len(oracle))
		}
	}
}

// Bits behind the length of a prefix make no other route.
func TestCensusMasks(t *testing.T) {
	c := newCensus(1)
	for _, body := range [][]byte{
		{0, 0, 0, 0, 23, 10, 0, 0, 0}, {0, 0, 0, 0, 23, 10, 0, 1, 7, 10}, // 10.0.0.0/23 and 0.0.0.0/0; the second also 10.0.0.0/7
	} {
		c.update(body, 0, route.Intact)
	}
	if c.size() != 3 {
		t.Errorf("%d routes, want 3", c.size())
	}
	// 2001:db8::/33, /65 and /128, with what stands behind their length set and not.
	var b []byte
	for _, n := range []byte{33, 65, 128} {
		for _, fill := range []byte{0, 0x7F} {
			p := make([]byte, (n+7)/8)
			copy(p, []byte{0x20, 1, 0xd, 0xb8})
			if n < 128 {
				p[len(p)-1] = fill
			}
			b = append(append(b, n), p...)
		}
	}
	six := newCensus(1)
	six.walk(b, route.IPv6, 0, six.add)
	if six.size() != 3 {
		t.Errorf("%d IPv6 routes, want 3", six.size())
	}
}

// randomUpdate makes the body of an UPDATE that withdraws and announces a few routes of both families.
func randomUpdate(t *testing.T, r *rand.Rand, addPath route.Family) []byte {
	t.Helper()
	some4 := func() (list []*bgp.IPAddrPrefix) {
		for range r.IntN(6) {
			n := bgp.NewIPAddrPrefix(uint8(8+r.IntN(25)), netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(4)), byte(r.IntN(256))}).String())
			n.SetPathLocalIdentifier(uint32(r.IntN(3)))
			list = append(list, n)
		}
		return list
	}
	some6 := func() (list []bgp.AddrPrefixInterface) {
		for range r.IntN(6) {
			a := [16]byte{0x20, 1, 0xd, 0xb8, byte(r.IntN(4)), 15: byte(r.IntN(256))}
			n := bgp.NewIPv6AddrPrefix(uint8(r.IntN(129)), netip.AddrFrom16(a).String())
			n.SetPathLocalIdentifier(uint32(r.IntN(3)))
			list = append(list, n)
		}
		return list
	}
	attrs := []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), asPath(64501), bgp.NewPathAttributeNextHop("198.51.100.1")}
	if list := some6(); len(list) > 0 {
		attrs = append(attrs, bgp.NewPathAttributeMpReachNLRI("2001:db8::1", list))
	}
	if list := some6(); len(list) > 0 {
		attrs = append(attrs, bgp.NewPathAttributeMpUnreachNLRI(list))
	}
	modes := make(map[bgp.RouteFamily]bgp.BGPAddPathMode)
	if addPath&route.IPv4 != 0 {
		modes[bgp.RF_IPv4_UC] = bgp.BGP_ADD_PATH_BOTH
	}
	if addPath&route.IPv6 != 0 {
		modes[bgp.RF_IPv6_UC] = bgp.BGP_ADD_PATH_BOTH
	}
	m, err := bgp.NewBGPUpdateMessage(some4(), attrs, some4()).Serialize(&bgp.MarshallingOption{AddPath: modes})
	if err != nil {
		t.Fatal(err)
	}
	return m[headerLen:]
}

// many gives n prefixes of /32.
func many(n int) (list []string) {
	for i := range n {
		list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32).String())
	}
	return list
}

func withdraw(prefixes ...string) *bgp.BGPMessage {
	return bgp.NewBGPUpdateMessage(nlri(prefixes...), nil, nil)
}

// told checks the next PrefixLimit.
func (s *station) told(prefixes, limit int) {
	s.t.Helper()
	ev := s.wait(collector.PrefixLimit)
	if ev.Prefixes != prefixes || ev.Limit != limit || ev.Vantage == nil {
		s.t.Errorf("told of %d prefixes with a limit of %d, want %d and %d", ev.Prefixes, ev.Limit, prefixes, limit)
	}
}

// untold checks that none has come up to here.
func (s *station) untold(r *router) {
	s.t.Helper()
	r.send(withdraw("192.0.2.0/24")) // watched, and not counted
	for {
		switch ev := s.next(); ev.Kind {
		case collector.PrefixLimit:
			s.t.Fatalf("told of %d prefixes with a limit of %d", ev.Prefixes, ev.Limit)
		case collector.Routes:
			if routes(ev) == "-192.0.2.0/24" {
				return
			}
		}
	}
}

func TestMaxPrefixes(t *testing.T) {
	n := ibgp("127.0.11.70")
	n.MaxPrefixes = 100
	s := start(t, config(n))
	r := connect(t, "127.0.11.70", s.addr())
	r.establish(64500, mp4(), mp6())
	s.wait(collector.PeerUp)
	all := many(130)
	r.send(announce(nil, all[:100]...))
	r.send(announce([]uint32{64501}, all[:100]...)) // the same again
	s.untold(r)
	if !strings.Contains(s.logs.String(), "more than 75 %") {
		t.Errorf("the log does not say that the limit is near:\n%s", s.logs)
	}
	r.send(announce(nil, all[100]))
	s.told(101, 100)
	r.send(announce(nil, all[101:]...))
	r.send(withdraw(all[:39]...)) // 91 are left
	r.send(withdraw(all[:39]...))
	s.untold(r)
	r.send(withdraw(all[39]))
	s.told(90, 100)
	r.send(announce(nil, all...))
	s.told(130, 100)
	if list := s.source.Sessions(); !list[0].Established {
		t.Error("the session is gone")
	}
}

// Changing max_prefixes keeps the session; one that begins to count in the middle asks for the table.
func TestMaxPrefixesByReload(t *testing.T) {
	n := ibgp("127.0.11.71")
	s := start(t, config(n))
	limit := func(limit int) {
		t.Helper()
		n.MaxPrefixes = limit
		if err := s.source.Reload(config(n)); err != nil {
			t.Fatal(err)
		}
	}
	r := connect(t, "127.0.11.71", s.addr())
	r.establish(64500, mp4(), bgp.NewCapRouteRefresh())
	s.wait(collector.PeerUp)
	all := many(50)
	r.send(announce(nil, all...))
	s.untold(r)
	limit(10)
	if body := r.expect(typeRouteRefresh); string(body) != "\x00\x01\x00\x01" {
		t.Errorf("ROUTE-REFRESH %v", body)
	}
	r.send(announce(nil, all...))
	s.told(50, 10)
	limit(20) // another limit that is passed: told with the next message, whatever it is
	r.write(message(typeKeepalive))
	s.told(50, 20)
	limit(50)
	r.write(message(typeKeepalive))
	s.told(50, 50)
	limit(49)
	r.write(message(typeKeepalive))
	s.told(50, 49)
	limit(0)
	r.write(message(typeKeepalive))
	s.told(0, 0)
	s.untold(r)
	r.send(announce(nil, "192.0.2.0/24"))
	s.wait(collector.Routes)
}

// A peer that can't be asked for its table is counted from here on, and the log says so.
func TestMaxPrefixesWithoutRefresh(t *testing.T) {
	n := ibgp("127.0.11.72")
	s := start(t, config(n))
	r := connect(t, "127.0.11.72", s.addr())
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
	n.MaxPrefixes = 10
	if err := s.source.Reload(config(n)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.logs.String(), "is not counted until the session begins anew") {
		t.Errorf("the log:\n%s", s.logs)
	}
	r.send(announce(nil, many(11)...))
	s.told(11, 10)
}

// What a peer does not show again when it shows its table again is no longer counted. A session's count ends with it.
func TestMaxPrefixesAfterRefresh(t *testing.T) {
	n := Neighbor{Name: "all", Range: netip.MustParsePrefix("127.0.11.73/32"), MaxPrefixes: 10}
	s := start(t, config(n))
	r := s.up("127.0.11.73", enhanced...)
	r.send(announce(nil, many(20)...))
	s.told(20, 10)
	r.write(refreshMessage(1, refreshBegins, 1))
	r.send(announce(nil, many(6)...))
	s.untold(r)
	r.write(refreshMessage(1, refreshEnds, 1))
	s.told(6, 10)
	r.send(announce(nil, many(8)...))
	_ = r.Close()
	s.wait(collector.FeedLost)
	r = s.up("127.0.11.73", enhanced...)
	r.send(announce(nil, many(10)...))
	s.untold(r)
	r.send(announce(nil, many(11)...))
	s.told(11, 10)
}
