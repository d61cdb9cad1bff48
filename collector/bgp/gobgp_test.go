package bgp

import (
	"context"
	"net/netip"
	"testing"

	api "github.com/osrg/gobgp/v3/api"
	gobgplog "github.com/osrg/gobgp/v3/pkg/log"
	"github.com/osrg/gobgp/v3/pkg/server"
	"google.golang.org/protobuf/proto"
	apb "google.golang.org/protobuf/types/known/anypb"

	"anywatch/collector"
	"anywatch/collector/route"
)

// silence is a logger for gobgp.
type silence struct{}

func (silence) Panic(string, gobgplog.Fields) {}
func (silence) Fatal(string, gobgplog.Fields) {}
func (silence) Error(string, gobgplog.Fields) {}
func (silence) Warn(string, gobgplog.Fields)  {}
func (silence) Info(string, gobgplog.Fields)  {}
func (silence) Debug(string, gobgplog.Fields) {}
func (silence) SetLevel(gobgplog.LogLevel)    {}
func (silence) GetLevel() gobgplog.LogLevel   { return gobgplog.ErrorLevel }

// daemon starts a GoBGP that connects to the station from an address. One at a time: they share variables.
func daemon(t *testing.T, from string, asn uint32, to netip.AddrPort, password string) *server.BgpServer {
	t.Helper()
	b := server.NewBgpServer(server.LoggerOption(silence{}))
	go b.Serve()
	t.Cleanup(b.Stop)
	ctx := context.Background()
	if err := b.StartBgp(ctx, &api.StartBgpRequest{Global: &api.Global{Asn: asn, RouterId: from, ListenPort: -1}}); err != nil {
		t.Fatal(err)
	}
	family := func(afi api.Family_Afi) *api.AfiSafi {
		return &api.AfiSafi{Config: &api.AfiSafiConfig{Family: &api.Family{Afi: afi, Safi: api.Family_SAFI_UNICAST}, Enabled: true},
			MpGracefulRestart: &api.MpGracefulRestart{Config: &api.MpGracefulRestartConfig{Enabled: true}},
			AddPaths:          &api.AddPaths{Config: &api.AddPathsConfig{SendMax: 8}}}
	}
	err := b.AddPeer(ctx, &api.AddPeerRequest{Peer: &api.Peer{
		Conf:            &api.PeerConf{NeighborAddress: to.Addr().String(), PeerAsn: 64500, AuthPassword: password},
		Transport:       &api.Transport{LocalAddress: from, RemotePort: uint32(to.Port())},
		EbgpMultihop:    &api.EbgpMultihop{Enabled: true, MultihopTtl: 4},
		Timers:          &api.Timers{Config: &api.TimersConfig{ConnectRetry: 1, IdleHoldTimeAfterReset: 1}},
		GracefulRestart: &api.GracefulRestart{Enabled: true, RestartTime: 60},
		AfiSafis:        []*api.AfiSafi{family(api.Family_AFI_IP), family(api.Family_AFI_IP6)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func pack(t *testing.T, m proto.Message) *apb.Any {
	t.Helper()
	a, err := apb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// path makes a route for GoBGP's table.
func path(t *testing.T, prefix, nextHop string, id uint32) *api.Path {
	t.Helper()
	p := netip.MustParsePrefix(prefix)
	afi := api.Family_AFI_IP
	if p.Addr().Is6() {
		afi = api.Family_AFI_IP6
	}
	fam := &api.Family{Afi: afi, Safi: api.Family_SAFI_UNICAST}
	n := pack(t, &api.IPAddressPrefix{Prefix: p.Addr().String(), PrefixLen: uint32(p.Bits())})
	attrs := []*apb.Any{pack(t, &api.OriginAttribute{})}
	if p.Addr().Is6() {
		attrs = append(attrs, pack(t, &api.MpReachNLRIAttribute{Family: fam, NextHops: []string{nextHop}, Nlris: []*apb.Any{n}}))
	} else {
		attrs = append(attrs, pack(t, &api.NextHopAttribute{NextHop: nextHop}))
	}
	return &api.Path{Family: fam, Nlri: n, Pattrs: attrs, Identifier: id}
}

func TestGoBGP(t *testing.T) {
	n := Neighbor{Name: "transit", Address: addr("127.0.17.1"), ASN: 64501, Scope: collector.External, AddPath: true, Password: "s3cret"}
	s := start(t, config(n))
	b := daemon(t, "127.0.17.1", 64501, s.addr(), "s3cret")
	up := s.wait(collector.PeerUp)
	if up.Family != route.IPv4|route.IPv6 || !up.Vantage.AllPaths || up.Vantage.Scope != collector.External || up.Vantage.Local != 64501 {
		t.Errorf("families %d, vantage %+v", up.Family, *up.Vantage)
	}
	s.wait(collector.EndOfRIB)
	s.wait(collector.EndOfRIB)

	ctx := context.Background()
	announce := func(p *api.Path) {
		t.Helper()
		if _, err := b.AddPath(ctx, &api.AddPathRequest{Path: p}); err != nil {
			t.Fatal(err)
		}
	}
	four := path(t, "192.0.2.0/24", "10.64.0.1", 0)
	announce(four)
	first := s.wait(collector.Routes)
	if len(first.Updates) != 1 || len(first.Updates[0].Announced) != 1 {
		t.Fatalf("got %s", routes(first))
	}
	got := first.Updates[0]
	if got.Announced[0].Prefix != watched[0] || got.Announced[0].PathID == 0 || got.Attrs.Path.String() != "64501" {
		t.Errorf("got %s", routes(first))
	}
	announce(path(t, "2001:db8:53::/48", "2001:db8::1", 0))
	if ev := s.wait(collector.Routes); ev.Updates[0].Announced[0].Prefix != watched[1] || ev.Updates[0].Attrs.NextHop != addr("2001:db8::1") {
		t.Errorf("got %s", routes(ev))
	}
	if err := b.DeletePath(ctx, &api.DeletePathRequest{Path: four, Family: four.Family}); err != nil {
		t.Fatal(err)
	}
	if ev := s.wait(collector.Routes); len(ev.Updates[0].Withdrawn) != 1 || ev.Updates[0].Withdrawn[0] != got.Announced[0] {
		t.Errorf("got %s", routes(ev))
	}
	if err := b.StopBgp(ctx, &api.StopBgpRequest{}); err != nil {
		t.Fatal(err)
	}
	if ev := s.wait(collector.FeedLost); ev.Vantage != up.Vantage {
		t.Errorf("feed lost of %s", ev.Vantage.Name())
	}
}

// A route refresh brings what was announced before.
func TestGoBGPRefresh(t *testing.T) {
	s := start(t, config(Neighbor{Name: "rr1", Address: addr("127.0.17.2"), ASN: 64500}))
	b := daemon(t, "127.0.17.2", 64500, s.addr(), "")
	ctx := context.Background()
	if _, err := b.AddPath(ctx, &api.AddPathRequest{Path: path(t, "192.0.2.0/24", "10.64.0.1", 0)}); err != nil {
		t.Fatal(err)
	}
	if got := routes(s.wait(collector.Routes)); got != "+192.0.2.0/24[]" {
		t.Errorf("got %s", got)
	}
	if err := s.source.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if got := routes(s.wait(collector.Routes)); got != "+192.0.2.0/24[]" {
		t.Errorf("after the refresh: %s", got)
	}
}
