package lab_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"anywatch/cmd/internal/lab"

	api "github.com/osrg/gobgp/v3/api"
	"github.com/osrg/gobgp/v3/pkg/apiutil"
	"github.com/osrg/gobgp/v3/pkg/log"
	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/server"
)

// monitor stands where the monitoring daemon stands: a passive BGP speaker that announces nothing, and a BMP station that counts messages.
type monitor struct {
	bgp         *server.BgpServer
	description lab.Description
	station     *station
}

// mute is a GoBGP logger that says nothing.
type mute struct{}

func (mute) Panic(string, log.Fields) {}
func (mute) Fatal(string, log.Fields) {}
func (mute) Error(string, log.Fields) {}
func (mute) Warn(string, log.Fields)  {}
func (mute) Info(string, log.Fields)  {}
func (mute) Debug(string, log.Fields) {}
func (mute) SetLevel(log.LogLevel)    {}
func (mute) GetLevel() log.LogLevel   { return log.ErrorLevel }

// bring starts a network and a monitor for it, and waits until both stand.
func bring(t *testing.T) (*lab.Network, *monitor) {
	t.Helper()
	n, err := lab.New(lab.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	d := n.Description()
	m := &monitor{bgp: server.NewBgpServer(server.LoggerOption(mute{})), description: d, station: listenBMP(t, d.BMP)}
	go m.bgp.Serve()
	t.Cleanup(m.bgp.Stop)
	must(t, m.bgp.StartBgp(t.Context(), &api.StartBgpRequest{Global: &api.Global{
		Asn: d.ASN, RouterId: "10.0.0.250", ListenPort: int32(d.BGP.Port()), ListenAddresses: []string{d.BGP.Addr().String()},
		RouteSelectionOptions: &api.RouteSelectionOptionsConfig{ExternalCompareRouterId: true},
	}}))
	silence := &api.PolicyAssignment{Name: "global", Direction: api.PolicyDirection_EXPORT, DefaultAction: api.RouteAction_REJECT}
	must(t, m.bgp.AddPolicyAssignment(t.Context(), &api.AddPolicyAssignmentRequest{Assignment: silence}))
	for _, nb := range d.Neighbors {
		m.await(t, nb)
	}
	must(t, n.Start(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, n.Ready(ctx))
	return n, m
}

// await lets one neighbour connect.
func (m *monitor) await(t *testing.T, nb lab.Neighbor) {
	t.Helper()
	peer := &api.Peer{
		// Routes with the monitor's own AS in the path are those that it is here for.
		Conf:            &api.PeerConf{NeighborAddress: nb.Address.String(), PeerAsn: nb.ASN, AllowOwnAsn: 10},
		Transport:       &api.Transport{PassiveMode: true, LocalAddress: m.description.BGP.Addr().String()},
		GracefulRestart: &api.GracefulRestart{Enabled: true, HelperOnly: true},
	}
	for _, afi := range []api.Family_Afi{api.Family_AFI_IP, api.Family_AFI_IP6} {
		peer.AfiSafis = append(peer.AfiSafis, &api.AfiSafi{
			Config:   &api.AfiSafiConfig{Family: &api.Family{Afi: afi, Safi: api.Family_SAFI_UNICAST}, Enabled: true},
			AddPaths: &api.AddPaths{Config: &api.AddPathsConfig{Receive: nb.AddPath}},
		})
	}
	must(t, m.bgp.AddPeer(t.Context(), &api.AddPeerRequest{Peer: peer}))
}

// routes describes what a neighbour has shown for a prefix, one line for each path, sorted.
func (m *monitor) routes(t *testing.T, neighbor string, p netip.Prefix) []string {
	t.Helper()
	i := slices.IndexFunc(m.description.Neighbors, func(nb lab.Neighbor) bool { return nb.Name == neighbor })
	family := &api.Family{Afi: api.Family_AFI_IP, Safi: api.Family_SAFI_UNICAST}
	if p.Addr().Is6() {
		family.Afi = api.Family_AFI_IP6
	}
	lines := []string{}
	must(t, m.bgp.ListPath(t.Context(), &api.ListPathRequest{
		TableType: api.TableType_ADJ_IN, Name: m.description.Neighbors[i].Address.String(), Family: family,
		Prefixes: []*api.TableLookupPrefix{{Prefix: p.String()}},
	}, func(d *api.Destination) {
		for _, path := range d.Paths {
			lines = append(lines, line(t, path))
		}
	}))
	slices.Sort(lines)
	return lines
}

func line(t *testing.T, p *api.Path) string {
	t.Helper()
	attrs, err := apiutil.GetNativePathAttributes(p)
	must(t, err)
	var s string
	for _, a := range attrs {
		switch a := a.(type) {
		case *bgp.PathAttributeAsPath:
			s += "[" + bgp.AsPathString(a) + "]"
		case *bgp.PathAttributeNextHop:
			s += " via " + a.Value.String()
		case *bgp.PathAttributeMpReachNLRI:
			s += " via " + a.Nexthop.String()
		case *bgp.PathAttributeCommunities:
			for _, c := range a.Value {
				s += fmt.Sprintf(" %d:%d", c>>16, c&0xffff)
			}
		case *bgp.PathAttributeLargeCommunities:
			s += " " + a.Values[0].String()
		case *bgp.PathAttributeOriginatorId:
			s += " originator " + a.Value.String()
		case *bgp.PathAttributeClusterList:
			s += " cluster " + a.Value[0].String()
		}
	}
	return s
}

// want waits until a neighbour has shown exactly these paths.
func (m *monitor) want(t *testing.T, neighbor string, p netip.Prefix, lines ...string) {
	t.Helper()
	slices.Sort(lines)
	eventually(t, func() error {
		if got := m.routes(t, neighbor, p); !slices.Equal(got, lines) {
			return fmt.Errorf("%s shows for %s:\n%q\nwant:\n%q", neighbor, p, got, lines)
		}
		return nil
	})
}

// eventually looks until the condition holds, and fails with what it says when it does not within a generous time.
func eventually(t *testing.T, condition func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// station receives BMP and keeps whole messages.
type station struct {
	mu       sync.Mutex
	messages [][]byte
	from     netip.Addr
	fault    error
}

func listenBMP(t *testing.T, at netip.AddrPort) *station {
	t.Helper()
	l, err := net.Listen("tcp4", at.String())
	must(t, err)
	s := &station{}
	ended := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-ended })
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return // the test ended first
		}
		defer conn.Close()
		stop := context.AfterFunc(t.Context(), func() { conn.Close() })
		defer stop()
		s.mu.Lock()
		s.from = netip.MustParseAddrPort(conn.RemoteAddr().String()).Addr()
		s.mu.Unlock()
		s.read(conn)
	}()
	return s
}

// read cuts the stream into messages (RFC 7854 section 4.1): one octet of version, which is 3, four of length, one of type.
func (s *station) read(r io.Reader) {
	for {
		m, err := readBMP(r)
		s.mu.Lock()
		if err != nil {
			s.fault = err
			s.mu.Unlock()
			return
		}
		s.messages = append(s.messages, m)
		s.mu.Unlock()
	}
}

func readBMP(r io.Reader) ([]byte, error) {
	head := make([]byte, 6)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if head[0] != 3 || n < 6 || n > 1<<16 {
		return nil, fmt.Errorf("no BMP header: %x", head)
	}
	m := append(head, make([]byte, n-6)...)
	_, err := io.ReadFull(r, m[6:])
	return m, err
}

// count gives the number of messages of a type that contain the octets.
func (s *station) count(kind byte, octets []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, m := range s.messages {
		if m[5] == kind && contains(m[6:], octets) {
			n++
		}
	}
	return n, s.fault
}

func contains(b, part []byte) bool {
	for i := 0; i+len(part) <= len(b); i++ {
		if slices.Equal(b[i:i+len(part)], part) {
			return true
		}
	}
	return false
}
