package bmp

import (
	"context"
	"strings"
	"testing"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/packet/bmp"

	"anywatch/collector"
	"anywatch/collector/route"
)

// The faults of senders in the field, each as a test: none of them may look like an incident.

// FRR shows the router's own routes as those of a peer 0.0.0.0, AS 0, without Peer Up; an empty path is the router's AS.
func TestFRROwnRoutes(t *testing.T) {
	s, events := stream(t, StreamConfig{ASNs: []route.ASN{64500}})
	own := *bmp.NewBMPPeerHeader(0, flagPost, 0, "0.0.0.0", 0, "0.0.0.0", stamp)
	feed(t, s, initiate(t, "frr"), monitoring(t, own, announce(nil, "192.0.2.0/24")))
	v := (*events)[0].Vantage
	if v.Local != 64500 || v.Scope != collector.Internal {
		t.Errorf("vantage %+v", *v)
	}
	expect(t, events, "peer-up bmp:frr/0.0.0.0/post", "routes bmp:frr/0.0.0.0/post +192.0.2.0/24[]")
	// When the Peer Up of another peer tells the router's AS, that is right.
	feed(t, s, up(t, header(), openMessage(64510, mp4), openMessage(64999, mp4)), monitoring(t, own, announce(nil, "192.0.2.0/24")))
	if v := (*events)[0].Vantage; v.Local != 64510 {
		t.Errorf("after a Peer Up, an empty path stands for %v", v.Local)
	}
}

// FRR tells Peer Down of configured peers that were never up, before any Peer Up, with the time of its boot.
func TestFRRPeerDownOfAPeerThatWasNeverUp(t *testing.T) {
	s, events := stream(t, StreamConfig{ASNs: []route.ASN{64500}})
	feed(t, s, initiate(t, "frr"), down(t, header(seconds(stamp-7460)), 2))
	expect(t, events, "")
}

// FRR's live Peer Up carries the time of its boot: the table follows now all the same.
func TestFRRPeerUpAtBootTime(t *testing.T) {
	s, events := stream(t, StreamConfig{ASNs: []route.ASN{64500}})
	feed(t, s, up(t, header(seconds(stamp-600)), openMessage(64500, mp4), openMessage(64999, mp4)), monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")))
	if ev := (*events)[0]; ev.Kind != collector.PeerUp || !ev.Time.Equal(arrival) {
		t.Errorf("%v at %v, want the time of arrival %v", ev.Kind, ev.Time, arrival)
	}
}

// FRR sends End-of-RIB with time zero, also of post-policy tables that it does not show: no vantage comes of it. One that does show routes
// later knows that its table was complete.
func TestFRREndOfRIBOfATableThatIsNotShown(t *testing.T) {
	s, events := stream(t, StreamConfig{ASNs: []route.ASN{64500}})
	post := header(flags(flagPost), seconds(0))
	end6 := bgp.NewEndOfRib(bgp.RF_IPv6_UC)
	feed(t, s, monitoring(t, post, endMarker()), monitoring(t, post, end6))
	expect(t, events, "")
	if got := s.Tally(); got.Updates != 2 || got.Skipped != 2 {
		t.Errorf("tally %+v", got)
	}
	feed(t, s, monitoring(t, post, announce([]uint32{64999}, "192.0.2.0/24")))
	expect(t, events, "peer-up bmp:AS64999/10.9.0.1/post", "end-of-rib bmp:AS64999/10.9.0.1/post 1", "end-of-rib bmp:AS64999/10.9.0.1/post 2",
		"routes bmp:AS64999/10.9.0.1/post +192.0.2.0/24[64999]")
}

// FRR without soft-reconfiguration inbound shows each announcement as a withdrawal: said once, and nothing else comes of it.
func TestFRRWithdrawalsOnly(t *testing.T) {
	l := new(logs)
	s := NewStream(StreamConfig{ASNs: []route.ASN{64500}}, depsLogging(l), collector.SinkFunc(func(context.Context, collector.Event) error { return nil }))
	for range 300 {
		feed(t, s, monitoring(t, header(), withdraw("10.0.0.0/8")))
	}
	if n := strings.Count(l.String(), "soft-reconfiguration inbound"); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
	l = new(logs)
	s = NewStream(StreamConfig{ASNs: []route.ASN{64500}}, depsLogging(l), collector.SinkFunc(func(context.Context, collector.Event) error { return nil }))
	feed(t, s, monitoring(t, header(), announce([]uint32{64999}, "10.0.0.0/8")))
	for range 300 {
		feed(t, s, monitoring(t, header(), withdraw("10.0.0.0/8")))
	}
	if l.String() != "" {
		t.Errorf("a peer that announced before is suspected: %s", l)
	}
}

// FRR leaves the path identifiers out although both ends agreed upon them.
func TestFRRNoPathIdentifiers(t *testing.T) {
	s, events := replay(t)
	both := addPath(bgp.RF_IPv4_UC, bgp.BGP_ADD_PATH_BOTH)
	feed(t, s, up(t, header(), openMessage(64500, mp4, both), openMessage(64999, mp4, both)))
	for range 5 {
		feed(t, s, monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")))
	}
	if got := strings.Count(story(*events), "+192.0.2.0/24[64999]"); got != 5 {
		t.Errorf("%d of 5 announcements are right:\n%s", got, story(*events))
	}
	if n := s.Tally(); n.Malformed != 0 || n.Redecoded != 3 {
		t.Errorf("tally %+v: want three redecoded before the reading is changed, and none malformed", n)
	}
}

// FRR shows its whole table again when its RPKI cache has news: it is told as it comes, and the session is the same.
func TestFRRWholeTableAgain(t *testing.T) {
	s, events := replay(t)
	dump := [][]byte{monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")), monitoring(t, header(), endMarker())}
	feed(t, s, dump...)
	*events = nil
	feed(t, s, dump...)
	expect(t, events, "routes bmp:AS64999/10.9.0.1/pre +192.0.2.0/24[64999]", "end-of-rib bmp:AS64999/10.9.0.1/pre 1")
}

// FRR counts something of its own in its Statistics Reports, under a type for experiments.
func TestFRRStatistics(t *testing.T) {
	s, _ := replay(t)
	feed(t, s, statistics(t, header(), counter(0, 1), counter(2, 2), gauge(7, 3), gauge(8, 4), counter(11, 5), counter(65531, 6)))
	_, _, peers := s.Peers()
	if got := peers[0].Stats; len(got) != 6 || got[Stat{Type: 65531}] != 6 || s.Tally().Malformed != 0 {
		t.Errorf("figures %v", got)
	}
}

// BIRD, out of buffers, begins its session again without a word: what it showed is lost, then shown again from the beginning.
func TestBIRDBeginsAgain(t *testing.T) {
	s := start(t, config())
	table := [][]byte{initiate(t, "r1"), up(t, header(), openMessage(64500, mp4), openMessage(64999, mp4)), monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24"))}
	c := s.connect("127.0.0.42", table...)
	first := s.upTo(shown)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	lost := s.upTo("feed-down bmp:r1: the router closed the connection")
	s.connect("127.0.0.42", table...)
	again := s.upTo(shown)
	same(t, first, "peer-up bmp:r1/10.9.0.1/pre", shown)
	same(t, lost, "feed-lost bmp:r1/10.9.0.1/pre", "feed-down bmp:r1: the router closed the connection")
	same(t, again, "feed-up bmp:r1:", "peer-up bmp:r1/10.9.0.1/pre", shown)
}

// BIRD shows the peers of all its VRFs without a route distinguisher: they are peers of the global table, and told apart by their addresses.
func TestBIRDWithoutRouteDistinguisher(t *testing.T) {
	s, events := replay(t)
	feed(t, s, monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")), monitoring(t, header(peerIs("10.9.0.2")), announce([]uint32{64999}, "192.0.2.0/24")))
	if first, last := (*events)[0].Vantage, (*events)[len(*events)-1].Vantage; first.ID == last.ID || first.RD != 0 {
		t.Errorf("vantages %+v and %+v", *first, *last)
	}
}

// GoBGP's Loc-RIB keeps its old table after a flap: a Peer Up that comes without the Peer Down before it begins the table anew.
func TestGoBGPStaleTable(t *testing.T) {
	s, events := replay(t)
	rise := up(t, locRIB(64500), openMessage(64500, mp4), openMessage(64500, mp4))
	feed(t, s, initiate(t, "r1"), rise, monitoring(t, locRIB(64500), announce(nil, "192.0.2.0/24")), rise, monitoring(t, locRIB(64500), endMarker()))
	expect(t, events, "peer-up bmp:r1/loc-rib", "routes bmp:r1/loc-rib +192.0.2.0/24[]", "peer-up bmp:r1/loc-rib", "end-of-rib bmp:r1/loc-rib 1")
}

// GoBGP's Loc-RIB carries path identifiers, and there is no Peer Up to tell.
func TestGoBGPLocRIBWithPathIdentifiers(t *testing.T) {
	s, events := replay(t)
	for _, p := range []string{"10.1.0.0/16", "10.2.0.0/16", "192.0.2.0/24", "192.0.2.0/24"} {
		feed(t, s, monitoring(t, locRIB(64500), withPath(announce([]uint32{64999}, p), 1), pathIDs))
	}
	if got := strings.Count(story(*events), "+192.0.2.0/24#1[64999]"); got != 2 || strings.Contains(story(*events), "0.0.0.0/0") {
		t.Errorf("events:\n%s", story(*events))
	}
	if n := s.Tally(); n.Redecoded != 3 || n.Malformed != 0 {
		t.Errorf("tally %+v", n)
	}
}

// GoBGP's Peer Up may tell nothing of the path identifiers that its routes carry.
func TestGoBGPPathIdentifiersThatNobodyAgreedUpon(t *testing.T) {
	s, events := replay(t)
	feed(t, s, up(t, locRIB(64500), openMessage(64500, mp4), openMessage(64500, mp4)))
	feed(t, s, monitoring(t, locRIB(64500), withPath(announce([]uint32{64999}, "192.0.2.0/24"), 1), pathIDs))
	if got := story(*events); !strings.Contains(got, "+192.0.2.0/24#1[64999]") {
		t.Errorf("events:\n%s", got)
	}
}

// GoBGP marks its post-policy End-of-RIB with the A flag and its routes not: it is the same table.
func TestGoBGPFlagsOfEndOfRIB(t *testing.T) {
	s, events := replay(t)
	feed(t, s, monitoring(t, header(flags(flagPost)), announce([]uint32{64999}, "192.0.2.0/24")), monitoring(t, header(flags(flagPost|flagTwoAS)), endMarker()))
	expect(t, events, "peer-up bmp:AS64999/10.9.0.1/post", "routes bmp:AS64999/10.9.0.1/post +192.0.2.0/24[64999]", "end-of-rib bmp:AS64999/10.9.0.1/post 1")
}

// The A flag is believed when it is set; when it is not, a path of 2-octet numbers is still found out.
func TestTwoOctetPaths(t *testing.T) {
	m := bgp.NewBGPUpdateMessage(nil, []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0),
		bgp.NewPathAttributeAsPath([]bgp.AsPathParamInterface{bgp.NewAsPathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, []uint16{64999, 64998})}),
		bgp.NewPathAttributeNextHop("10.9.0.1")}, nlri("192.0.2.0/24"))
	for _, f := range []uint8{flagTwoAS, 0} {
		s, events := replay(t)
		feed(t, s, monitoring(t, header(flags(f)), m))
		if got := story(*events); !strings.Contains(got, "+192.0.2.0/24[64999 64998]") {
			t.Errorf("flags %#x:\n%s", f, got)
		}
	}
	s, events := replay(t)
	feed(t, s, monitoring(t, header(flags(flagTwoAS)), m), monitoring(t, header(), announce([]uint32{64999, 64998}, "192.0.2.0/24")))
	if got := strings.Count(story(*events), "[64999 64998]"); got != 2 || s.Tally().Redecoded != 0 {
		t.Errorf("the flag of one message changed how the next is read:\n%s", story(*events))
	}
}

// Peers of a Loc-RIB all have the address 0.0.0.0: the router's name must not come from there, and RD and BGP ID tell them apart.
func TestLocRIBsOfTwoRouters(t *testing.T) {
	d := deps()
	var ids []collector.VantageID
	for _, name := range []string{"rr1", "rr2"} {
		s := NewStream(StreamConfig{ASNs: []route.ASN{64500}}, d, collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
			if ev.Kind == collector.PeerUp {
				ids = append(ids, ev.Vantage.ID)
			}
			return nil
		}))
		feed(t, s, initiate(t, name), monitoring(t, locRIB(64500), announce(nil, "192.0.2.0/24")))
	}
	if len(ids) != 2 || ids[0] == ids[1] {
		t.Errorf("vantages %v", ids)
	}
}

// FRR puts its own AS in front of what its eBGP peers sent.
func TestFRROwnASInFront(t *testing.T) {
	long := make([]uint32, 100) // its attribute has a length of two octets
	for i := range long {
		long[i] = 64700
	}
	for _, c := range []struct {
		name       string
		header     bmp.BMPPeerHeader
		path, want []uint32
		stripped   uint64
	}{
		{"before policy", header(), []uint32{64500, 64999, 64998}, []uint32{64999, 64998}, 1},
		{"after policy", header(flags(flagPost)), []uint32{64500, 64999}, []uint32{64999}, 1},
		{"extended length", header(), append([]uint32{64500, 64999}, long...), append([]uint32{64999}, long...), 1},
		{"as sent", header(), []uint32{64999, 64998}, []uint32{64999, 64998}, 0},
		{"a route server's peer", header(), []uint32{64500, 64998}, []uint32{64500, 64998}, 0},
		{"iBGP", header(asn(64500)), []uint32{64500, 64999}, []uint32{64500, 64999}, 0},
		{"what is sent", header(flags(flagAdjOut)), []uint32{64500, 64999}, []uint32{64500, 64999}, 0},
		{"Loc-RIB", locRIB(64500), []uint32{64500, 64999}, []uint32{64500, 64999}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, events := replay(t)
			feed(t, s, monitoring(t, c.header, announce(c.path, "192.0.2.0/24")))
			got := (*events)[len(*events)-1].Updates[0]
			if want := route.SequencePath(asns(c.want)...); !got.Attrs.Path.Equal(want) || got.Announced[0].Prefix != watched[0] || s.noted.stripped != c.stripped {
				t.Errorf("path %v of %v, want %v; %d were shortened", got.Attrs.Path, got.Announced, want, s.noted.stripped)
			}
		})
	}
	// Routes of others do not match because of it.
	s, _ := replay(t)
	feed(t, s, monitoring(t, header(), announce([]uint32{64500, 64999, 64998}, "10.0.0.0/8")))
	if got := s.Tally(); got.Matched != 0 || got.Skipped != 1 {
		t.Errorf("tally %+v", got)
	}
}

func asns(list []uint32) (out []route.ASN) {
	for _, n := range list {
		out = append(out, route.ASN(n))
	}
	return out
}
