package lab

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	api "github.com/osrg/gobgp/v3/api"
	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/server"
)

// speaker is one BGP router of the network: a GoBGP server with an address of its own.
type speaker struct {
	plan
	address netip.Addr
	bgp     *server.BgpServer
	sessions
}

// newSpeaker makes a router that does not run BGP yet. GoBGP's server has no way to end its main loop: the goroutine begun here stays,
// idle, until the process ends.
func newSpeaker(p plan, address netip.Addr, log *slog.Logger) *speaker {
	logger := quiet{log.With(slog.String("speaker", p.name))}
	s := &speaker{
		plan: p, address: address, bgp: server.NewBgpServer(server.LoggerOption(logger)),
		sessions: sessions{established: map[netip.Addr]bool{}},
	}
	go s.bgp.Serve()
	return s
}

// start begins to listen, where another speaker opens sessions to this one.
func (s *speaker) start(ctx context.Context, listen bool) error {
	global := &api.Global{
		Asn: s.asn, RouterId: s.routerID.String(), ListenPort: -1,
		// The oldest route wins by default: a matter of luck while everything starts at once. The router ID does not change.
		RouteSelectionOptions: &api.RouteSelectionOptionsConfig{ExternalCompareRouterId: true},
	}
	if listen {
		global.ListenPort, global.ListenAddresses = bgpPort, []string{s.address.String()}
	}
	if err := s.bgp.StartBgp(ctx, &api.StartBgpRequest{Global: global}); err != nil {
		return fmt.Errorf("speaker %s: start BGP at %s port %d: %w", s.name, s.address, bgpPort, err)
	}
	return nil
}

// part ends the sessions with these neighbours with a Cease, and waits until they have ended: to stop GoBGP while one still reads is a data
// race inside it.
func (s *speaker) part(ctx context.Context, neighbors ...netip.Addr) error {
	for _, a := range neighbors {
		if err := s.bgp.DeletePeer(ctx, &api.DeletePeerRequest{Address: a.String()}); err != nil {
			return fmt.Errorf("speaker %s: remove neighbour %s: %w", s.name, a, err)
		}
	}
	err := settle(ctx, func(context.Context) (string, error) {
		for _, a := range neighbors {
			if s.isEstablished(a) {
				return fmt.Sprintf("speaker %s still has a session with %s", s.name, a), nil
			}
		}
		return "", nil
	})
	s.forget(neighbors)
	return err
}

// neighbor is one end of a session, as a speaker configures it.
type neighbor struct {
	address   netip.Addr
	port      uint16 // to open the session to; 0 = wait for the neighbour
	asn       uint32
	client    bool // of this route reflector
	addPath   bool // send it all paths, not only the best
	endOfRIB  bool // tell it when the table has been sent (RFC 4724 section 2); for the monitor
	ownASLoop bool // send it routes with its own AS in the path
}

// sendMax is how many paths of a prefix an Add-Path session carries at most.
const sendMax = 16

// Timers that bring sessions up fast and, on loopback, cost nothing.
const (
	connectRetry = 1  // seconds; GoBGP waits one to two of these before the first attempt
	holdTime     = 90 // seconds
)

func (s *speaker) addNeighbor(ctx context.Context, n neighbor) error {
	peer := &api.Peer{
		Conf:      &api.PeerConf{NeighborAddress: n.address.String(), PeerAsn: n.asn, AllowAspathLoopLocal: n.ownASLoop},
		Transport: &api.Transport{LocalAddress: s.address.String(), RemotePort: uint32(n.port), PassiveMode: n.port == 0},
		Timers: &api.Timers{Config: &api.TimersConfig{
			ConnectRetry: connectRetry, IdleHoldTimeAfterReset: 1, HoldTime: holdTime, KeepaliveInterval: holdTime / 3,
		}},
	}
	if n.client {
		peer.RouteReflector = &api.RouteReflector{RouteReflectorClient: true, RouteReflectorClusterId: s.routerID.String()}
	}
	if n.endOfRIB {
		// A helper offers the capability for no address family: End-of-RIB is sent, and nothing is kept over a lost session.
		peer.GracefulRestart = &api.GracefulRestart{Enabled: true, HelperOnly: true}
	}
	for _, f := range families() {
		af := &api.AfiSafi{Config: &api.AfiSafiConfig{Family: f, Enabled: true}}
		if n.addPath {
			af.AddPaths = &api.AddPaths{Config: &api.AddPathsConfig{SendMax: sendMax}}
		}
		peer.AfiSafis = append(peer.AfiSafis, af)
	}
	s.expect(n.address)
	if err := s.bgp.AddPeer(ctx, &api.AddPeerRequest{Peer: peer}); err != nil {
		return fmt.Errorf("speaker %s: add neighbour %s: %w", s.name, n.address, err)
	}
	return nil
}

// announce puts a route of the speaker's own into its table, or replaces it.
func (s *speaker) announce(ctx context.Context, p netip.Prefix, attrs []bgp.PathAttributeInterface) error {
	path, err := makePath(p, s.nextHop(p), attrs)
	if err != nil {
		return err
	}
	if _, err := s.bgp.AddPath(ctx, &api.AddPathRequest{Path: path}); err != nil {
		return fmt.Errorf("speaker %s: announce %s: %w", s.name, p, err)
	}
	return nil
}

// withdraw takes the speaker's own route to the prefix back. It is no error if there is none.
func (s *speaker) withdraw(ctx context.Context, p netip.Prefix) error {
	path, err := makePath(p, s.nextHop(p), originAttrs(nil, nil))
	if err != nil {
		return err
	}
	if err := s.bgp.DeletePath(ctx, &api.DeletePathRequest{Path: path}); err != nil {
		return fmt.Errorf("speaker %s: withdraw %s: %w", s.name, p, err)
	}
	return nil
}

func (s *speaker) nextHop(p netip.Prefix) netip.Addr {
	if p.Addr().Is4() {
		return s.routerID
	}
	return s.nextHop6
}

// routes gives what the speaker holds for exactly this prefix, the best route first.
func (s *speaker) routes(ctx context.Context, p netip.Prefix) ([]view, error) {
	var views []view
	var bad error
	err := s.bgp.ListPath(ctx, &api.ListPathRequest{
		TableType: api.TableType_GLOBAL, Family: familyOf(p), Prefixes: []*api.TableLookupPrefix{{Prefix: p.String()}},
	}, func(d *api.Destination) {
		for _, path := range d.Paths {
			v, err := viewOf(path)
			if err != nil {
				bad = err
			}
			views = append(views, v)
		}
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, fmt.Errorf("speaker %s: routes to %s: %w", s.name, p, err)
	}
	return views, nil
}
