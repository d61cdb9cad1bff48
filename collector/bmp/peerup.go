package bmp

import (
	"context"
	"time"

	"anywatch/collector"
	"anywatch/collector/internal/open"
)

// agreement is what a Peer Up told.
type agreement struct {
	told     bool         // both OPENs could be read
	sent     open.Message // by the router
	received open.Message
	filtered bool   // of a Loc-RIB, the F flag: routes are left out (RFC 9069 section 4.2)
	table    string // VRF or table name (RFC 9069 section 5.2.1)
	label    string // admin label (RFC 8671)
	says     string // free text (RFC 9736 section 3.3)
}

// openings reads both OPENs and gives what follows them.
func (a *agreement) openings(b []byte) (rest []byte, err error) {
	if a.sent, rest, err = open.Split(b); err != nil {
		return nil, err
	}
	if a.received, rest, err = open.Split(rest); err != nil {
		return nil, err
	}
	a.told = true
	return rest, nil
}

// information reads the TLVs behind the OPENs.
func (a *agreement) information(b []byte) error {
	return tlvs(b, func(typ uint16, value []byte) {
		switch typ {
		case tlvString:
			a.says = text(value)
		case tlvTableName:
			a.table = text(value)
		case tlvAdminLabel:
			a.label = text(value)
		}
	})
}

// peerUp takes a Peer Up (RFC 7854 section 4.10): local address and ports, the OPEN that the router sent, the one that it received, TLVs. One
// of a peer that is up already says that its session began anew, and that the Peer Down between was not sent. A fault in one part takes
// nothing away from the parts before it.
func (s *Stream) peerUp(ctx context.Context, b []byte, at time.Time) error {
	const fixed = peerHeaderLen + 20
	if len(b) < fixed {
		return s.malformed(peerUp, errShort)
	}
	k, flags := parsePeer(b)
	p := s.peerOf(k)
	if p == nil {
		return s.malformed(peerUp, errPeers)
	}
	s.when(b, at) // it may be of long ago, but moves the clock of a replay
	a := agreement{filtered: filtered(k.kind, flags)}
	rest, err := a.openings(b[fixed:])
	if err == nil {
		err = a.information(rest)
	}
	if failed := s.rise(ctx, p, a, at); failed != nil {
		return failed
	}
	if err != nil {
		return s.malformed(peerUp, err)
	}
	return nil
}

// rise puts what a Peer Up told in force. Views that are shown already begin anew; the others when their first route comes.
func (s *Stream) rise(ctx context.Context, p *peer, a agreement, at time.Time) error {
	watched := s.vrfs.watches(p.key, a.table)
	if p.watched && !watched {
		if err := s.close(ctx, p, collector.Event{Kind: collector.FeedLost, Time: s.now(at), Reason: "its table is that of a VRF which is not watched"}); err != nil {
			return err
		}
	}
	s.mu.Lock()
	p.up, p.watched, p.agreement = true, watched, a
	s.mu.Unlock()
	if a.told && p.key.kind != peerLocRIB {
		s.belongs(a.sent.ASN)
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
