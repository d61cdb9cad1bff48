package bmp

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/packet/bmp"

	"anywatch/collector"
	"anywatch/collector/route"
)

func TestOnePeerFromUpToDown(t *testing.T) {
	s, events := replay(t)
	feed(t, s, initiate(t, "r1"), up(t, header(), openMessage(64500, mp4, mp6), openMessage(64999, mp4)))
	expect(t, events, "") // a vantage begins with its first route
	feed(t, s,
		monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24", "198.51.100.0/24")),
		monitoring(t, header(), announce([]uint32{64999}, "10.0.0.0/8")),
		monitoring(t, header(), endMarker()),
		monitoring(t, header(), withdraw("192.0.2.0/24")))
	up := (*events)[0]
	if v := up.Vantage; v.Local != 64500 || v.Scope != collector.External || v.AllPaths || v.PeerAS != 64999 || up.Family != route.IPv4 {
		t.Errorf("vantage %+v, families %d", *v, up.Family)
	}
	expect(t, events,
		"peer-up bmp:r1/10.9.0.1/pre",
		"routes bmp:r1/10.9.0.1/pre +192.0.2.0/24[64999] +198.51.100.0/24[64999]",
		"end-of-rib bmp:r1/10.9.0.1/pre 1",
		"routes bmp:r1/10.9.0.1/pre -192.0.2.0/24")
	feed(t, s, down(t, header(), 3))
	if ev := (*events)[0]; ev.Reason != "the peer closed the session with NOTIFICATION 6/2 (administrative shutdown)" {
		t.Errorf("reason %q", ev.Reason)
	}
	expect(t, events, "peer-down bmp:r1/10.9.0.1/pre")
	want := collector.Tally{Messages: 7, Updates: 4, Prefixes: 4, Matched: 2, Skipped: 2}
	if got := s.Tally(); got != want {
		t.Errorf("tally %+v, want %+v", got, want)
	}
}

func TestPeerDownEndsExactlyThatPeer(t *testing.T) {
	s, events := stream(t, StreamConfig{ASNs: []route.ASN{64500}, VRFs: []string{"64500:1"}, Replay: true})
	mine := header()
	sameAddress := header()
	sameAddress.PeerBGPID = netip.MustParseAddr("10.9.0.7").AsSlice()
	others := []bmp.BMPPeerHeader{header(peerIs("10.9.0.2")), header(asn(64998)), header(rd(64500<<32 | 1)), header(peerIs("2001:db8::1")), locRIB(64500), sameAddress}
	feed(t, s, initiate(t, "r1"))
	for _, h := range append(others, mine, header(flags(flagPost)), header(flags(flagAdjOut))) {
		feed(t, s, monitoring(t, h, announce([]uint32{64999}, "192.0.2.0/24")))
	}
	*events = nil
	feed(t, s, down(t, mine, 4), down(t, header(peerIs("10.9.9.9")), 4), down(t, mine, 4))
	expect(t, events, "peer-down bmp:r1/10.9.0.1/pre", "peer-down bmp:r1/10.9.0.1/post", "peer-down bmp:r1/10.9.0.1/out-pre")
	if err := s.Lost(context.Background(), arrival, "gone"); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "feed-lost bmp:r1/10.9.0.2/pre", "feed-lost bmp:r1/10.9.0.1/pre", "feed-lost bmp:r1/10.9.0.1/64500:1/pre",
		"feed-lost bmp:r1/2001:db8::1/pre", "feed-lost bmp:r1/loc-rib", "feed-lost bmp:r1/10.9.0.1/pre")
}

// The end of a Loc-RIB takes nothing away from the peers, nor from the Loc-RIB of a VRF.
func TestPeerDownOfALocRIBEndsOnlyThat(t *testing.T) {
	s, events := stream(t, StreamConfig{ASNs: []route.ASN{64500}, VRFs: []string{"64500:1"}, Replay: true})
	vrf := locRIB(64500)
	vrf.PeerDistinguisher = 64500<<32 | 1
	feed(t, s, initiate(t, "r1"))
	for _, h := range []bmp.BMPPeerHeader{locRIB(64500), vrf, header(), header(flags(flagPost))} {
		feed(t, s, monitoring(t, h, announce([]uint32{64999}, "192.0.2.0/24")))
	}
	*events = nil
	feed(t, s, down(t, locRIB(64500), 6))
	expect(t, events, "peer-down bmp:r1/loc-rib")
	feed(t, s, down(t, vrf, 6))
	expect(t, events, "peer-down bmp:r1/64500:1/loc-rib")
	_, _, left := s.Peers()
	if len(left) != 1 || left[0].Peer.String() != "10.9.0.1" {
		t.Errorf("left: %+v", left)
	}
}

func TestViewsAndScopes(t *testing.T) {
	for _, c := range []struct {
		header bmp.BMPPeerHeader
		view   collector.View
		scope  collector.Scope
	}{
		{header(), collector.AdjInPre, collector.External},
		{header(flags(flagPost)), collector.AdjInPost, collector.External},
		{header(flags(flagAdjOut)), collector.AdjOutPre, collector.Internal},
		{header(flags(flagAdjOut | flagPost)), collector.AdjOutPost, collector.Internal},
		{header(asn(64500)), collector.AdjInPre, collector.Internal},
		{header(asn(0)), collector.AdjInPre, collector.Internal},
		{locRIB(64500), collector.LocRIB, collector.Internal},
		{*bmp.NewBMPPeerHeader(3, flagIPv6|flagPost, 0, "0.0.0.0", 64500, "10.0.0.1", stamp), collector.LocRIB, collector.Internal},
	} {
		s, events := replay(t)
		feed(t, s, monitoring(t, c.header, announce([]uint32{64999}, "192.0.2.0/24")))
		if v := (*events)[0].Vantage; v.View != c.view || v.Scope != c.scope {
			t.Errorf("%+v: view %v, scope %v; want %v, %v", c.header, v.View, v.Scope, c.view, c.scope)
		}
		if v := (*events)[0].Vantage; v.View == collector.LocRIB && v.Peer.String() != "0.0.0.0" {
			t.Errorf("the filtered Loc-RIB has the address %v, and so is another than the whole one", v.Peer)
		}
	}
}

func TestAddPathByDirection(t *testing.T) {
	sends, receives := addPath(bgp.RF_IPv4_UC, bgp.BGP_ADD_PATH_SEND), addPath(bgp.RF_IPv4_UC, bgp.BGP_ADD_PATH_RECEIVE)
	both := addPath(bgp.RF_IPv4_UC, bgp.BGP_ADD_PATH_BOTH)
	for _, c := range []struct {
		name           string
		sent, received []capability
		header         bmp.BMPPeerHeader
		paths          bool
	}{
		{"in: the peer sends, the router receives", []capability{mp4, receives}, []capability{mp4, sends}, header(), true},
		{"in: only the router sends", []capability{mp4, sends}, []capability{mp4, receives}, header(), false},
		{"out: the router sends, the peer receives", []capability{mp4, sends}, []capability{mp4, receives}, header(flags(flagAdjOut)), true},
		{"out: only the peer sends", []capability{mp4, receives}, []capability{mp4, sends}, header(flags(flagAdjOut)), false},
		{"one end can't", []capability{mp4, both}, []capability{mp4}, header(), false},
		{"Loc-RIB", []capability{mp4, sends}, []capability{mp4, sends}, locRIB(64500), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, events := replay(t)
			feed(t, s, up(t, c.header, openMessage(64500, c.sent...), openMessage(64999, c.received...)))
			m, want, options := announce([]uint32{64999}, "192.0.2.0/24"), "192.0.2.0/24[64999]", []*bgp.MarshallingOption(nil)
			if c.paths {
				m, want, options = withPath(m, 7), "192.0.2.0/24#7[64999]", []*bgp.MarshallingOption{pathIDs}
			}
			feed(t, s, monitoring(t, c.header, m, options...))
			if got := story(*events); !strings.Contains(got, "+"+want) || (*events)[0].Vantage.AllPaths != c.paths {
				t.Errorf("got %s; all paths: %v", got, (*events)[0].Vantage.AllPaths)
			}
			if n := s.Tally().Redecoded; n != 0 {
				t.Errorf("%d were redecoded", n)
			}
		})
	}
}

func TestPeerUpAgainBeginsAnew(t *testing.T) {
	s, events := replay(t)
	open := func(list ...capability) []byte {
		return up(t, header(), openMessage(64500, append(list, mp4)...), openMessage(64999, append(list, mp4)...))
	}
	feed(t, s, open(), monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")))
	*events = nil
	feed(t, s, open(addPath(bgp.RF_IPv4_UC, bgp.BGP_ADD_PATH_BOTH)),
		monitoring(t, header(), withPath(announce([]uint32{64999}, "192.0.2.0/24"), 3), pathIDs))
	if !(*events)[1].Vantage.AllPaths {
		t.Error("the new session's Add-Path is not told")
	}
	expect(t, events, "peer-up bmp:AS64999/10.9.0.1/pre", "routes bmp:AS64999/10.9.0.1/pre +192.0.2.0/24#3[64999]")
}

func TestVRFs(t *testing.T) {
	blue := header(rd(64500<<32 | 1))
	named := locRIB(64500)
	table := append(up(t, named, openMessage(64500, mp4), openMessage(64500, mp4)), 0, 3, 0, 4, 'b', 'l', 'u', 'e')
	table[4] += 8 // the length of the message
	m := announce([]uint32{64999}, "192.0.2.0/24")
	for _, c := range []struct {
		name    string
		vrfs    []string
		matched uint64
	}{
		{"none watched", nil, 0}, {"by distinguisher", []string{"64500:1"}, 1}, {"by name", []string{"blue"}, 1}, {"both", []string{"blue", "64500:1"}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, events := stream(t, StreamConfig{ASNs: []route.ASN{64500}, VRFs: c.vrfs, Replay: true})
			feed(t, s, monitoring(t, blue, m), table, monitoring(t, named, m), monitoring(t, blue, endMarker()))
			tally := s.Tally()
			if tally.Matched != c.matched || tally.Updates != 3 || tally.Prefixes != 2 || tally.Malformed != 0 {
				t.Errorf("tally %+v, want %d matched of 3", tally, c.matched)
			}
			if c.matched == 0 && len(*events) > 0 {
				t.Errorf("events:\n%s", story(*events))
			}
		})
	}
}

func TestRouteDistinguishers(t *testing.T) {
	for text, want := range map[string][]uint64{
		"64500:1": {64500<<32 | 1, 2<<48 | 64500<<16 | 1}, "10.0.0.1:7": {1<<48 | 0x0A000001<<16 | 7}, "4200000000:9": {2<<48 | 4200000000<<16 | 9},
		"64500:70000": {64500<<32 | 70000}, "blue": nil, "a:b": nil, "10.0.0.1:70000": nil,
	} {
		got := parseRD(text)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %x, want %x", text, got, want)
		}
		for _, n := range got {
			if back := collector.RDString(n); back != text {
				t.Errorf("%s reads back as %s", text, back)
			}
		}
	}
}

func TestTimes(t *testing.T) {
	live := StreamConfig{ASNs: []route.ASN{64500}}
	file := live
	file.Replay = true
	sent := time.Unix(int64(stamp), 0).UTC()
	for _, c := range []struct {
		name   string
		cfg    StreamConfig
		stamps []float64
		want   time.Time
	}{
		{"live, near", live, []float64{stamp}, sent},
		{"live, zero", live, []float64{0}, arrival},
		{"live, two hours ago", live, []float64{stamp - 7200}, arrival},
		{"live, two hours ahead", live, []float64{stamp + 7200}, arrival},
		{"file", file, []float64{stamp - 1e8}, sent.Add(-1e8 * time.Second)},
		{"file, zero after another", file, []float64{stamp, 0}, sent},
		{"file, zero at the beginning", file, []float64{0}, arrival},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, events := stream(t, c.cfg)
			for _, n := range c.stamps {
				feed(t, s, monitoring(t, header(seconds(n)), announce([]uint32{64999}, "192.0.2.0/24")))
			}
			if got := (*events)[len(*events)-1].Time; !got.Equal(c.want) {
				t.Errorf("time %v, want %v", got, c.want)
			}
		})
	}
}

func TestSecondInitiationInAFile(t *testing.T) {
	s, events := replay(t)
	feed(t, s, initiate(t, "r1"), monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")))
	*events = nil
	feed(t, s, initiate(t, "r2"), monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")))
	expect(t, events, "feed-lost bmp:r1/10.9.0.1/pre", "peer-up bmp:r2/10.9.0.1/pre", "routes bmp:r2/10.9.0.1/pre +192.0.2.0/24[64999]")
}

func TestMalformedMessages(t *testing.T) {
	good := monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24"))
	change := func(at int, b byte) []byte {
		m := slices.Clone(good)
		m[at] = b
		return m
	}
	const bgpAt = headerLen + peerHeaderLen
	for _, c := range []struct {
		name  string
		frame []byte
	}{
		{"no header", []byte{3}},
		{"other version", raw(2, 6, 0)},
		{"half a per-peer header", good[:30]},
		{"no BGP message", good[:bgpAt]},
		{"half a BGP message", good[:bgpAt+30]},
		{"marker", change(bgpAt, 0)},
		{"a KEEPALIVE", change(bgpAt+18, 4)},
		{"BGP length", change(bgpAt+16, 0xFF)},
		{"withdrawn length", change(bgpAt+19, 0xFF)},
		{"peer up without OPENs", append(raw(3, 0, peerUp), good[headerLen:headerLen+peerHeaderLen+20]...)},
		{"short peer up", append(raw(3, 0, peerUp), good[headerLen:bgpAt]...)},
		{"short peer down", append(raw(3, 0, peerDown), good[headerLen:bgpAt]...)},
		{"short statistics", append(raw(3, 0, statsReport), good[headerLen:bgpAt]...)},
		{"statistics with a long TLV", append(append(raw(3, 0, statsReport), good[headerLen:bgpAt]...), 0, 0, 0, 1, 0, 7, 0, 8, 1)},
		{"short mirroring", raw(3, 0, routeMirroring, 1, 2)},
		{"initiation with a long TLV", raw(3, 0, initiation, 0, 2, 0, 9, 'r')},
		{"termination with half a TLV", raw(3, 0, termination, 0, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := replay(t)
			err := s.Message(context.Background(), c.frame, arrival)
			if !PassedOver(err) || err.Error() == "" {
				t.Errorf("error %v: the stream must be able to go on after it", err)
			}
			if got := s.Tally(); got.Messages != 1 || got.Malformed != 1 || got.Updates != 0 {
				t.Errorf("tally %+v", got)
			}
			feed(t, s, good)
		})
	}
}

func TestErrorsThatEndAStream(t *testing.T) {
	full := errors.New("no room")
	s := NewStream(StreamConfig{}, deps(), collector.SinkFunc(func(context.Context, collector.Event) error { return full }))
	err := s.Message(context.Background(), monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")), arrival)
	if !errors.Is(err, full) || PassedOver(err) {
		t.Errorf("error %v", err)
	}
	if PassedOver(nil) || PassedOver(&FrameError{Err: ErrVersion}) || !PassedOver(&FrameError{Err: ErrVersion, Skipped: 3}) {
		t.Error("PassedOver takes the wrong side")
	}
}

func FuzzStream(f *testing.F) {
	good := monitoring(f, header(), announce([]uint32{64999}, "192.0.2.0/24"))
	f.Add(slices.Concat(initiate(f, "r1"), up(f, header(), openMessage(64500, mp4), openMessage(64999, mp4)), good, down(f, header(), 1)), true)
	f.Add(slices.Concat(good, []byte{4, 0, 0, 0, 9, 0, 1, 2, 3}, good), false)
	f.Add(monitoring(f, locRIB(64500), withPath(announce(nil, "192.0.2.0/24"), 9), pathIDs), true)
	shared := deps()
	f.Fuzz(func(t *testing.T, b []byte, file bool) {
		d := shared
		d.Registry = collector.NewRegistry()
		shown := map[collector.VantageID]bool{}
		sink := collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
			id := ev.Vantage.ID
			switch ev.Kind {
			case collector.PeerUp:
				shown[id] = true
			case collector.PeerDown, collector.FeedLost:
				if !shown[id] {
					t.Errorf("%v of a vantage that was not up", ev.Kind)
				}
				delete(shown, id)
			default:
				if !shown[id] {
					t.Errorf("%v of a vantage that is not up", ev.Kind)
				}
			}
			return nil
		})
		s := NewStream(StreamConfig{ASNs: []route.ASN{64500}, VRFs: []string{"64500:1"}, Replay: file}, d, sink)
		if err := s.Replay(context.Background(), bytes.NewReader(b), arrival, func(error) {}); err != nil {
			t.Fatal(err)
		}
		if n := s.Tally(); n.Matched+n.Skipped != n.Updates || n.Updates+n.Malformed > n.Messages {
			t.Errorf("tally %+v does not add up", n)
		}
		if err := s.Lost(context.Background(), arrival, "end"); err != nil || len(shown) > 0 {
			t.Errorf("%d vantages are left at the end, error %v", len(shown), err)
		}
	})
}
