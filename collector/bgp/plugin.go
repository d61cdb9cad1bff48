package bgp

import (
	"net/netip"

	"github.com/jwhited/corebgp"

	"anywatch/collector"
	"anywatch/collector/internal/open"
	"anywatch/collector/route"
)

// GetCapabilities gives what we offer.
func (s *session) GetCapabilities(corebgp.PeerConfig) []corebgp.Capability {
	return offers(s.nb.AddPath)
}

// OnOpenMessage learns how the peer's messages are to be read. That it is the right AS, corebgp has seen.
func (s *session) OnOpenMessage(_ corebgp.PeerConfig, id netip.Addr, _ []corebgp.Capability) *corebgp.Notification {
	// RFC 6286 section 2.2: a BGP Identifier of zero is refused with "Bad BGP Identifier".
	if id.IsUnspecified() {
		return &corebgp.Notification{Code: codeOpen, Subcode: openBadID}
	}
	var ours open.Capabilities
	for _, c := range offers(s.nb.AddPath) {
		ours.Add(c.Code, c.Value)
	}
	s.peer = s.conn.theirs
	s.carried = open.Carried(ours, s.peer.Capabilities).Unicast
	s.addPath = ours.Receive.And(s.peer.Send).Unicast & s.carried
	s.reader.Local = s.nb.ASN
	s.reader.Encoding = route.Encoding{AddPath: s.addPath, TwoByteAS: !s.peer.FourOctet}
	s.conn.accept()
	return nil
}

// OnEstablished registers the vantage and tells that its table follows. An empty AS_PATH stands for the peer's AS: on iBGP that is ours. The
// UPDATEs don't come this way: the connection gives them to the session itself.
func (s *session) OnEstablished(corebgp.PeerConfig, corebgp.UpdateMessageWriter) corebgp.UpdateMessageHandler {
	s.vantage = s.src.deps.Registry.Register(collector.Vantage{
		Key:      collector.Key{Source: "bgp", Router: s.name(), Peer: s.addr, PeerAS: s.nb.ASN},
		Scope:    s.nb.Scope,
		Local:    s.nb.ASN,
		AllPaths: s.carried != 0 && s.addPath == s.carried,
		Role:     collector.RoleOf(s.peer.Role, s.peer.HasRole),
	})
	now := s.src.deps.Now()
	s.since.Store(now.UnixNano())
	s.src.deps.Counters.Sessions.Add(1)
	s.src.deps.Log.Info("BGP session established", "neighbor", s.name(), "address", s.addr, "as", s.nb.ASN, "router_id", s.peer.id,
		"ipv4", s.carried&route.IPv4 != 0, "ipv6", s.carried&route.IPv6 != 0, "add_path", s.addPath != 0)
	if s.carried == 0 {
		s.src.deps.Log.Warn("the session carries neither IPv4 nor IPv6 unicast routes; enable one of them on the router", "neighbor", s.name())
	}
	s.src.feeds.established(now, s.name(), s.addr)
	s.up.Store(true)
	_ = s.in.Out.Emit(s.ctx, collector.Event{Kind: collector.PeerUp, Time: now, Vantage: s.vantage, Family: s.carried})
	close(s.conn.established)
	return nil
}

// OnClose has nothing to do: run tells of the end, when the state machine has come to rest.
func (s *session) OnClose(corebgp.PeerConfig) {}
