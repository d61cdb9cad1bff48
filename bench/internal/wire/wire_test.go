package wire

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/packet/bmp"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestOpen(t *testing.T) {
	m, err := bgp.ParseBGPMessage(Open(400000, addr("10.0.0.1"), 240))
	if err != nil {
		t.Fatal(err)
	}
	o := m.Body.(*bgp.BGPOpen)
	if o.MyAS != bgp.AS_TRANS || o.HoldTime != 240 || o.ID.String() != "10.0.0.1" {
		t.Errorf("%+v", o)
	}
	var caps []string
	for _, p := range o.OptParams {
		for _, c := range p.(*bgp.OptionParameterCapability).Capability {
			caps = append(caps, c.Code().String())
			if four, ok := c.(*bgp.CapFourOctetASNumber); ok && four.CapValue != 400000 {
				t.Errorf("AS%d", four.CapValue)
			}
		}
	}
	if got := strings.Join(caps, " "); got != "multiprotocol multiprotocol graceful-restart 4-octet-as" {
		t.Errorf("capabilities %s", got)
	}
}

func TestEndOfRIB(t *testing.T) {
	in := bufio.NewReader(bytes.NewReader(EndOfRIB()))
	for _, want := range []bgp.RouteFamily{bgp.RF_IPv4_UC, bgp.RF_IPv6_UC} {
		b, err := ReadMessage(in)
		if err != nil {
			t.Fatal(err)
		}
		m, err := bgp.ParseBGPMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		if ok, family := m.Body.(*bgp.BGPUpdate).IsEndOfRib(); !ok || family != want || !EndsRIB(b) {
			t.Errorf("%x ends %v", b, family)
		}
	}
	withdrawal, err := bgp.NewBGPUpdateMessage([]*bgp.IPAddrPrefix{bgp.NewIPAddrPrefix(0, "0.0.0.0")}, nil, nil).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := bgp.NewEndOfRib(bgp.RF_IPv6_UC).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	announcement := Update{Path: []uint32{1}, MED: -1, Announced: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, NextHop: addr("10.0.0.1")}.Append(nil)
	for _, c := range []struct {
		m    []byte
		want bool
	}{{theirs, true}, {withdrawal, false}, {announcement, false}, {Keepalive(), false}} {
		if EndsRIB(c.m) != c.want {
			t.Errorf("%x ends a table: %v", c.m, !c.want)
		}
	}
}

func TestBMP(t *testing.T) {
	peer := BMPPeer{Address: addr("10.64.20.20"), ASN: 65020, At: time.Unix(1_790_000_000, 0)}
	updates := [][]byte{
		Update{Path: []uint32{65020, 1}, MED: -1, Announced: []netip.Prefix{netip.MustParsePrefix("11.0.0.0/8")}, NextHop: addr("10.0.0.1")}.Append(nil),
		EndOfRIB()[:23],
	}
	b := append(Initiation("router-7"), peer.Up(addr("10.64.20.1"), 65030)...)
	var seen []string
	for b = peer.Monitoring(b, updates); len(b) > 0; {
		m, err := bmp.ParseBMPMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		switch x := m.Body.(type) {
		case *bmp.BMPInitiation:
			seen = append(seen, x.Info[1].(*bmp.BMPInfoTLVString).Value)
		case *bmp.BMPPeerUpNotification:
			seen = append(seen, m.PeerHeader.PeerAddress.String(), x.LocalAddress.String(), x.ReceivedOpenMsg.Body.(*bgp.BGPOpen).ID.String())
		case *bmp.BMPRouteMonitoring:
			got, err := x.BGPUpdate.Serialize()
			if err != nil {
				t.Fatal(err)
			}
			if want := updates[len(seen)-4]; !bytes.Equal(got, want) || m.PeerHeader.PeerAS != 65020 || m.PeerHeader.Timestamp != 1_790_000_000 {
				t.Errorf("%x of %+v, want %x", got, m.PeerHeader, want)
			}
			seen = append(seen, "update")
		}
		b = b[m.Header.Length:]
	}
	if got := strings.Join(seen, " "); got != "router-7 10.64.20.20 10.64.20.1 10.64.20.20 update update" {
		t.Errorf("read %s", got)
	}
}

// TestWebsocket: a client of the library that anywatch uses reads frames of every length.
func TestWebsocket(t *testing.T) {
	ctx := deadline(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sizes, failed := []int{0, 125, 126, 300, 65535, 65536, 100000}, make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			defer conn.Close()
			err = AcceptWebsocket(conn)
		}
		var b []byte
		for _, n := range sizes {
			b = AppendFrame(b, bytes.Repeat([]byte("x"), n))
		}
		if err == nil {
			_, err = conn.Write(b)
		}
		failed <- err
		<-ctx.Done()
	}()
	c, _, err := websocket.Dial(ctx, "ws://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(1 << 20)
	for _, n := range sizes {
		_, got, err := c.Read(ctx)
		if err != nil || len(got) != n {
			t.Fatalf("%d octets of %d: %v", len(got), n, err)
		}
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

func TestSession(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	answered := make(chan string, 1)
	go func() {
		in := bufio.NewReader(theirs)
		m, err := ReadMessage(in)
		if err != nil || m[18] != typeOpen {
			answered <- "no OPEN"
			return
		}
		if _, err := theirs.Write(append(Open(65030, addr("10.0.0.2"), 90), Keepalive()...)); err != nil {
			answered <- err.Error()
			return
		}
		if m, err = ReadMessage(in); err != nil || m[18] != typeKeepalive {
			answered <- "no KEEPALIVE"
			return
		}
		b, _ := io.ReadAll(in)
		answered <- string(b)
	}()
	s, err := Establish(deadline(t), ours, addr("10.0.0.1"), 65020)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("table")); err != nil {
		t.Error(err)
	}
	s.Close()
	s.Close() // closing twice is no mistake
	if got := <-answered; got != "table" {
		t.Error(got)
	}
}

func TestRefusedSession(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go func() {
		_, _ = ReadMessage(bufio.NewReader(theirs))
		_, _ = theirs.Write(message(typeNotification, []byte{2, 2}))
	}()
	if _, err := Establish(deadline(t), ours, addr("10.0.0.1"), 65020); err == nil || !strings.Contains(err.Error(), "NOTIFICATION 0202") {
		t.Errorf("error %v", err)
	}
}
