package bmp

import (
	"context"
	"encoding/binary"
	"time"

	"anywatch/collector"
)

// TLV types and information codes of Route Mirroring (RFC 7854 section 4.7).
const (
	tlvInformation = 1

	mirrorErrored = 0
	mirrorLost    = 1
)

// mirroring takes a Route Mirroring message. The messages that it copies are for people to look at: they are not what the router holds in a
// table. But it tells of messages that the router found faulty, and of ones that it lost: then we can't be sure to have seen all of
// this peer.
func (s *Stream) mirroring(ctx context.Context, b []byte, at time.Time) error {
	if len(b) < peerHeaderLen {
		return s.malformed(routeMirroring, errShort)
	}
	t, lost := s.when(b, at), false
	err := tlvs(b[peerHeaderLen:], func(typ uint16, value []byte) {
		if typ != tlvInformation || len(value) != 2 {
			return
		}
		switch binary.BigEndian.Uint16(value) {
		case mirrorErrored:
			s.noted.errored++
		case mirrorLost:
			s.noted.lost++
			lost = true
		}
	})
	k, _ := parsePeer(b)
	if p := s.peers[k]; lost && p != nil {
		if failed := s.gap(ctx, p, t, "the router says that it lost messages of this peer which it should have mirrored"); failed != nil {
			return failed
		}
	}
	if err != nil {
		return s.malformed(routeMirroring, err)
	}
	return nil
}

// gap tells of each view of a peer that is shown that messages were lost.
func (s *Stream) gap(ctx context.Context, p *peer, t time.Time, reason string) error {
	for _, v := range p.views {
		if v == nil || !v.shown {
			continue
		}
		if err := s.in.Out.Emit(ctx, collector.Event{Kind: collector.Gap, Time: t, Vantage: v.vantage, Reason: reason}); err != nil {
			return err
		}
	}
	return nil
}
