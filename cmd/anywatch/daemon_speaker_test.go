package main

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	api "github.com/osrg/gobgp/v3/api"
	"github.com/osrg/gobgp/v3/pkg/apiutil"
	gobgplog "github.com/osrg/gobgp/v3/pkg/log"
	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/server"
)

// silence is a logger for GoBGP.
type silence struct{}

func (silence) Panic(string, gobgplog.Fields) {}
func (silence) Fatal(string, gobgplog.Fields) {}
func (silence) Error(string, gobgplog.Fields) {}
func (silence) Warn(string, gobgplog.Fields)  {}
func (silence) Info(string, gobgplog.Fields)  {}
func (silence) Debug(string, gobgplog.Fields) {}
func (silence) SetLevel(gobgplog.LogLevel)    {}
func (silence) GetLevel() gobgplog.LogLevel   { return gobgplog.ErrorLevel }

// speaker is a GoBGP that has a session with a daemon.
type speaker struct {
	t   *testing.T
	bgp *server.BgpServer

	mu   sync.Mutex
	up   bool
	came int // how often the session was established
}

// speaker starts one at an address of the station. It sends all paths, of both families, and tells when it has sent its table.
func (s *station) speaker(host byte, asn uint32) *speaker {
	s.t.Helper()
	p := &speaker{t: s.t, bgp: server.NewBgpServer(server.LoggerOption(silence{}))}
	go p.bgp.Serve()
	ctx, cancel := context.WithCancel(context.Background())
	local := s.host(host)
	err := p.bgp.StartBgp(ctx, &api.StartBgpRequest{Global: &api.Global{Asn: asn, RouterId: local, ListenPort: -1}})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := p.bgp.WatchEvent(ctx, &api.WatchEventRequest{Peer: &api.WatchEventRequest_Peer{}}, p.event); err != nil {
		s.t.Fatal(err)
	}
	address, port, err := net.SplitHostPort(s.bgp)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		p.part(address)
		cancel()
		p.bgp.Stop()
	})
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		s.t.Fatal(err)
	}
	family := func(afi api.Family_Afi) *api.AfiSafi {
		return &api.AfiSafi{
			Config:   &api.AfiSafiConfig{Family: &api.Family{Afi: afi, Safi: api.Family_SAFI_UNICAST}, Enabled: true},
			AddPaths: &api.AddPaths{Config: &api.AddPathsConfig{SendMax: 8}},
		}
	}
	err = p.bgp.AddPeer(ctx, &api.AddPeerRequest{Peer: &api.Peer{
		Conf:            &api.PeerConf{NeighborAddress: address, PeerAsn: 64500},
		Transport:       &api.Transport{LocalAddress: local, RemotePort: uint32(number)},
		EbgpMultihop:    &api.EbgpMultihop{Enabled: true, MultihopTtl: 4},
		Timers:          &api.Timers{Config: &api.TimersConfig{ConnectRetry: 1, IdleHoldTimeAfterReset: 1}},
		GracefulRestart: &api.GracefulRestart{Enabled: true, HelperOnly: true}, // End-of-RIB, and nothing is kept
		AfiSafis:        []*api.AfiSafi{family(api.Family_AFI_IP), family(api.Family_AFI_IP6)},
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (p *speaker) event(r *api.WatchEventResponse) {
	state := r.GetPeer().GetPeer().GetState()
	if state.GetNeighborAddress() == "" {
		return // the event that says that there are no more neighbours to begin with
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	up := state.SessionState == api.PeerState_ESTABLISHED
	if up && !p.up {
		p.came++
	}
	p.up = up
}

func (p *speaker) isUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up
}

// neverLost checks that the session, once established, was never lost.
func (p *speaker) neverLost() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.up || p.came != 1 {
		p.t.Errorf("the peer had its session established %d times, and has it now: %t", p.came, p.up)
	}
}

// part ends the session and waits for it: to stop GoBGP while it still reads is a data race inside it.
func (p *speaker) part(address string) {
	if err := p.bgp.DeletePeer(context.Background(), &api.DeletePeerRequest{Address: address}); err != nil {
		p.t.Errorf("the speaker could not leave: %v", err)
		return
	}
	eventually(p.t, "the speaker ends its session", func() bool { return !p.isUp() })
}

// announce announces a prefix; the path is what stands behind the speaker's own AS.
func (p *speaker) announce(prefix string, path ...uint32) {
	p.t.Helper()
	if _, err := p.bgp.AddPath(context.Background(), &api.AddPathRequest{Path: p.path(prefix, path)}); err != nil {
		p.t.Fatal(err)
	}
}

// withdraw takes it back.
func (p *speaker) withdraw(prefix string) {
	p.t.Helper()
	if err := p.bgp.DeletePath(context.Background(), &api.DeletePathRequest{Path: p.path(prefix, nil)}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *speaker) path(prefix string, path []uint32) *api.Path {
	p.t.Helper()
	n := netip.MustParsePrefix(prefix)
	attrs := []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(bgp.BGP_ORIGIN_ATTR_TYPE_IGP), asPath(path)}
	nlri := nlriOf(n)
	if n.Addr().Is4() {
		attrs = append(attrs, bgp.NewPathAttributeNextHop("10.64.0.1"))
	} else {
		attrs = append(attrs, bgp.NewPathAttributeMpReachNLRI("2001:db8:ffff::1", []bgp.AddrPrefixInterface{nlri}))
	}
	out, err := apiutil.NewPath(nlri, false, attrs, time.Time{})
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

func asPath(path []uint32) bgp.PathAttributeInterface {
	if len(path) == 0 {
		return bgp.NewPathAttributeAsPath(nil)
	}
	return bgp.NewPathAttributeAsPath([]bgp.AsPathParamInterface{bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, path)})
}

func nlriOf(p netip.Prefix) bgp.AddrPrefixInterface {
	if p.Addr().Is4() {
		return bgp.NewIPAddrPrefix(uint8(p.Bits()), p.Addr().String())
	}
	return bgp.NewIPv6AddrPrefix(uint8(p.Bits()), p.Addr().String())
}
