//go:build data

package bmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/packet/bmp"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// tables are the routes that a router shows, by peer and view, as one reader or the other understands them.
type tables map[string]map[route.NLRI]bool

func (x tables) apply(table string, announced, withdrawn []route.NLRI) {
	if x[table] == nil {
		x[table] = map[route.NLRI]bool{}
	}
	for _, n := range withdrawn {
		delete(x[table], n)
	}
	for _, n := range announced {
		x[table][n] = true
	}
}

func (x tables) routes() (n int) {
	for _, table := range x {
		n += len(table)
	}
	return n
}

// oracle is another reader: gobgp's parser, and the plainest bookkeeping that the RFC allows. It takes unicast and labelled routes, and those of the
// VRFs that are watched.
type oracle struct {
	t      *testing.T
	vrfs   vrfs
	up     map[string]bool
	shown  tables
	counts map[uint8]int
}

func (o *oracle) peer(h bmp.BMPPeerHeader) string {
	address, _ := netip.AddrFromSlice(h.PeerAddress)
	if h.PeerType == peerLocRIB {
		address = netip.IPv4Unspecified()
	}
	return fmt.Sprintf("%d %s %s %d %s", h.PeerType, collector.RDString(h.PeerDistinguisher), address.Unmap(), h.PeerAS, h.PeerBGPID)
}

func (o *oracle) message(frame []byte) {
	o.t.Helper()
	m, err := bmp.ParseBMPMessage(frame)
	if err != nil {
		o.t.Fatal(err)
	}
	o.counts[m.Header.Type]++
	key := o.peer(m.PeerHeader)
	switch body := m.Body.(type) {
	case *bmp.BMPPeerUpNotification:
		o.up[key] = true
		maps.DeleteFunc(o.shown, func(table string, _ map[route.NLRI]bool) bool { return table[1:] == key })
	case *bmp.BMPPeerDownNotification:
		delete(o.up, key)
		maps.DeleteFunc(o.shown, func(table string, _ map[route.NLRI]bool) bool { return table[1:] == key })
	case *bmp.BMPRouteMonitoring:
		view := map[bool]collector.View{true: collector.LocRIB, false: collector.View(1 + m.PeerHeader.Flags>>6&1)}[m.PeerHeader.PeerType == peerLocRIB]
		o.update(fmt.Sprint(int(view))+key, body.BGPUpdate)
	}
}

func (o *oracle) update(table string, m *bgp.BGPMessage) {
	var announced, withdrawn []route.NLRI
	u := m.Body.(*bgp.BGPUpdate)
	for _, n := range u.WithdrawnRoutes {
		withdrawn = append(withdrawn, o.routes(n)...)
	}
	for _, n := range u.NLRI {
		announced = append(announced, o.routes(n)...)
	}
	for _, a := range u.PathAttributes {
		switch a := a.(type) {
		case *bgp.PathAttributeMpReachNLRI:
			announced = append(announced, o.routes(a.Value...)...)
		case *bgp.PathAttributeMpUnreachNLRI:
			withdrawn = append(withdrawn, o.routes(a.Value...)...)
		}
	}
	if len(announced)+len(withdrawn) > 0 {
		o.shown.apply(table, announced, withdrawn)
	}
}

func (o *oracle) routes(list ...bgp.AddrPrefixInterface) (out []route.NLRI) {
	add := func(addr net.IP, bits uint8) {
		a, _ := netip.AddrFromSlice(addr)
		out = append(out, route.NLRI{Prefix: netip.PrefixFrom(a, int(bits)).Masked()})
	}
	watched := func(rd bgp.RouteDistinguisherInterface) bool {
		b, err := rd.Serialize()
		return err == nil && o.vrfs.hasRD(binary.BigEndian.Uint64(b))
	}
	for _, n := range list {
		switch n := n.(type) {
		case *bgp.IPAddrPrefix:
			add(n.Prefix, n.Length)
		case *bgp.IPv6AddrPrefix:
			add(n.Prefix, n.Length)
		case *bgp.LabeledIPAddrPrefix:
			add(n.Prefix, n.IPPrefixLen())
		case *bgp.LabeledIPv6AddrPrefix:
			add(n.Prefix, n.IPPrefixLen())
		case *bgp.LabeledVPNIPAddrPrefix:
			if watched(n.RD) {
				add(n.Prefix, n.IPPrefixLen())
			}
		case *bgp.LabeledVPNIPv6AddrPrefix:
			if watched(n.RD) {
				add(n.Prefix, n.IPPrefixLen())
			}
		default:
			o.t.Fatalf("a route of the kind %T", n)
		}
	}
	return out
}

// pair feeds a stream, everything watched, and the oracle with the same messages.
type pair struct {
	t      *testing.T
	stream *Stream
	shown  tables
	oracle *oracle
}

func newPair(t *testing.T, rds []string) *pair {
	everything := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	p := &pair{t: t, shown: tables{}, oracle: &oracle{t: t, vrfs: newVRFs(rds), up: map[string]bool{}, shown: tables{}, counts: map[uint8]int{}}}
	d := Deps{Live: screen.NewLive(screen.NewWatch(everything, nil, screen.Shortest{})), Registry: collector.NewRegistry(), Log: slog.New(slog.DiscardHandler), Now: time.Now}
	p.stream = NewStream(StreamConfig{VRFs: rds, Replay: true}, d, collector.SinkFunc(p.take))
	return p
}

func (p *pair) take(_ context.Context, ev collector.Event) error {
	v := ev.Vantage
	table := fmt.Sprintf("%d%d %s %s %d %s", v.View, v.PeerType, collector.RDString(v.RD), v.Peer, v.PeerAS, v.BGPID)
	switch ev.Kind {
	case collector.PeerUp, collector.PeerDown, collector.FeedLost:
		delete(p.shown, table)
	case collector.Routes:
		for _, u := range ev.Updates {
			p.shown.apply(table, u.Announced, u.Withdrawn)
		}
	}
	return nil
}

// part feeds one file and compares all tables and peers.
func (p *pair) part(path string) {
	p.t.Helper()
	dir := os.Getenv("ANYWATCH_DATA")
	if dir == "" {
		p.t.Fatal("ANYWATCH_DATA is not set; point it to the folder of test data")
	}
	whole, err := os.ReadFile(filepath.Join(dir, "bmp-traffic-reproducer/pcaps", path))
	if err != nil {
		p.t.Fatal(err)
	}
	p.oracle.counts = map[uint8]int{}
	for frames := NewReader(bytes.NewReader(whole), 0, false); ; {
		frame, err := frames.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.t.Fatal(err)
		}
		p.oracle.message(bytes.Clone(frame))
		if err := p.stream.Message(context.Background(), frame, time.Time{}); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, table := range slices.Sorted(maps.Keys(p.oracle.shown)) {
		if !maps.Equal(p.shown[table], p.oracle.shown[table]) {
			p.t.Errorf("table %s:\n%v\nwant:\n%v", table, p.shown[table], p.oracle.shown[table])
		}
	}
	if got, want := p.shown.routes(), p.oracle.shown.routes(); got != want {
		p.t.Errorf("%d routes, want %d", got, want)
	}
}

func (p *pair) up() (n int) {
	_, _, peers := p.stream.Peers()
	for _, peer := range peers {
		if peer.Up {
			n++
		}
	}
	return n
}

// TestScenario goes through a router's session part by part, as it was staged: initiation and Peer Ups, updates, the end and the return of a
// Loc-RIB, and those of a peer. After each part all tables are those of another reader.
func TestScenario(t *testing.T) {
	var rds []string
	for _, n := range []int{9010, 909, 908, 907, 906, 905, 904, 903, 902, 12} {
		rds = append(rds, fmt.Sprintf("4226809946:%d", n))
	}
	p := newPair(t, rds)
	for _, c := range []struct {
		part     string
		messages map[uint8]int
		up       int // peers that are up afterwards
		tables   int // that are shown
		routes   int
	}{
		{"1-bmp-init-and-peer-ups", map[uint8]int{initiation: 1, peerUp: 16}, 16, 0, 0},
		{"2-bmp-route-monitoring-updates", map[uint8]int{routeMonitoring: 732}, 16, 13, 692},
		{"3-bmp-loc-rib-peer-down", map[uint8]int{peerDown: 1}, 15, 12, 642},
		{"4-bmp-route-monitoring-withdrawals-updates", map[uint8]int{routeMonitoring: 21}, 15, 12, 594},
		{"6-bmp-loc-rib-peer-up", map[uint8]int{peerUp: 1, routeMonitoring: 100}, 16, 13, 692},
		{"7-bmp-global-peer-down", map[uint8]int{peerDown: 1, routeMonitoring: 12}, 15, 12, 643},
		{"8-bmp-global-peer-up", map[uint8]int{peerUp: 1, routeMonitoring: 22}, 16, 13, 692},
	} {
		p.part("ipfix-bmp-scenario-PART" + c.part + ".bmp")
		if !maps.Equal(p.oracle.counts, c.messages) {
			t.Errorf("part %s: messages by type %v, want %v", c.part, p.oracle.counts, c.messages)
		}
		if p.up() != c.up || len(p.oracle.up) != c.up {
			t.Errorf("part %s: %d peers are up, and %d by the other reader; want %d", c.part, p.up(), len(p.oracle.up), c.up)
		}
		if len(p.shown) != c.tables || p.shown.routes() != c.routes {
			t.Errorf("part %s: %d routes in %d tables, want %d in %d", c.part, p.shown.routes(), len(p.shown), c.routes, c.tables)
		}
	}
}

// The session that is not staged, in one piece.
func TestPlainSession(t *testing.T) {
	p := newPair(t, []string{"64499:11"})
	p.part("bmp-traffic.bmp")
	if p.shown.routes() != 16 || p.up() != 5 || p.oracle.counts[routeMonitoring] != 73 {
		t.Errorf("%d routes, %d peers", p.shown.routes(), p.up())
	}
}
