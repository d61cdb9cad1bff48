package part

import (
	"bufio"
	"context"
	"errors"
	"net/netip"
	"sync"

	api "github.com/osrg/gobgp/v3/api"
	"github.com/osrg/gobgp/v3/pkg/log"
	"github.com/osrg/gobgp/v3/pkg/server"

	"anywatch/bench/internal/wire"
)

// ReceiverAS is the AS of whoever receives a table over BGP.
const ReceiverAS = 65030

// readBuffer is how much listeners read at once, as anywatch does.
const readBuffer = 64 << 10

// discardBGP takes one BGP session and forgets everything that comes, but for the ends of the two tables, after which it says that it is done.
func discardBGP(ctx context.Context, t *talk, a *arguments) error {
	address := a.text()
	if a.err != nil {
		return nil
	}
	l, err := listen(ctx, t, address)
	if err != nil {
		return err
	}
	conn, err := accept(ctx, l)
	if err != nil {
		return err
	}
	id := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if _, err := conn.Write(append(wire.Open(ReceiverAS, id, 240), wire.Keepalive()...)); err != nil {
		return err
	}
	in := bufio.NewReaderSize(conn, readBuffer)
	for ends := 0; ends < 2; {
		m, err := wire.ReadMessage(in)
		if err != nil {
			return err
		}
		if wire.EndsRIB(m) {
			ends++
		}
	}
	if err := t.say("done"); err != nil {
		return err
	}
	for { // the sender may still have something to say
		if _, err := wire.ReadMessage(in); err != nil {
			return nil
		}
	}
}

// gobgp is an embedded GoBGP server with one passive neighbour. It says that it is done when both tables have ended, with the number of routes.
func gobgp(ctx context.Context, t *talk, a *arguments) error {
	address, peer, asn := a.text(), a.text(), a.number()
	if a.err != nil {
		return nil
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	s := server.NewBgpServer(server.LoggerOption(silent{}))
	go s.Serve()
	global := &api.Global{Asn: ReceiverAS, RouterId: at.Addr().String(), ListenPort: int32(at.Port()), ListenAddresses: []string{at.Addr().String()}}
	if err := s.StartBgp(ctx, &api.StartBgpRequest{Global: global}); err != nil {
		return err
	}
	done, ends := make(chan struct{}), make(map[api.Family_Afi]bool)
	var once sync.Once
	end := &api.WatchEventRequest{Table: &api.WatchEventRequest_Table{Filters: []*api.WatchEventRequest_Table_Filter{{Type: api.WatchEventRequest_Table_Filter_EOR}}}}
	err = s.WatchEvent(ctx, end, func(r *api.WatchEventResponse) { // called by one goroutine
		for _, p := range r.GetTable().GetPaths() {
			ends[p.Family.Afi] = true
		}
		if len(ends) == 2 {
			once.Do(func() { close(done) })
		}
	})
	if err != nil {
		return err
	}
	if err := s.AddPeer(ctx, &api.AddPeerRequest{Peer: passive(peer, uint32(asn), at.Addr())}); err != nil {
		return err
	}
	if err := t.say("ready", at); err != nil {
		return err
	}
	select {
	case <-done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	n, err := routesIn(ctx, s)
	return errors.Join(err, t.say("done", n))
}

func families() []*api.Family {
	return []*api.Family{{Afi: api.Family_AFI_IP, Safi: api.Family_SAFI_UNICAST}, {Afi: api.Family_AFI_IP6, Safi: api.Family_SAFI_UNICAST}}
}

func passive(peer string, asn uint32, local netip.Addr) *api.Peer {
	p := &api.Peer{
		Conf:      &api.PeerConf{NeighborAddress: peer, PeerAsn: asn},
		Transport: &api.Transport{LocalAddress: local.String(), PassiveMode: true},
		Timers:    &api.Timers{Config: &api.TimersConfig{ConnectRetry: 1, IdleHoldTimeAfterReset: 1, HoldTime: 240, KeepaliveInterval: 80}},
		// It is a multihop session of two ASes on one machine.
		EbgpMultihop: &api.EbgpMultihop{Enabled: true, MultihopTtl: 8},
	}
	for _, f := range families() {
		p.AfiSafis = append(p.AfiSafis, &api.AfiSafi{Config: &api.AfiSafiConfig{Family: f, Enabled: true}})
	}
	return p
}

func routesIn(ctx context.Context, s *server.BgpServer) (n uint64, err error) {
	for _, f := range families() {
		r, err := s.GetTable(ctx, &api.GetTableRequest{TableType: api.TableType_GLOBAL, Family: f})
		if err != nil {
			return 0, err
		}
		n += r.NumPath
	}
	return n, nil
}

// silent is a log that nobody reads.
type silent struct{}

func (silent) Panic(string, log.Fields) {}
func (silent) Fatal(string, log.Fields) {}
func (silent) Error(string, log.Fields) {}
func (silent) Warn(string, log.Fields)  {}
func (silent) Info(string, log.Fields)  {}
func (silent) Debug(string, log.Fields) {}
func (silent) SetLevel(log.LogLevel)    {}
func (silent) GetLevel() log.LogLevel   { return log.PanicLevel }
