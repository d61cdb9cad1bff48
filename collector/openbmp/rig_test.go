package openbmp

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/packet/bmp"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// arrival is when the frames of the tests arrive, and stamp what their BMP messages say.
var (
	arrival = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	stamp   = float64(arrival.Unix() - 5)
)

func testDeps() Deps {
	watch := screen.NewWatch([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, []route.ASN{64500}, screen.Shortest{IPv4: 8, IPv6: 19})
	return Deps{Live: screen.NewLive(watch), Registry: collector.NewRegistry(), Counters: new(collector.Counters),
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return arrival }}
}

// rig is a decoder, and what came out of it.
type rig struct {
	tb        testing.TB
	decoder   *Decoder
	events    []string
	vantages  []collector.Vantage
	malformed []error
}

func newRig(tb testing.TB, cfg DecoderConfig) *rig {
	r := &rig{tb: tb}
	sink := collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
		if ev.Kind == collector.Heard { // every vantage's first event; the tests are about what follows
			return nil
		}
		r.events = append(r.events, told(ev))
		r.vantages = append(r.vantages, *ev.Vantage)
		return nil
	})
	cfg.ASNs = []route.ASN{64500}
	r.decoder = NewDecoder(cfg, testDeps(), sink)
	return r
}

func (r *rig) frames(list ...[]byte) {
	r.tb.Helper()
	for _, f := range list {
		err := r.decoder.Frame(context.Background(), f, arrival)
		switch {
		case err == nil:
		case PassedOver(err):
			r.malformed = append(r.malformed, err)
		default:
			r.tb.Fatalf("the stream ended: %v", err)
		}
	}
}

// expect compares what came out since the last call.
func (r *rig) expect(want ...string) {
	r.tb.Helper()
	if got, want := strings.Join(r.events, "\n"), strings.Join(want, "\n"); got != want {
		r.tb.Errorf("events:\n%s\nwant:\n%s", got, want)
	}
	for _, err := range r.malformed {
		r.tb.Errorf("passed over: %v", err)
	}
	r.events, r.malformed = nil, nil
}

// refuses tells that exactly one frame was passed over, with such an error.
func (r *rig) refuses(what string) {
	r.tb.Helper()
	if len(r.malformed) != 1 || !strings.Contains(r.malformed[0].Error(), what) {
		r.tb.Errorf("passed over: %v; want %q", r.malformed, what)
	}
	r.malformed = nil
}

// told writes an event as the tests expect it.
func told(ev collector.Event) string {
	var b strings.Builder
	if ev.Vantage == nil {
		fmt.Fprintf(&b, "%s %s", ev.Kind, ev.Feed)
	} else {
		fmt.Fprintf(&b, "%s %s", ev.Vantage.Name(), ev.Kind)
	}
	for _, u := range ev.Updates {
		for _, n := range u.Withdrawn {
			fmt.Fprintf(&b, " -%s", n.Prefix)
		}
		for _, n := range u.Announced {
			fmt.Fprintf(&b, " +%s", n.Prefix)
		}
		if u.Attrs != nil {
			fmt.Fprintf(&b, " [%s]", u.Attrs.Path)
		}
	}
	if ev.Family != 0 {
		fmt.Fprintf(&b, " %d", ev.Family)
	}
	if ev.Reason != "" {
		fmt.Fprintf(&b, " (%s)", ev.Reason)
	}
	return b.String()
}

// origin is who a frame is from.
type origin struct {
	collector, admin, router, group, ip string
	sec                                 uint32
}

var edge1 = origin{collector: "collector-1", admin: "rv-ams", router: "router-1", ip: "10.0.0.1", sec: uint32(arrival.Unix())}

func hash(s string) []byte {
	var b [16]byte
	copy(b[:], s)
	return b[:]
}

// binaryFrame puts a binary header of version 1.7 in front of a body.
func (o origin) binaryFrame(body []byte) []byte {
	ip, flags, address := netip.MustParseAddr(o.ip), byte(flagRouter), make([]byte, 16)
	copy(address, ip.AsSlice())
	if ip.Is6() {
		flags |= flagIPv6
	}
	b := append([]byte(magic), 1, 7, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = binary.BigEndian.AppendUint32(append(b, flags, typeRaw), o.sec)
	b = append(binary.BigEndian.AppendUint32(b, 250_000), hash(o.collector)...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(o.admin))), o.admin...)
	b = append(append(b, hash(o.router)...), address...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(o.group))), o.group...)
	b = binary.BigEndian.AppendUint32(b, 1)
	binary.BigEndian.PutUint16(b[6:], uint16(len(b)))
	return append(b, body...)
}

// textFrame puts a text header in front of a body.
func (o origin) textFrame(body []byte) []byte {
	head := fmt.Sprintf("V: 1.7\nC_HASH_ID: %s\nT: bmp_raw\nR_HASH: %s\nR_IP: %s\nL: %d\n\n", hex.EncodeToString(hash(o.collector)),
		hex.EncodeToString(hash(o.router)), o.ip, len(body))
	return append([]byte(head), body...)
}

func serialize(tb testing.TB, m *bmp.BMPMessage) []byte {
	tb.Helper()
	b, err := m.Serialize()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func peerHeader(address string) bmp.BMPPeerHeader {
	return *bmp.NewBMPPeerHeader(0, 0, 0, address, 64999, "10.9.0.1", stamp)
}

func initiate(tb testing.TB, name string) []byte {
	return serialize(tb, bmp.NewBMPInitiation([]bmp.BMPInfoTLVInterface{bmp.NewBMPInfoTLVString(2, name)}))
}

func terminate(tb testing.TB) []byte { return serialize(tb, bmp.NewBMPTermination(nil)) }

func up(tb testing.TB, address string) []byte {
	open := func(as uint16) *bgp.BGPMessage {
		return bgp.NewBGPOpenMessage(as, 90, "10.0.0.1", []bgp.OptionParameterInterface{bgp.NewOptionParameterCapability(
			[]bgp.ParameterCapabilityInterface{bgp.NewCapMultiProtocol(bgp.RF_IPv4_UC), bgp.NewCapFourOctetASNumber(uint32(as))})})
	}
	return serialize(tb, bmp.NewBMPPeerUpNotification(peerHeader(address), "10.0.0.1", 179, 50000, open(64500), open(64999)))
}

func down(tb testing.TB, address string) []byte {
	return serialize(tb, bmp.NewBMPPeerDownNotification(peerHeader(address), 4, nil, nil))
}

func monitor(tb testing.TB, address, prefix string) []byte {
	p := netip.MustParsePrefix(prefix)
	attrs := []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), bgp.NewPathAttributeNextHop("10.9.0.1"),
		bgp.NewPathAttributeAsPath([]bgp.AsPathParamInterface{bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, []uint32{64999})})}
	u := bgp.NewBGPUpdateMessage(nil, attrs, []*bgp.IPAddrPrefix{bgp.NewIPAddrPrefix(uint8(p.Bits()), p.Addr().String())})
	return serialize(tb, bmp.NewBMPRouteMonitoring(peerHeader(address), u))
}
