package bgp

import (
	"errors"
	"net/netip"
	"time"

	"github.com/jwhited/corebgp"

	"anywatch/collector"
	"anywatch/collector/internal/open"
	"anywatch/collector/route"
)

// flushEvery is how many updates are counted before the totals learn of it, at the latest.
const flushEvery = 1024

// GetCapabilities offers what we can do. Extended messages (RFC 8654) are not offered: corebgp reads 4,096 octets, and a peer then has to keep
// to that. Graceful restart is offered with no family: it preserves nothing here, but makes FRR send End-of-RIB.
func (s *session) GetCapabilities(corebgp.PeerConfig) []corebgp.Capability {
	list := []corebgp.Capability{
		corebgp.NewMPExtensionsCapability(1, 1),
		corebgp.NewMPExtensionsCapability(2, 1),
		{Code: open.RouteRefresh},
		{Code: open.GracefulRestart, Value: []byte{0, 0}},
	}
	if s.nb.AddPath {
		list = append(list, corebgp.NewAddPathCapability([]corebgp.AddPathTuple{{AFI: 1, SAFI: 1, Rx: true}, {AFI: 2, SAFI: 1, Rx: true}}))
	}
	return list
}

// OnOpenMessage learns how the peer's messages are to be read. That it is the right AS, corebgp has seen.
func (s *session) OnOpenMessage(_ corebgp.PeerConfig, id netip.Addr, list []corebgp.Capability) *corebgp.Notification {
	// RFC 6286 section 2.2: a BGP Identifier of zero is refused with "Bad BGP Identifier".
	if id.IsUnspecified() {
		return &corebgp.Notification{Code: corebgp.NOTIF_CODE_OPEN_MESSAGE_ERR, Subcode: corebgp.NOTIF_SUBCODE_BAD_BGP_ID}
	}
	s.bgpID = id
	var ours open.Capabilities
	for _, c := range s.GetCapabilities(corebgp.PeerConfig{}) {
		ours.Add(c.Code, c.Value)
	}
	s.peer = open.Capabilities{}
	for _, c := range list {
		s.peer.Add(c.Code, c.Value)
	}
	s.carried = open.Carried(ours, s.peer).Unicast
	s.addPath = ours.Receive.And(s.peer.Send).Unicast & s.carried
	s.reader.Local = s.nb.ASN
	s.reader.Encoding = route.Encoding{AddPath: s.addPath}
	return nil
}

// OnEstablished registers the vantage and tells that its table follows. An empty AS_PATH stands for the peer's AS: on iBGP that is ours.
func (s *session) OnEstablished(corebgp.PeerConfig, corebgp.UpdateMessageWriter) corebgp.UpdateMessageHandler {
	s.vantage = s.src.deps.Registry.Register(collector.Vantage{
		Key:      collector.Key{Source: "bgp", Router: s.name(), Peer: s.addr, PeerAS: s.nb.ASN},
		Scope:    s.nb.Scope,
		Local:    s.nb.ASN,
		AllPaths: s.carried != 0 && s.addPath == s.carried,
	})
	now := s.src.deps.Now()
	s.since.Store(now.UnixNano())
	s.up.Store(true)
	s.src.deps.Counters.Sessions.Add(1)
	s.src.deps.Log.Info("BGP session established", "neighbor", s.name(), "address", s.addr, "as", s.nb.ASN, "router_id", s.bgpID,
		"ipv4", s.carried&route.IPv4 != 0, "ipv6", s.carried&route.IPv6 != 0, "add_path", s.addPath != 0)
	if s.carried == 0 {
		s.src.deps.Log.Warn("the session carries neither IPv4 nor IPv6 unicast routes; enable one of them on the router", "neighbor", s.name())
	}
	_ = s.in.Out.Emit(s.ctx, collector.Event{Kind: collector.PeerUp, Time: now, Vantage: s.vantage, Family: s.carried})
	return s.update
}

// OnClose has nothing to do: run tells of the end, when the state machine has come to rest.
func (s *session) OnClose(corebgp.PeerConfig) {}

// update handles an UPDATE. It blocks while the queue is full, and never answers with a NOTIFICATION because of what the message says (RFC
// 7606); it only does so to end a session that is to end.
func (s *session) update(_ corebgp.PeerConfig, body []byte) *corebgp.Notification {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return &corebgp.Notification{Code: codeCease}
	}
	now := s.src.deps.Now()
	s.src.deps.Counters.Arrived(now, now)
	err := s.take(now, body)
	if s.in.Tally.Messages >= flushEvery {
		s.src.deps.Counters.Add(&s.in.Tally)
	}
	if err == nil {
		return nil
	}
	var bad *collector.Malformed
	if errors.As(err, &bad) {
		s.src.malformed(s.vantage.Name(), err, body)
		return nil
	}
	return &corebgp.Notification{Code: codeCease} // the session is to end while the queue is full
}

// take lets the message in.
func (s *session) take(now time.Time, body []byte) error {
	s.in.Tally.Messages++
	before := s.in.Tally
	s.zero = nil
	err := s.in.Update(s.ctx, s.vantage, now, body, &s.reader)
	if err == nil && s.zero != nil {
		// The guard has made withdrawals of the routes: the message counts as one that could not be used, and not as an update.
		s.in.Tally = before
		s.in.Tally.Malformed++
		return &collector.Malformed{Vantage: s.vantage, Class: route.TreatAsWithdraw, Err: s.zero}
	}
	return err
}
