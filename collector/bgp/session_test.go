package bgp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"

	"anywatch/collector"
	"anywatch/collector/internal/open"
	"anywatch/collector/route"
)

func TestSessionFromOpenToEnd(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.1")))
	r := connect(t, "127.0.11.1", s.addr())
	ours, err := open.Parse(r.establish(64500, mp4(), mp6()))
	if err != nil {
		t.Fatal(err)
	}
	if ours.ASN != 64500 || ours.HoldTime != 90*time.Second || !ours.RouteRefresh || !ours.Restart ||
		ours.Families.Unicast != route.IPv4|route.IPv6 || ours.Receive.Unicast != 0 {
		t.Errorf("our OPEN says %+v", ours)
	}
	up := s.wait(collector.PeerUp)
	v := up.Vantage
	if v.Name() != "bgp:rr1" || v.Local != 64500 || v.Scope != collector.Internal || v.AllPaths || up.Family != route.IPv4|route.IPv6 {
		t.Errorf("vantage %+v, families %d", *v, up.Family)
	}
	r.send(announce(nil, "192.0.2.0/24", "203.0.113.0/24"))
	if got := routes(s.wait(collector.Routes)); got != "+192.0.2.0/24[] +203.0.113.0/24[]" {
		t.Errorf("announced: %s", got)
	}
	r.send(announce([]uint32{1299, 3356}, "10.0.0.0/24"))
	r.send(bgp.NewBGPUpdateMessage(nlri("192.0.2.0/24"), nil, nil))
	if got := routes(s.wait(collector.Routes)); got != "-192.0.2.0/24" {
		t.Errorf("withdrawn: %s", got)
	}
	r.send(bgp.NewBGPUpdateMessage(nil, nil, nil))
	if ev := s.wait(collector.EndOfRIB); ev.Family != route.IPv4 {
		t.Errorf("End-of-RIB of %d", ev.Family)
	}
	_ = r.Close()
	if ev := s.wait(collector.FeedLost); ev.Vantage != v || ev.Reason != "the peer closed the connection" || ev.Keep != 0 {
		t.Errorf("feed lost: %+v", ev)
	}
	c := s.counters
	if c.Updates.Load() != 4 || c.Matched.Load() != 2 || c.Skipped.Load() != 2 || c.Prefixes.Load() != 4 || c.Messages.Load() != 6 || c.Sessions.Load() != 0 {
		t.Errorf("updates %d, matched %d, skipped %d, prefixes %d, messages %d, sessions %d", c.Updates.Load(), c.Matched.Load(),
			c.Skipped.Load(), c.Prefixes.Load(), c.Messages.Load(), c.Sessions.Load())
	}
}

func TestAddPath(t *testing.T) {
	n := ibgp("127.0.11.2")
	n.AddPath = true
	s := start(t, config(n))
	r := connect(t, "127.0.11.2", s.addr())
	send := bgp.NewCapAddPath([]*bgp.CapAddPathTuple{bgp.NewCapAddPathTuple(bgp.RF_IPv4_UC, bgp.BGP_ADD_PATH_SEND)})
	ours, _ := open.Parse(r.establish(64500, mp4(), send))
	if ours.Receive.Unicast != route.IPv4|route.IPv6 || ours.Send.Unicast != 0 {
		t.Errorf("our OPEN offers %+v", ours.Capabilities)
	}
	if up := s.wait(collector.PeerUp); !up.Vantage.AllPaths || up.Family != route.IPv4 {
		t.Errorf("vantage %+v, families %d", *up.Vantage, up.Family)
	}
	m := announce([]uint32{64501}, "192.0.2.0/24")
	u, ok := m.Body.(*bgp.BGPUpdate)
	if !ok {
		t.Fatal("not an UPDATE")
	}
	u.NLRI[0].SetPathLocalIdentifier(7)
	r.send(m, &bgp.MarshallingOption{AddPath: map[bgp.RouteFamily]bgp.BGPAddPathMode{bgp.RF_IPv4_UC: bgp.BGP_ADD_PATH_BOTH}})
	if got := routes(s.wait(collector.Routes)); got != "+192.0.2.0/24#7[64501]" {
		t.Errorf("got %s", got)
	}
}

func TestGracefulRestart(t *testing.T) {
	restart := bgp.NewCapGracefulRestart(false, false, 77, []*bgp.CapGracefulRestartTuple{bgp.NewCapGracefulRestartTuple(bgp.RF_IPv4_UC, true)})
	for _, c := range []struct {
		name string
		end  func(r *router)
		keep time.Duration
	}{
		{"connection lost", func(r *router) { _ = r.Close() }, 77 * time.Second},
		{"closed on purpose", func(r *router) { r.write(message(typeNotification, 6, 2, 4, 'w', 'o', 'r', 'k')) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, config(ibgp("127.0.11.3")))
			r := connect(t, "127.0.11.3", s.addr())
			r.establish(64500, mp4(), restart)
			s.wait(collector.PeerUp)
			c.end(r)
			ev := s.wait(collector.FeedLost)
			if ev.Keep != c.keep {
				t.Errorf("keep %v, want %v", ev.Keep, c.keep)
			}
			if c.keep == 0 && ev.Reason != `the peer closed the session: Cease/Administrative Shutdown (6/2): "work"` {
				t.Errorf("reason %q", ev.Reason)
			}
		})
	}
}

func TestNewConnectionOfARestartingPeer(t *testing.T) {
	restart := bgp.NewCapGracefulRestart(false, false, 60, []*bgp.CapGracefulRestartTuple{bgp.NewCapGracefulRestartTuple(bgp.RF_IPv4_UC, true)})
	s := start(t, config(ibgp("127.0.11.4")))
	old := connect(t, "127.0.11.4", s.addr())
	old.establish(64500, mp4(), restart)
	s.wait(collector.PeerUp)
	r := connect(t, "127.0.11.4", s.addr())
	r.establish(64500, mp4(), restart)
	if ev := s.wait(collector.FeedLost); ev.Reason != "the peer opened a new connection" || ev.Keep != time.Minute {
		t.Errorf("feed lost: %+v", ev)
	}
	s.wait(collector.PeerUp)
	if typ, _, err := old.read(); err == nil && typ == typeNotification {
		t.Error("a NOTIFICATION was sent on the old connection")
	}
}

func TestSecondConnectionIsRefused(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.5")))
	first := connect(t, "127.0.11.5", s.addr())
	first.establish(64500, mp4())
	s.wait(collector.PeerUp)
	second := connect(t, "127.0.11.5", s.addr())
	if body := second.expect(typeNotification); body[0] != codeCease || body[1] != ceaseCollision {
		t.Errorf("got NOTIFICATION %v", body)
	}
	first.send(announce(nil, "192.0.2.0/24"))
	s.wait(collector.Routes)
	if s.source.Refused() != 1 {
		t.Errorf("refused %d", s.source.Refused())
	}
}

func TestRefusedOpens(t *testing.T) {
	for _, c := range []struct {
		name      string
		open      *bgp.BGPMessage
		code, sub byte
	}{
		{"wrong AS", openMessage(64999, 90, "198.51.100.1"), 2, 2},
		{"BGP identifier zero", openMessage(64500, 90, "0.0.0.0"), 2, 3},
		{"our own BGP identifier", openMessage(64500, 90, "192.0.2.250"), 2, 3},
		{"hold time of 1 s", openMessage(64500, 1, "198.51.100.1"), 2, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, config(ibgp("127.0.11.6")))
			// After a fault, the same peer may come again at once.
			for range 2 {
				r := connect(t, "127.0.11.6", s.addr())
				r.send(c.open)
				r.expect(typeOpen)
				if body := r.expect(typeNotification); body[0] != c.code || body[1] != c.sub {
					t.Fatalf("got NOTIFICATION %v, want %d/%d", body, c.code, c.sub)
				}
				if _, _, err := r.read(); !errors.Is(err, io.EOF) {
					t.Fatalf("the connection is still open: %v", err)
				}
			}
			s.quiet()
		})
	}
}

func TestUnknownSourceIsClosed(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.7")))
	for range 3 {
		r := connect(t, "127.0.99.1", s.addr())
		if _, _, err := r.read(); err == nil {
			t.Fatal("something was sent to a stranger")
		}
	}
	if s.source.Refused() != 3 {
		t.Errorf("refused %d, want 3", s.source.Refused())
	}
	if n := strings.Count(s.logs.String(), "refused"); n != 1 {
		t.Errorf("%d lines in the log for three strangers within a minute, want 1:\n%s", n, s.logs)
	}
}

func TestRouteRefresh(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.8"), Neighbor{Name: "old", Address: addr("127.0.11.9"), ASN: 64501}))
	r := connect(t, "127.0.11.8", s.addr())
	r.establish(64500, mp4(), mp6(), bgp.NewCapRouteRefresh())
	s.wait(collector.PeerUp)
	old := connect(t, "127.0.11.9", s.addr())
	old.establish(64501, mp4())
	s.wait(collector.PeerUp)
	err := s.source.Refresh(context.Background())
	if err == nil || !strings.Contains(err.Error(), "neighbor old") || strings.Contains(err.Error(), "rr1") {
		t.Errorf("error %v, want one that names only the neighbor without route refresh", err)
	}
	for _, afi := range []byte{1, 2} {
		if body := r.expect(typeRouteRefresh); string(body) != string([]byte{0, afi, 0, 1}) {
			t.Errorf("ROUTE-REFRESH %v, want AFI %d", body, afi)
		}
	}
	// A peer may ask us too; there is nothing to send, and the session goes on.
	r.write(message(typeRouteRefresh, 0, 1, 0, 1))
	r.send(announce(nil, "192.0.2.0/24"))
	s.wait(collector.Routes)
}

func TestMalformedUpdateKeepsTheSession(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.10")))
	r := connect(t, "127.0.11.10", s.addr())
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
	r.write(message(typeUpdate, 0, 9, 0, 0))                               // withdrawn routes longer than the message
	r.write(message(typeUpdate, 0, 0, 0, 4, 0x40, 1, 1, 9, 24, 192, 0, 2)) // ORIGIN 9, no path: treat as withdraw
	if got := routes(s.wait(collector.Routes)); got != "-192.0.2.0/24" {
		t.Errorf("got %s", got)
	}
	r.send(announce([]uint32{64501}, "192.0.2.0/24"))
	s.wait(collector.Routes)
	list := s.source.Samples()
	if len(list) != 2 || list[0].From != "bgp:rr1" || string(list[0].Bytes) != "\x00\x09\x00\x00" {
		t.Errorf("samples %v", list)
	}
	_ = r.Close()
	s.wait(collector.FeedLost)
	if n := s.counters.Malformed.Load(); n != 2 || s.counters.Updates.Load() != 1 {
		t.Errorf("malformed %d, updates %d; want 2 and 1", n, s.counters.Updates.Load())
	}
}

func TestASZero(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.11")))
	r := connect(t, "127.0.11.11", s.addr())
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
	r.send(announce([]uint32{64501, 0}, "192.0.2.0/24"))
	if got := routes(s.wait(collector.Routes)); got != "-192.0.2.0/24" {
		t.Errorf("AS 0 in the path: %s, want a withdrawal", got)
	}
	r.send(bgp.NewBGPUpdateMessage(nil, []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), asPath(64501),
		bgp.NewPathAttributeNextHop("198.51.100.1"), bgp.NewPathAttributeAggregator(uint32(0), "198.51.100.9")}, nlri("192.0.2.0/24")))
	ev := s.wait(collector.Routes)
	if got := routes(ev); got != "+192.0.2.0/24[64501]" || ev.Updates[0].Attrs.Aggregator != (route.Aggregator{}) {
		t.Errorf("AS 0 as aggregator: %s, %+v; want the route without it", got, ev.Updates[0].Attrs.Aggregator)
	}
	_ = r.Close()
	s.wait(collector.FeedLost)
	if list := s.source.Samples(); len(list) == 0 || !strings.Contains(list[len(list)-1].Err, "AGGREGATOR") {
		t.Errorf("no sample of it is kept: %+v", list)
	}
	if c := s.counters; c.Malformed.Load() != 1 || c.Updates.Load() != 1 || c.Matched.Load() != 1 || c.Prefixes.Load() != 1 {
		t.Errorf("malformed %d, updates %d, matched %d, prefixes %d; want 1 each", c.Malformed.Load(), c.Updates.Load(), c.Matched.Load(), c.Prefixes.Load())
	}
}

func TestDynamicNeighbors(t *testing.T) {
	s := start(t, config(
		Neighbor{Name: "clients", Range: netip.MustParsePrefix("127.0.12.0/24"), MaxPeers: 2},
		Neighbor{Name: "special", Address: addr("127.0.12.9"), ASN: 64501, Scope: collector.External}))
	for i := 1; i <= 2; i++ {
		from := fmt.Sprintf("127.0.12.%d", i)
		r := connect(t, from, s.addr())
		r.establish(64500, mp4())
		if v := s.wait(collector.PeerUp).Vantage; v.Name() != "bgp:clients/"+from || v.PeerAS != 64500 {
			t.Errorf("vantage %s of %s", v.Name(), v.PeerAS)
		}
	}
	third := connect(t, "127.0.12.3", s.addr())
	if body := third.expect(typeNotification); body[0] != codeCease || body[1] != ceaseRejected {
		t.Errorf("beyond max_peers: NOTIFICATION %v", body)
	}
	special := connect(t, "127.0.12.9", s.addr())
	special.establish(64501, mp4())
	if v := s.wait(collector.PeerUp).Vantage; v.Name() != "bgp:special" || v.Scope != collector.External {
		t.Errorf("the address in the range: %+v", *v)
	}
}
