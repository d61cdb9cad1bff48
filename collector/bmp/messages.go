package bmp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"anywatch/collector"
	"anywatch/collector/internal/open"
)

// TLV types of Initiation (RFC 7854 section 4.4), Peer Up (RFC 9736, RFC 9069) and Termination (RFC 7854 section 4.5).
const (
	tlvSysDescr  = 1
	tlvSysName   = 2
	tlvTableName = 3
	tlvReason    = 1
)

var errTLV = errors.New("a TLV is longer than its message")

// tlvs calls f for each TLV; those of unknown types are for f to pass over (RFC 7854 section 4.4).
func tlvs(b []byte, f func(typ uint16, value []byte)) error {
	for len(b) >= 4 {
		typ, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if len(b) < 4+n {
			return errTLV
		}
		f(typ, b[4:4+n])
		b = b[4+n:]
	}
	if len(b) > 0 {
		return errTLV
	}
	return nil
}

// text makes printable what a router says of itself; it becomes part of names and logs.
func text(b []byte) string {
	clean := strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7F || r == '\uFFFD' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), ""))
	return strings.TrimSpace(clean[:min(len(clean), 255)])
}

// initiation takes the router's name. The router's identity is its name, or the address it connects from; never the address in a Loc-RIB's
// header, which is zero for all of them.
func (s *Stream) initiation(ctx context.Context, b []byte, at time.Time, again bool) error {
	var name, software string
	err := tlvs(b, func(typ uint16, value []byte) {
		switch typ {
		case tlvSysDescr:
			software = text(value)
		case tlvSysName:
			name = text(value)
		}
	})
	if name == "" {
		name = s.cfg.Router
	} else if s.naming != nil {
		name = s.naming(name)
	}
	if again && (s.cfg.Replay || name != s.router) {
		if err := s.Lost(ctx, s.now(at), "the router began anew"); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.router, s.software = name, software
	s.mu.Unlock()
	level := slog.LevelInfo
	if s.cfg.Replay {
		level = slog.LevelDebug
	}
	s.deps.Log.Log(ctx, level, "BMP router introduced itself", "router", name, "address", s.cfg.Router, "software", software)
	if err != nil {
		return s.malformed(initiation, err)
	}
	return nil
}

// termination takes the router's goodbye; it closes the connection afterwards.
func (s *Stream) termination(ctx context.Context, b []byte, at time.Time) error {
	reason, said := "no reason given", ""
	err := tlvs(b, func(typ uint16, value []byte) {
		switch {
		case typ == tlvReason && len(value) == 2:
			reasons := []string{"administratively closed", "unspecified reason", "out of resources", "redundant connection", "permanently administratively closed"}
			if n := int(binary.BigEndian.Uint16(value)); n < len(reasons) {
				reason = reasons[n]
			}
		case typ == 0:
			said = text(value)
		}
	})
	why := "the router ended the BMP session: " + reason
	if said != "" {
		why += fmt.Sprintf(" (%q)", said)
	}
	s.deps.Log.Warn("BMP session terminated", "router", s.router, "reason", why)
	if lost := s.Lost(ctx, s.now(at), why); lost != nil {
		return lost
	}
	if err != nil {
		return s.malformed(termination, err)
	}
	return nil
}

// peerUp takes a Peer Up (RFC 7854 section 4.10): local address and ports, the OPEN that the router sent, the one that it received, TLVs.
func (s *Stream) peerUp(ctx context.Context, b []byte, at time.Time) error {
	const fixed = peerHeaderLen + 20
	if len(b) < fixed {
		return s.malformed(peerUp, errShort)
	}
	k, _ := parsePeer(b)
	p := s.peerOf(k)
	if p == nil {
		return s.malformed(peerUp, errPeers)
	}
	s.when(b, at) // it may be of long ago, but moves the clock of a replay
	sent, rest, err := open.Split(b[fixed:])
	var received open.Message
	if err == nil {
		received, rest, err = open.Split(rest)
	}
	table := ""
	if err == nil {
		_ = tlvs(rest, func(typ uint16, value []byte) { // a fault here takes nothing away from the OPENs
			if typ == tlvTableName {
				table = text(value)
			}
		})
	}
	if failed := s.rise(ctx, p, sent, received, table, err == nil, at); failed != nil {
		return failed
	}
	if err != nil {
		return s.malformed(peerUp, err)
	}
	return nil
}

// rise puts what a Peer Up told in force. Views that are shown already begin anew; the others when their first route comes.
func (s *Stream) rise(ctx context.Context, p *peer, sent, received open.Message, table string, told bool, at time.Time) error {
	watched := s.vrfs.watches(p.key, table)
	if p.watched && !watched {
		if err := s.close(ctx, p, collector.Event{Kind: collector.FeedLost, Time: s.now(at), Reason: "its table is that of a VRF which is not watched"}); err != nil {
			return err
		}
	}
	s.mu.Lock()
	p.up, p.told, p.table, p.watched = true, told, table, watched
	p.sent, p.received = sent, received
	s.mu.Unlock()
	if told && p.key.kind != peerLocRIB {
		s.belongs(sent.ASN)
	}
	for _, v := range p.views {
		if v == nil {
			continue
		}
		s.agree(v)
		v.ended = 0
		if !v.shown || !p.watched {
			v.vantage = nil
			continue
		}
		if err := s.show(ctx, v, collector.Event{Time: s.now(at)}); err != nil {
			return err
		}
	}
	return nil
}

// peerDown takes a Peer Down (RFC 7854 section 4.9): every table of this peer is empty now. Of a peer that was never shown, it says
// nothing new; FRR tells it of peers that were never up.
func (s *Stream) peerDown(ctx context.Context, b []byte, at time.Time) error {
	if len(b) < peerHeaderLen+1 {
		return s.malformed(peerDown, errShort)
	}
	k, _ := parsePeer(b)
	t := s.when(b, at)
	p := s.peers[k]
	if p == nil {
		return nil
	}
	reason, data := b[peerHeaderLen], b[peerHeaderLen+1:]
	ev := collector.Event{Kind: collector.PeerDown, Time: t, Reason: downReason(reason, data)}
	// Reason 5: "information for this peer will no longer be sent to the monitoring station for configuration reasons. This does not,
	// strictly speaking, indicate that the peer has gone down".
	if reason == 5 {
		ev.Kind = collector.FeedLost
	}
	err := s.close(ctx, p, ev)
	s.drop(p)
	return err
}

// downReason gives the reason of a Peer Down in words (RFC 7854 section 4.9, RFC 9069 section 5.3).
func downReason(reason byte, data []byte) string {
	switch reason {
	case 1:
		return "the router closed the session" + notification(data)
	case 2:
		if len(data) >= 2 {
			return fmt.Sprintf("the router closed the session without a NOTIFICATION (event %d of its state machine)", binary.BigEndian.Uint16(data))
		}
		return "the router closed the session without a NOTIFICATION"
	case 3:
		return "the peer closed the session" + notification(data)
	case 4:
		return "the peer closed the session without a NOTIFICATION"
	case 5:
		return "the router no longer shows this peer, by its configuration"
	case 6:
		return "the router closed the table"
	}
	return fmt.Sprintf("the session ended for a reason of the unknown code %d", reason)
}

// notification names the code and subcode of a NOTIFICATION message.
func notification(b []byte) string {
	if len(b) < open.HeaderLen+2 || b[18] != 3 {
		return ""
	}
	return fmt.Sprintf(" with NOTIFICATION %d/%d", b[open.HeaderLen], b[open.HeaderLen+1])
}

// Stat is what a figure of a Statistics Report counts: its type (RFC 7854 section 4.8 and the IANA registry), and the family where the type
// is one by family.
type Stat struct {
	Type uint16
	AFI  uint16
	SAFI uint8
}

// maxStats is how many figures are kept of a peer.
const maxStats = 256

// stats takes a Statistics Report: the newest figures are kept. Counters have 4 octets, gauges 8, gauges by family AFI and SAFI before them.
func (s *Stream) stats(b []byte, at time.Time) error {
	if len(b) < peerHeaderLen+4 {
		return s.malformed(statsReport, errShort)
	}
	s.when(b, at)
	k, _ := parsePeer(b)
	p := s.peerOf(k)
	if p == nil {
		return s.malformed(statsReport, errPeers)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.stats == nil {
		p.stats = make(map[Stat]uint64)
	}
	err := tlvs(b[peerHeaderLen+4:], func(typ uint16, value []byte) {
		stat, n := Stat{Type: typ}, uint64(0)
		switch len(value) {
		case 4:
			n = uint64(binary.BigEndian.Uint32(value))
		case 8:
			n = binary.BigEndian.Uint64(value)
		case 11:
			stat.AFI, stat.SAFI = binary.BigEndian.Uint16(value), value[2]
			n = binary.BigEndian.Uint64(value[3:])
		default:
			return
		}
		if _, known := p.stats[stat]; known || len(p.stats) < maxStats {
			p.stats[stat] = n
		}
	})
	if err != nil {
		return s.malformed(statsReport, err)
	}
	return nil
}

// mirroring passes a Route Mirroring message by (RFC 7854 section 4.7): what it holds is a copy for people to look at, and not what the router
// holds in a table.
func (s *Stream) mirroring(b []byte, at time.Time) error {
	if len(b) < peerHeaderLen {
		return s.malformed(routeMirroring, errShort)
	}
	s.when(b, at)
	return nil
}
