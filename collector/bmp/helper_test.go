package bmp

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/packet/bmp"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

var watched = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8:53::/48")}

// logs collects what is logged.
type logs struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	more chan struct{} // closed with the next line
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	return l.buf.Write(b)
}

// wait waits until the log says something.
func (l *logs) wait(t *testing.T, what string) {
	t.Helper()
	late := time.After(patience)
	for {
		l.mu.Lock()
		if strings.Contains(l.buf.String(), what) {
			l.mu.Unlock()
			return
		}
		if l.more == nil {
			l.more = make(chan struct{})
		}
		more := l.more
		l.mu.Unlock()
		select {
		case <-more:
		case <-late:
			t.Fatalf("the log does not say %q:\n%s", what, l)
		}
	}
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func depsLogging(l *logs) Deps {
	return Deps{
		Live:     screen.NewLive(screen.NewWatch(watched, []route.ASN{64500}, screen.Shortest{IPv4: 8, IPv6: 19})),
		Registry: collector.NewRegistry(), Counters: new(collector.Counters), Log: slog.New(slog.NewTextHandler(l, nil)), Now: time.Now,
	}
}

func deps() Deps { return depsLogging(new(logs)) }

// replay makes a stream as a file is read, and the list that its events go to.
func replay(t *testing.T) (*Stream, *[]collector.Event) {
	t.Helper()
	return stream(t, StreamConfig{ASNs: []route.ASN{64500}, Replay: true})
}

func stream(t *testing.T, cfg StreamConfig) (*Stream, *[]collector.Event) {
	t.Helper()
	events := new([]collector.Event)
	return NewStream(cfg, deps(), collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
		*events = append(*events, ev)
		return nil
	})), events
}

// arrival is when messages of the tests arrive, and stamp what most of them say.
var (
	arrival = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	stamp   = float64(arrival.Unix() - 5)
)

func frame(t testing.TB, m *bmp.BMPMessage, options ...*bgp.MarshallingOption) []byte {
	t.Helper()
	b, err := m.Serialize(options...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// header makes a per-peer header: an eBGP peer unless something else is said.
func header(changes ...func(*bmp.BMPPeerHeader)) bmp.BMPPeerHeader {
	h := bmp.NewBMPPeerHeader(0, 0, 0, "10.9.0.1", 64999, "10.9.0.1", stamp)
	for _, change := range changes {
		change(h)
	}
	return *h
}

func flags(f uint8) func(*bmp.BMPPeerHeader) { return func(h *bmp.BMPPeerHeader) { h.Flags |= f } }
func asn(n uint32) func(*bmp.BMPPeerHeader)  { return func(h *bmp.BMPPeerHeader) { h.PeerAS = n } }
func rd(n uint64) func(*bmp.BMPPeerHeader) {
	return func(h *bmp.BMPPeerHeader) { h.PeerType, h.PeerDistinguisher = 1, n }
}
func seconds(n float64) func(*bmp.BMPPeerHeader) {
	return func(h *bmp.BMPPeerHeader) { h.Timestamp = n }
}

func peerIs(address string) func(*bmp.BMPPeerHeader) {
	return func(h *bmp.BMPPeerHeader) {
		*h = *bmp.NewBMPPeerHeader(h.PeerType, h.Flags, h.PeerDistinguisher, address, h.PeerAS, "10.9.0.1", h.Timestamp)
	}
}

func locRIB(as uint32) bmp.BMPPeerHeader {
	return *bmp.NewBMPPeerHeader(3, 0, 0, "0.0.0.0", as, "10.0.0.1", stamp)
}

func monitoring(t testing.TB, h bmp.BMPPeerHeader, u *bgp.BGPMessage, options ...*bgp.MarshallingOption) []byte {
	t.Helper()
	return frame(t, bmp.NewBMPRouteMonitoring(h, u), options...)
}

func initiate(t testing.TB, name string) []byte {
	t.Helper()
	return frame(t, bmp.NewBMPInitiation([]bmp.BMPInfoTLVInterface{
		bmp.NewBMPInfoTLVString(1, "Routing Software 1.0"), bmp.NewBMPInfoTLVString(2, name)}))
}

type capability = bgp.ParameterCapabilityInterface

func openMessage(as uint32, list ...capability) *bgp.BGPMessage {
	list = append([]capability{bgp.NewCapFourOctetASNumber(as)}, list...)
	return bgp.NewBGPOpenMessage(uint16(min(as, 65535)), 90, "10.0.0.1", []bgp.OptionParameterInterface{bgp.NewOptionParameterCapability(list)})
}

func addPath(rf bgp.RouteFamily, mode bgp.BGPAddPathMode) capability {
	return bgp.NewCapAddPath([]*bgp.CapAddPathTuple{bgp.NewCapAddPathTuple(rf, mode)})
}

var (
	mp4     = bgp.NewCapMultiProtocol(bgp.RF_IPv4_UC)
	mp6     = bgp.NewCapMultiProtocol(bgp.RF_IPv6_UC)
	pathIDs = &bgp.MarshallingOption{AddPath: map[bgp.RouteFamily]bgp.BGPAddPathMode{bgp.RF_IPv4_UC: bgp.BGP_ADD_PATH_BOTH}}
)

func up(t testing.TB, h bmp.BMPPeerHeader, sent, received *bgp.BGPMessage) []byte {
	t.Helper()
	return frame(t, bmp.NewBMPPeerUpNotification(h, "10.0.0.1", 179, 50000, sent, received))
}

func down(t testing.TB, h bmp.BMPPeerHeader, reason uint8) []byte {
	t.Helper()
	return frame(t, bmp.NewBMPPeerDownNotification(h, reason, bgp.NewBGPNotificationMessage(6, 2, nil), []byte{0, 0}))
}

func announce(path []uint32, prefixes ...string) *bgp.BGPMessage {
	attrs := []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), asPath(path...), bgp.NewPathAttributeNextHop("10.9.0.1")}
	return bgp.NewBGPUpdateMessage(nil, attrs, nlri(prefixes...))
}

func withdraw(prefixes ...string) *bgp.BGPMessage {
	return bgp.NewBGPUpdateMessage(nlri(prefixes...), nil, nil)
}

func endMarker() *bgp.BGPMessage { return bgp.NewBGPUpdateMessage(nil, nil, nil) }

func asPath(path ...uint32) bgp.PathAttributeInterface {
	if len(path) == 0 {
		return bgp.NewPathAttributeAsPath(nil)
	}
	return bgp.NewPathAttributeAsPath([]bgp.AsPathParamInterface{bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, path)})
}

func nlri(prefixes ...string) (list []*bgp.IPAddrPrefix) {
	for _, s := range prefixes {
		p := netip.MustParsePrefix(s)
		list = append(list, bgp.NewIPAddrPrefix(uint8(p.Bits()), p.Addr().String()))
	}
	return list
}

// withPath gives each route of an update a path identifier.
func withPath(m *bgp.BGPMessage, id uint32) *bgp.BGPMessage {
	if u, ok := m.Body.(*bgp.BGPUpdate); ok {
		for _, n := range u.NLRI {
			n.SetPathLocalIdentifier(id)
		}
		for _, n := range u.WithdrawnRoutes {
			n.SetPathLocalIdentifier(id)
		}
	}
	return m
}

// feed gives a stream its messages; none may be refused.
func feed(t testing.TB, s *Stream, frames ...[]byte) {
	t.Helper()
	for i, f := range frames {
		if err := s.Message(context.Background(), f, arrival); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

// story writes events as lines for comparison: "routes bmp:r1/10.9.0.1/pre +192.0.2.0/24[64999]".
func story(events []collector.Event) string {
	var b strings.Builder
	for _, ev := range events {
		if ev.Kind == collector.Heard {
			continue
		}
		if ev.Vantage == nil {
			fmt.Fprintf(&b, "%v %s: %s\n", ev.Kind, ev.Feed, ev.Reason)
			continue
		}
		fmt.Fprintf(&b, "%v %s", ev.Kind, ev.Vantage.Name())
		if ev.Kind == collector.EndOfRIB {
			fmt.Fprintf(&b, " %d", ev.Family)
		}
		for _, u := range ev.Updates {
			for _, n := range u.Withdrawn {
				fmt.Fprintf(&b, " -%s", name(n))
			}
			for _, n := range u.Announced {
				fmt.Fprintf(&b, " +%s[%v]", name(n), u.Attrs.Path)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func name(n route.NLRI) string {
	if n.PathID == 0 {
		return n.Prefix.String()
	}
	return fmt.Sprintf("%v#%d", n.Prefix, n.PathID)
}

// expect compares what a stream told with what it should have.
func expect(t *testing.T, events *[]collector.Event, want ...string) {
	t.Helper()
	got := strings.TrimSpace(story(*events))
	if w := strings.Join(want, "\n"); got != w {
		t.Errorf("events:\n%s\nwant:\n%s", got, w)
	}
	*events = nil
}
