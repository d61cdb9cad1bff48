package bmp

import (
	"context"
	"slices"

	"anywatch/collector"
	"anywatch/collector/internal/open"
	"anywatch/collector/route"
)

// peer is one peer of the router, or one of the router's own tables.
type peer struct {
	key       peerKey
	watched   bool
	up        bool
	agreement // empty before the first Peer Up
	views     [collector.LocRIB + 1]*view
	stats     map[Stat]uint64
}

// view is one table that the router shows of a peer.
type view struct {
	peer    *peer
	view    collector.View
	vantage *collector.Vantage // nil until it is shown for the first time
	shown   bool               // its vantage was announced as up
	ended   route.Family       // End-of-RIBs that came before any route
	reader  collector.Reader

	announced, withdrawn uint64
	warned               bool
}

// peerOf gives the peer of a key, new if need be; nil when the router shows too many.
func (s *Stream) peerOf(k peerKey) *peer {
	if p := s.peers[k]; p != nil {
		return p
	}
	if len(s.order) >= maxPeers {
		return nil
	}
	p := &peer{key: k, watched: s.vrfs.watches(k, "")}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers[k] = p
	s.order = append(s.order, p)
	if k.kind == peerLocRIB && s.asn == 0 {
		s.asn = k.as // a Loc-RIB's peer AS is the router's own (RFC 9069 section 4.1)
	}
	return p
}

// drop forgets a peer.
func (s *Stream) drop(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, p.key)
	s.order = slices.DeleteFunc(s.order, func(q *peer) bool { return q == p })
	clear(s.heads)
	s.last = nil
}

// belongs notes the router's AS. Peers of which no Peer Up told were supposed to be of another until now.
func (s *Stream) belongs(asn route.ASN) {
	if s.asn == asn {
		return
	}
	s.asn = asn
	for _, p := range s.order {
		for _, v := range p.views {
			if v == nil || p.told {
				continue
			}
			if v.reader.Local = s.local(p); v.shown {
				s.describe(v)
			}
		}
	}
}

// viewOf finds the view that a message is about. Routers send thousands of messages about the same one in a row.
func (s *Stream) viewOf(b []byte) *view {
	head := [identityLen]byte(b)
	if s.last != nil && head == s.head {
		return s.last
	}
	v := s.heads[head]
	if v == nil {
		k, flags := parsePeer(b)
		p := s.peerOf(k)
		if p == nil {
			return nil
		}
		v = p.views[viewOf(k.kind, flags)]
		if v == nil {
			v = &view{peer: p, view: viewOf(k.kind, flags)}
			p.views[v.view] = v
			s.agree(v)
		}
		if filtered(k.kind, flags) && !p.filtered {
			s.filter(p)
		}
		if len(s.heads) < 8*maxPeers { // flags that mean nothing must not fill the memory
			s.heads[head] = v
		}
	}
	s.head, s.last = head, v
	return v
}

// agree sets how a view's messages are read: by what the Peer Up told, else by trial.
func (s *Stream) agree(v *view) {
	p := v.peer
	v.reader = collector.Reader{Trial: !p.told}
	v.reader.VRF = s.vrfs.hasRD
	v.reader.Local = s.local(p)
	if !p.told {
		return
	}
	paths := p.addPath(v.view)
	v.reader.Encoding = route.Encoding{AddPath: paths.Unicast, AddPathLabelled: paths.Labelled, AddPathVPN: paths.VPN}
}

// filter notes that a Loc-RIB is shown with routes left out, when its Peer Up did not tell.
func (s *Stream) filter(p *peer) {
	s.mu.Lock()
	p.filtered = true
	s.mu.Unlock()
	if v := p.views[collector.LocRIB]; v != nil && v.shown {
		s.describe(v)
	}
}

// addPath gives the families that come with path identifiers (RFC 7911 section 4): what is received, when the peer can send and the router can
// receive them; what is sent, the other way round. The OPENs of a Loc-RIB are made up and say the same (RFC 9069 section 5.1): there it
// is enough that both name the family.
func (p *peer) addPath(v collector.View) open.Families {
	switch v {
	case collector.AdjOutPre, collector.AdjOutPost:
		return p.sent.Send.And(p.received.Receive)
	case collector.LocRIB:
		return p.sent.Send.Or(p.sent.Receive).And(p.received.Send.Or(p.received.Receive))
	}
	return p.received.Send.And(p.sent.Receive)
}

// local is the AS that an empty AS_PATH stands for: the monitored router's. Its Peer Ups tell it; before the first one, a peer of our own
// AS does, and then the supposition that the router is ours.
func (s *Stream) local(p *peer) route.ASN {
	switch {
	case p.key.kind == peerLocRIB && p.key.as != 0:
		return p.key.as
	case p.told:
		return p.sent.ASN
	case s.asn != 0:
		return s.asn
	case s.ours[p.key.as] || len(s.cfg.ASNs) == 0:
		return p.key.as
	}
	return s.cfg.ASNs[0]
}

// scope tells who talks: what the router chose or sends is our network's own view, what it received is the peer's. AS 0 stands for
// routes of the router itself.
func (s *Stream) scope(v *view) collector.Scope {
	switch v.view {
	case collector.AdjInPre, collector.AdjInPost:
		if as := v.peer.key.as; as != 0 && !s.ours[as] {
			return collector.External
		}
	}
	return collector.Internal
}

// show announces a view's vantage as up.
func (s *Stream) show(ctx context.Context, v *view, up collector.Event) error {
	s.describe(v)
	s.owners.claim(v.vantage.ID, s)
	s.mu.Lock()
	v.shown = true
	s.mu.Unlock()
	up.Kind, up.Vantage = collector.PeerUp, v.vantage
	if v.peer.told {
		carried := open.Carried(v.peer.sent.Capabilities, v.peer.received.Capabilities)
		up.Family = carried.Unicast | carried.Labelled
	}
	if err := s.in.Out.Emit(ctx, up); err != nil {
		return err
	}
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		if v.ended&f == 0 {
			continue
		}
		if err := s.in.Out.Emit(ctx, collector.Event{Kind: collector.EndOfRIB, Time: up.Time, Vantage: v.vantage, Family: f}); err != nil {
			return err
		}
	}
	v.ended = 0
	return nil
}

// describe gives a view its vantage. That of a table which is not watched only has a name, for messages about it.
func (s *Stream) describe(v *view) {
	k, paths := v.peer.key, v.reader.Encoding.AddPath
	vantage := collector.Vantage{
		Key:   collector.Key{Source: "bmp", Router: s.router, Peer: k.addr, PeerAS: k.as, PeerType: k.kind, RD: k.rd, BGPID: k.id, View: v.view},
		Scope: s.scope(v), Local: v.reader.Local, AllPaths: paths != 0,
	}
	if v.peer.told {
		carried := open.Carried(v.peer.sent.Capabilities, v.peer.received.Capabilities).Unicast
		vantage.AllPaths = carried != 0 && paths&carried == carried
		if v.view != collector.LocRIB {
			vantage.Role = collector.RoleOf(v.peer.received.Role, v.peer.received.HasRole)
		}
	}
	if v.peer.filtered {
		vantage.AllPaths = false // a path that is not there may have been left out
	}
	if v.peer.watched {
		v.vantage = s.deps.Registry.Register(vantage)
	} else {
		v.vantage = &vantage
	}
}

// close tells of each view of a peer that was shown that it is gone.
func (s *Stream) close(ctx context.Context, p *peer, ev collector.Event) error {
	for _, v := range p.views {
		if v == nil || !v.shown {
			continue
		}
		s.mu.Lock()
		v.shown = false
		s.mu.Unlock()
		if !s.owners.release(v.vantage.ID, s) {
			continue // another connection of the router shows it by now
		}
		ev.Vantage = v.vantage
		if err := s.in.Out.Emit(ctx, ev); err != nil {
			return err
		}
	}
	return nil
}

// Peer is one peer of a router, as an operator sees it.
type Peer struct {
	collector.Key
	Table    string // VRF or table name, where told (RFC 9069)
	Label    string // admin label, where told (RFC 8671)
	Says     string // what the router's operator wrote about it, where told (RFC 9736)
	Filtered bool   // of a Loc-RIB: routes are left out (RFC 9069)
	Up       bool   // a Peer Up came, and no Peer Down since
	Stats    map[Stat]uint64
}

// Peers lists the router's peers in the order in which it told of them. It may be called from any goroutine.
func (s *Stream) Peers() (router, software string, list []Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.order {
		d := Peer{Key: collector.Key{Source: "bmp", Router: s.router, Peer: p.key.addr, PeerAS: p.key.as, PeerType: p.key.kind, RD: p.key.rd, BGPID: p.key.id},
			Table: p.table, Label: p.label, Says: p.says, Filtered: p.filtered, Up: p.up, Stats: make(map[Stat]uint64, len(p.stats))}
		for k, n := range p.stats {
			d.Stats[k] = n
		}
		list = append(list, d)
	}
	return s.router, s.software, slices.Clip(list)
}
