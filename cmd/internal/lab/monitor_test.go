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

	"github.com/jwhited/corebgp"
	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
)

// monitor stands where the monitoring daemon stands: a passive BGP speaker that never sends an UPDATE, and a BMP station that keeps messages.
type monitor struct {
	description lab.Description
	station     *station

	mu     sync.Mutex
	tables map[netip.Addr]table // by neighbour, while its session lasts
}

// table is what a neighbour has shown: a description of each path.
type table map[pathKey]string

type pathKey struct {
	prefix string
	id     uint32
}

// bring starts a network and a monitor for it, and waits until both stand.
func bring(t *testing.T) (*lab.Network, *monitor) {
	t.Helper()
	n, err := lab.New(lab.Options{Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(n.Stop)
	m := watch(t, n.Description())
	must(t, n.Start(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, n.Ready(ctx))
	return n, m
}

// watch begins to listen as the description says.
func watch(t *testing.T, d lab.Description) *monitor {
	t.Helper()
	m := &monitor{description: d, station: listenBMP(t, d.BMP), tables: map[netip.Addr]table{}}
	s, err := corebgp.NewServer(netip.MustParseAddr("10.0.0.250"))
	must(t, err)
	for _, nb := range d.Neighbors {
		peer := corebgp.PeerConfig{RemoteAddress: nb.Address, LocalAS: d.ASN, RemoteAS: nb.ASN}
		must(t, s.AddPeer(peer, neighbor{m, nb}, corebgp.WithPassive()))
	}
	l, err := net.Listen("tcp4", d.BGP.String())
	must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve([]net.Listener{l}) // ends with Close
	}()
	t.Cleanup(func() { s.Close(); <-ended })
	return m
}

// neighbor takes in the session with one neighbour.
type neighbor struct {
	*monitor
	lab.Neighbor
}

func (n neighbor) GetCapabilities(corebgp.PeerConfig) []corebgp.Capability {
	caps := []corebgp.Capability{
		corebgp.NewMPExtensionsCapability(corebgp.AFI_IPV4, corebgp.SAFI_UNICAST),
		corebgp.NewMPExtensionsCapability(corebgp.AFI_IPV6, corebgp.SAFI_UNICAST),
		{Code: corebgp.CAP_GRACEFUL_RESTART, Value: []byte{0, 0}}, // for no family: only to be sent End-of-RIB
	}
	if n.AddPath {
		caps = append(caps, corebgp.NewAddPathCapability([]corebgp.AddPathTuple{
			{AFI: corebgp.AFI_IPV4, SAFI: corebgp.SAFI_UNICAST, Rx: true}, {AFI: corebgp.AFI_IPV6, SAFI: corebgp.SAFI_UNICAST, Rx: true},
		}))
	}
	return caps
}

func (n neighbor) OnOpenMessage(corebgp.PeerConfig, netip.Addr, []corebgp.Capability) *corebgp.Notification {
	return nil
}

func (n neighbor) OnEstablished(corebgp.PeerConfig, corebgp.UpdateMessageWriter) corebgp.UpdateMessageHandler {
	return func(_ corebgp.PeerConfig, body []byte) *corebgp.Notification {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.tables[n.Address] == nil {
			n.tables[n.Address] = table{}
		}
		n.tables[n.Address].update(body, n.AddPath)
		return nil
	}
}

func (n neighbor) OnClose(corebgp.PeerConfig) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.tables, n.Address)
}

// endOfRIB names the entries that End-of-RIB leaves in a table: for each family, what was there when it came. GoBGP takes the families in
// either order.
const endOfRIB word = "End-of-RIB"

type word string

func (w word) String() string { return string(w) }

// update applies an UPDATE. What can't be decoded stays in the table as an entry that no test expects.
func (v table) update(body []byte, addPath bool) {
	options := &bgp.MarshallingOption{}
	if addPath {
		options.AddPath = map[bgp.RouteFamily]bgp.BGPAddPathMode{
			bgp.RF_IPv4_UC: bgp.BGP_ADD_PATH_RECEIVE, bgp.RF_IPv6_UC: bgp.BGP_ADD_PATH_RECEIVE,
		}
	}
	u := &bgp.BGPUpdate{}
	if err := u.DecodeFromBytes(body, options); err != nil {
		v[pathKey{prefix: "undecodable"}] = err.Error()
		return
	}
	if eor, family := u.IsEndOfRib(); eor {
		v[pathKey{endOfRIB.String(), uint32(family)}] = fmt.Sprintf("%s after %d paths", family, v.paths(family))
		return
	}
	for _, w := range u.WithdrawnRoutes {
		delete(v, pathKey{w.String(), w.PathIdentifier()})
	}
	text := describe(u.PathAttributes)
	for _, r := range u.NLRI {
		v[pathKey{r.String(), r.PathIdentifier()}] = text
	}
	for _, a := range u.PathAttributes {
		switch a := a.(type) {
		case *bgp.PathAttributeMpReachNLRI:
			for _, r := range a.Value {
				v[pathKey{r.String(), r.PathIdentifier()}] = text
			}
		case *bgp.PathAttributeMpUnreachNLRI:
			for _, w := range a.Value {
				delete(v, pathKey{w.String(), w.PathIdentifier()})
			}
		}
	}
}

func (v table) paths(family bgp.RouteFamily) int {
	n := 0
	for k := range v {
		if p, err := netip.ParsePrefix(k.prefix); err == nil && p.Addr().Is4() == (family == bgp.RF_IPv4_UC) {
			n++
		}
	}
	return n
}

// describe writes the attributes that the tests are about on one line, in this order.
func describe(attrs []bgp.PathAttributeInterface) string {
	var path, via, reflected, communities, large string
	for _, a := range attrs {
		switch a := a.(type) {
		case *bgp.PathAttributeAsPath:
			path = "[" + bgp.AsPathString(a) + "]"
		case *bgp.PathAttributeNextHop:
			via = " via " + a.Value.String()
		case *bgp.PathAttributeMpReachNLRI:
			via = " via " + a.Nexthop.String()
		case *bgp.PathAttributeOriginatorId:
			reflected = " originator " + a.Value.String() + reflected
		case *bgp.PathAttributeClusterList:
			reflected += " cluster " + a.Value[0].String()
		case *bgp.PathAttributeCommunities:
			for _, c := range a.Value {
				communities += fmt.Sprintf(" %d:%d", c>>16, c&0xffff)
			}
		case *bgp.PathAttributeLargeCommunities:
			large = " " + a.Values[0].String()
		}
	}
	return path + via + reflected + communities + large
}

// shown lists what a neighbour has shown for a prefix, one line for each path, sorted.
func (m *monitor) shown(neighbor, prefix string) []string {
	i := slices.IndexFunc(m.description.Neighbors, func(nb lab.Neighbor) bool { return nb.Name == neighbor })
	m.mu.Lock()
	defer m.mu.Unlock()
	lines := []string{}
	for k, text := range m.tables[m.description.Neighbors[i].Address] {
		if k.prefix == prefix {
			lines = append(lines, text)
		}
	}
	slices.Sort(lines)
	return lines
}

// want waits until a neighbour has shown exactly these paths.
func (m *monitor) want(t *testing.T, neighbor string, prefix fmt.Stringer, lines ...string) {
	t.Helper()
	slices.Sort(lines)
	eventually(t, func() error {
		if got := m.shown(neighbor, prefix.String()); !slices.Equal(got, lines) {
			return fmt.Errorf("%s shows for %s:\n%q\nwant:\n%q", neighbor, prefix, got, lines)
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
