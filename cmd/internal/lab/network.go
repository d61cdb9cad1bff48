package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	api "github.com/osrg/gobgp/v3/api"
)

// Options say where the network is and whom it talks to. The zero value is a network in the first free block, with the monitor in it.
type Options struct {
	// BGP and BMP are where the monitor listens: IPv4 loopback addresses. Without one, the monitor gets an address in the network's own
	// block, which no other network uses; the Description tells it.
	BGP, BMP netip.AddrPort
	// Block is a /24 within 127.0.0.0/8 for the speakers. Without one, the first free one of 127.64.0.0/24, 127.64.1.0/24 … is taken.
	Block netip.Prefix
	// Logger gets the speakers' messages at debug level. Without one, they are not kept.
	Logger *slog.Logger
}

// partTime bounds how long the sessions may take to end. They take milliseconds.
const partTime = 3 * time.Second

// Network is the running laboratory. Start and Stop belong to one goroutine; between them, the other methods may be called from several.
type Network struct {
	options Options
	block   block
	log     *slog.Logger
	cache   roaCache

	services map[string]*service // by name of the site
	speakers []*speaker          // in the order of their plans
	glasses  map[string]*speaker // by name of the transit
	relay    *relay
	started  bool

	end     context.CancelFunc // of what runs beside the speakers
	endWith context.Context
	once    sync.Once
	serving sync.WaitGroup
}

// New claims a block of addresses, so that Description holds before anything runs. It opens no session. Where the system lacks the
// addresses, the error names the commands that make them. End the network with Stop, also when it was never started.
func New(o Options) (*Network, error) {
	n := &Network{options: o, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), glasses: map[string]*speaker{}, services: map[string]*service{}}
	var inBlock []uint16
	for _, m := range []struct {
		what string
		at   netip.AddrPort
		port uint16
	}{{"BGP", o.BGP, bgpPort}, {"BMP", o.BMP, bmpPort}} {
		switch a := m.at; {
		case a == netip.AddrPort{}:
			inBlock = append(inBlock, m.port)
		case !a.Addr().Is4() || !a.Addr().IsLoopback() || a.Port() == 0:
			return nil, fmt.Errorf("the monitor's %s address %s is not an address and port within 127.0.0.0/8", m.what, a)
		}
	}
	var err error
	if err := n.cache.prepare(ROAs(), n.log); err != nil {
		return nil, err
	}
	if n.block, err = claimBlock(o.Block, inBlock, net.Listen); err != nil {
		return nil, err
	}
	monitor := n.block.host(monitorHost)
	n.options.BGP = orElse(o.BGP, netip.AddrPortFrom(monitor, bgpPort))
	n.options.BMP = orElse(o.BMP, netip.AddrPortFrom(monitor, bmpPort))
	n.endWith, n.end = context.WithCancel(context.Background())
	return n, nil
}

func orElse(a, otherwise netip.AddrPort) netip.AddrPort {
	if a.IsValid() {
		return a
	}
	return otherwise
}

// Start brings the speakers up, which takes about two seconds, and then opens the sessions with the monitor, which takes one or two more:
// wait for those with Ready. The context bounds the start, not the life of the network. The monitor may begin to listen before or after;
// before is faster. After an error the network is stopped.
func (n *Network) Start(ctx context.Context) error {
	if n.started || n.endWith.Err() != nil {
		return errors.New("this network has been started or stopped before; make a new one")
	}
	n.started = true
	n.cache.serve(n.block.claim)
	for _, step := range []func(context.Context) error{n.startServices, n.startSpeakers, n.watch, n.connect, n.startBMP, n.announceAll, n.connectMonitor} {
		if err := step(ctx); err != nil {
			n.Stop()
			return err
		}
	}
	return nil
}

// startSpeakers starts all of them before any gets a neighbour: see the remark on GoBGP in the package's documentation.
func (n *Network) startSpeakers(ctx context.Context) error {
	for _, p := range plans() {
		s := newSpeaker(p, n.block.host(p.host), n.log)
		n.speakers = append(n.speakers, s)
		if err := s.start(ctx, p.listens()); err != nil {
			return err
		}
		if p.role != transitRole {
			continue
		}
		glass := newSpeaker(p, n.block.host(p.host), n.log.With(slog.Bool("glass", true)))
		n.glasses[p.name] = glass
		if err := glass.start(ctx, false); err != nil {
			return err
		}
	}
	for _, s := range n.speakers {
		if err := n.applyPolicy(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (n *Network) applyPolicy(ctx context.Context, s *speaker) error {
	switch s.role {
	case siteRole:
		return s.edgePolicy(ctx, n.transitsOf(s))
	case hijackerRole:
		return s.customerPolicy(ctx)
	case transitRole:
		var customer netip.Addr
		if s.name == transitBName {
			customer = n.speaker(hijackerName).address
		}
		return s.transitPolicy(ctx, customer)
	}
	return nil
}

// transitsOf lists the addresses of a speaker's transits, as prefixes.
func (n *Network) transitsOf(s *speaker) []string {
	var list []string
	for _, name := range s.uplinks {
		if t := n.speaker(name); t.role == transitRole {
			list = append(list, netip.PrefixFrom(t.address, 32).String())
		}
	}
	return list
}

// connect adds the waiting end of each session before the one that opens it, so that no attempt is refused.
func (n *Network) connect(ctx context.Context) error {
	type link struct{ opens, waits *speaker }
	var links []link
	for _, s := range n.speakers {
		for _, name := range s.uplinks {
			links = append(links, link{opens: s, waits: n.speaker(name)})
		}
	}
	for _, l := range links {
		opener := neighbor{address: l.opens.address, asn: l.opens.asn, client: l.waits.role == reflectorRole}
		if err := l.waits.addNeighbor(ctx, opener); err != nil {
			return err
		}
	}
	for _, l := range links {
		if err := l.opens.addNeighbor(ctx, neighbor{address: l.waits.address, port: bgpPort, asn: l.waits.asn}); err != nil {
			return err
		}
	}
	return nil
}

// connectMonitor lets the monitor in once the network has found its rest, so that what the monitor is shown first is complete, and not the
// confusion of a network that starts. It opens the sessions and releases the BMP stream. For the reflector, the monitor is a client like
// the sites, since GoBGP gives ORIGINATOR_ID and CLUSTER_LIST to clients only.
func (n *Network) connectMonitor(ctx context.Context) error {
	err := settle(ctx, func(ctx context.Context) (string, error) {
		if what, err := n.lackingSite(ctx); err != nil || what != "" {
			return what, err
		}
		return n.lackingView(ctx)
	})
	if err != nil {
		return err
	}
	to := neighbor{address: n.options.BGP.Addr(), port: n.options.BGP.Port(), asn: OurASN, endOfRIB: true}
	internal, external := to, to
	internal.client, internal.addPath = true, true
	external.ownASLoop = true
	reflector := n.speaker(reflectorName)
	if err := reflector.addNeighbor(ctx, internal); err != nil {
		return err
	}
	for _, glass := range n.glasses {
		if err := glass.addNeighbor(ctx, external); err != nil {
			return err
		}
	}
	close(n.relay.release)
	return nil
}

// startBMP begins the stream once the reflector has its sessions with the sites, and returns when they have been reported in it: only then
// may they announce anything. See relay.
func (n *Network) startBMP(ctx context.Context) error {
	reflector := n.speaker(reflectorName)
	at := netip.AddrPortFrom(reflector.address, bmpPort)
	l, err := net.Listen("tcp4", at.String())
	if err != nil {
		return fmt.Errorf("BMP relay: %w", err)
	}
	n.relay = newRelay(l, reflector.address, n.options.BMP, len(sites()), n.log)
	n.serving.Go(func() { n.relay.serve(n.endWith) })
	if err := settle(ctx, n.lackingClient); err != nil {
		return err
	}
	// Of GoBGP's choices only the pre-policy view is right also for a station that comes late, and "both" sends no routes at all. It notices
	// a station that went away when it writes; the statistics make it write.
	err = reflector.bgp.AddBmp(ctx, &api.AddBmpRequest{
		Address: at.Addr().String(), Port: bmpPort, Policy: api.AddBmpRequest_PRE,
		StatisticsTimeout: 2, SysName: reflectorName, SysDescr: "route reflector of the demonstration network (GoBGP)",
	})
	if err != nil {
		return fmt.Errorf("speaker %s: BMP: %w", reflectorName, err)
	}
	select {
	case <-n.relay.reported:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s has not begun its BMP stream: %w", reflectorName, ctx.Err())
	}
}

// lackingClient tells which site has no session with the reflector.
func (n *Network) lackingClient(context.Context) (string, error) {
	silent := n.speaker(reflectorName).silent()
	for _, s := range sites() {
		if slices.Contains(silent, n.speaker(s.Name).address) {
			return fmt.Sprintf("%s has no BGP session with %s", reflectorName, s.Name), nil
		}
	}
	return "", nil
}

func (n *Network) announceAll(ctx context.Context) error {
	for _, s := range sites() {
		if err := n.announceSite(ctx, s, marks{}, AnycastV4, AnycastV6); err != nil {
			return err
		}
	}
	return n.speaker(transitAName).announce(ctx, bystander, originAttrs(nil, nil))
}

// watch follows the sessions of all speakers, and lets the looking glasses follow their transits.
func (n *Network) watch(context.Context) error {
	for _, s := range n.all() {
		if err := s.follow(n.endWith, s); err != nil {
			return err
		}
	}
	for _, name := range []string{transitAName, transitBName} {
		if err := mirror(n.endWith, n.speaker(name), n.glasses[name], n.log); err != nil {
			return err
		}
	}
	return nil
}

// all gives the speakers and the looking glasses.
func (n *Network) all() []*speaker {
	all := slices.Clone(n.speakers)
	for _, glass := range n.glasses {
		all = append(all, glass)
	}
	return all
}

// Stop ends all sessions with a Cease, and the BMP stream with a Termination, and gives the addresses back. Only the first call does anything.
func (n *Network) Stop() {
	n.once.Do(func() {
		if n.relay != nil {
			reflector := n.speaker(reflectorName)
			// It fails only where the start failed before there was a stream.
			_ = reflector.bgp.DeleteBmp(context.Background(), &api.DeleteBmpRequest{Address: reflector.address.String(), Port: bmpPort})
		}
		n.stopSpeakers()
		n.end()
		if n.relay != nil {
			n.relay.listener.Close()
		}
		n.cache.close()
		n.stopServices()
		n.block.claim.Close()
		n.serving.Wait()
	})
}

// stopSpeakers ends the sessions with the monitor first, so that it is not told of all the withdrawals that follow, then those between the
// speakers, and then stops these.
func (n *Network) stopSpeakers() {
	ctx, cancel := context.WithTimeout(context.Background(), partTime)
	defer cancel()
	n.partAll(ctx, func(a netip.Addr) bool { return a == n.options.BGP.Addr() })
	n.partAll(ctx, func(netip.Addr) bool { return true })
	for _, s := range n.all() {
		s.bgp.Stop()
	}
}

func (n *Network) partAll(ctx context.Context, from func(netip.Addr) bool) {
	var parting sync.WaitGroup
	for _, s := range n.all() {
		parting.Go(func() {
			if err := s.part(ctx, slices.DeleteFunc(s.neighbors(), func(a netip.Addr) bool { return !from(a) })...); err != nil {
				n.log.Warn("a speaker did not part as it should", slog.Any("error", err))
			}
		})
	}
	parting.Wait()
}

func (n *Network) speaker(name string) *speaker {
	i := slices.IndexFunc(n.speakers, func(s *speaker) bool { return s.name == name })
	return n.speakers[i] // the names come from the plans, as the speakers do
}
