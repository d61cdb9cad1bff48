package open

import (
	"errors"
	"testing"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"

	"anywatch/collector/route"
)

func message(t *testing.T, m *bgp.BGPMessage) []byte {
	t.Helper()
	b, err := m.Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSplitReadsWhatGoBGPWrites(t *testing.T) {
	b := message(t, bgp.NewBGPOpenMessage(bgp.AS_TRANS, 90, "192.0.2.1", []bgp.OptionParameterInterface{
		bgp.NewOptionParameterCapability([]bgp.ParameterCapabilityInterface{
			bgp.NewCapMultiProtocol(bgp.RF_IPv4_UC), bgp.NewCapMultiProtocol(bgp.RF_IPv6_MPLS), bgp.NewCapMultiProtocol(bgp.RF_EVPN),
			bgp.NewCapFourOctetASNumber(4200000001), bgp.NewCapRouteRefresh(),
			bgp.NewCapGracefulRestart(true, false, 120, []*bgp.CapGracefulRestartTuple{bgp.NewCapGracefulRestartTuple(bgp.RF_IPv4_UC, true)}),
			bgp.NewCapAddPath([]*bgp.CapAddPathTuple{
				bgp.NewCapAddPathTuple(bgp.RF_IPv4_UC, bgp.BGP_ADD_PATH_SEND),
				bgp.NewCapAddPathTuple(bgp.RF_IPv6_UC, bgp.BGP_ADD_PATH_BOTH),
				bgp.NewCapAddPathTuple(bgp.RF_IPv4_VPN, bgp.BGP_ADD_PATH_RECEIVE),
			}),
		})}))
	m, rest, err := Split(append(b, 1, 2, 3))
	if err != nil || len(rest) != 3 {
		t.Fatalf("rest %v, error %v", rest, err)
	}
	if m.ASN != 4200000001 || m.HoldTime != 90*time.Second || m.BGPID.String() != "192.0.2.1" {
		t.Errorf("got AS %d, hold time %v, BGP ID %v", m.ASN, m.HoldTime, m.BGPID)
	}
	if want := (Families{Unicast: route.IPv4, Labelled: route.IPv6}); m.Families != want {
		t.Errorf("families %+v, want %+v", m.Families, want)
	}
	if want := (Families{Unicast: route.IPv4 | route.IPv6}); m.Send != want {
		t.Errorf("send %+v, want %+v", m.Send, want)
	}
	if want := (Families{Unicast: route.IPv6, VPN: route.IPv4}); m.Receive != want {
		t.Errorf("receive %+v, want %+v", m.Receive, want)
	}
	if !m.RouteRefresh || !m.Restart || m.RestartTime != 2*time.Minute || m.RestartFamilies.Unicast != route.IPv4 {
		t.Errorf("refresh or restart not read: %+v", m.Capabilities)
	}
}

func TestCarriedFamilies(t *testing.T) {
	var plain, both, six Capabilities
	both.Add(Multiprotocol, []byte{0, 1, 0, 1})
	both.Add(Multiprotocol, []byte{0, 2, 0, 1})
	six.Add(Multiprotocol, []byte{0, 2, 0, 1})
	for _, c := range []struct {
		name string
		a, b Capabilities
		want route.Family
	}{
		{"no capability means IPv4", both, plain, route.IPv4},
		{"both", both, both, route.IPv4 | route.IPv6},
		{"only IPv6", both, six, route.IPv6},
		{"nothing in common", plain, six, 0},
	} {
		if got := Carried(c.a, c.b).Unicast; got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

func TestExtendedParameters(t *testing.T) {
	// RFC 9072: 255, 255, two octets of total length; then each parameter with two octets of length.
	b := []byte{4, 0xFD, 0xE8, 0, 90, 192, 0, 2, 1, 255, 255, 0, 9, 2, 0, 6, FourOctetAS, 4, 0, 1, 0, 0}
	m, err := Parse(b)
	if err != nil || m.ASN != 65536 {
		t.Errorf("AS %d, error %v; want 65536", m.ASN, err)
	}
}

func TestOddOpens(t *testing.T) {
	if _, _, err := Split(make([]byte, 20)); !errors.Is(err, ErrShort) {
		t.Errorf("short: %v", err)
	}
	if _, _, err := Split(make([]byte, 40)); !errors.Is(err, ErrMessage) {
		t.Errorf("length zero: %v", err)
	}
	// The second capability says it is longer than its parameter: what stands before it counts.
	m, err := Parse([]byte{4, 0xFD, 0xE8, 0, 90, 192, 0, 2, 1, 6, 2, 4, RouteRefresh, 0, FourOctetAS, 40})
	if err != nil || !m.RouteRefresh || m.FourOctet {
		t.Errorf("got %+v, %v", m, err)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte{4, 0xFD, 0xE8, 0, 90, 192, 0, 2, 1, 255, 255, 0, 9, 2, 0, 6, FourOctetAS, 4, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, rest, err := Split(b); err == nil && len(rest) >= len(b) {
			t.Errorf("nothing was taken off: %+v", m)
		}
		if _, err := Parse(b); err != nil && len(b) >= 10 {
			t.Errorf("a long enough body must be read: %v", err)
		}
	})
}
