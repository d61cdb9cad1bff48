package bmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

var (
	marker = bytes.Repeat([]byte{0xFF}, 16)

	errPeers  = errors.New("the router shows more peers than can be followed")
	errUpdate = errors.New("it holds no BGP UPDATE message")
)

// routeMonitoring takes a Route Monitoring message: a per-peer header and an UPDATE (RFC 7854 section 4.6). One of a peer for which no Peer Up
// came is taken as well: FRR shows its own routes so, and GoBGP its Loc-RIB.
func (s *Stream) routeMonitoring(ctx context.Context, b []byte, at time.Time) error {
	if len(b) < peerHeaderLen {
		return s.malformed(routeMonitoring, errShort)
	}
	v := s.viewOf(b)
	if v == nil {
		return s.malformed(routeMonitoring, errPeers)
	}
	t := s.when(b, at)
	body, err := update(b[peerHeaderLen:])
	if err != nil {
		return s.malformed(routeMonitoring, err)
	}
	if !v.peer.watched {
		return s.passBy(ctx, v, t, body)
	}
	if !v.shown {
		// Some routers send End-of-RIB for tables that they don't show at all. A vantage begins with its first route.
		if f := endOfRIB(body); f != 0 {
			v.ended |= f
			s.in.Tally.Updates++
			s.in.Tally.Skipped++
			return nil
		}
		if err := s.show(ctx, v, collector.Event{Time: s.now(at)}); err != nil {
			return err
		}
	}
	s.watchWithdrawals(v, body)
	twoAS := b[1]&flagTwoAS != 0
	return s.take(ctx, v, t, s.ownASOff(v, body, twoAS), twoAS)
}

// update gives the body of the UPDATE. What follows the message, if anything, is left.
func update(b []byte) ([]byte, error) {
	if len(b) < 23 || !bytes.Equal(b[:16], marker) || b[18] != 2 {
		return nil, errUpdate
	}
	n := int(binary.BigEndian.Uint16(b[16:]))
	if n < 23 || n > len(b) {
		return nil, errUpdate
	}
	return b[19:n], nil
}

// take lets an update in. The A flag is believed when it is set. Where the Peer Up told how to read, it is doubted only when a message can't be
// read so: some routers send path identifiers that they did not agree upon, or none where they did.
func (s *Stream) take(ctx context.Context, v *view, t time.Time, body []byte, twoAS bool) error {
	rd := &v.reader
	usual := rd.Encoding.TwoByteAS
	rd.Encoding.TwoByteAS = usual || twoAS
	before := s.in.Tally
	err := s.in.Update(ctx, v.vantage, t, body, rd)
	if err != nil && v.peer.told {
		err = s.doubt(ctx, v, t, body, before, err)
	}
	if twoAS {
		rd.Encoding.TwoByteAS = usual
	}
	return err
}

// doubt reads an update again, by trial, when it could not be read as agreed upon; before is what was counted until it came.
func (s *Stream) doubt(ctx context.Context, v *view, t time.Time, body []byte, before collector.Tally, err error) error {
	if !unreadable(err) {
		return err
	}
	counted := s.in.Tally
	s.in.Tally, v.reader.Trial = before, true
	again := s.in.Update(ctx, v.vantage, t, body, &v.reader)
	v.reader.Trial = false
	if unreadable(again) {
		s.in.Tally = counted
		return err
	}
	return again
}

func unreadable(err error) bool {
	var bad *collector.Malformed
	return errors.As(err, &bad) && bad.Class == route.Unreadable
}

// passBy counts an update of a table that is not watched.
func (s *Stream) passBy(ctx context.Context, v *view, t time.Time, body []byte) error {
	if v.vantage == nil {
		s.describe(v)
	}
	if s.aside == nil {
		nothing := screen.NewLive(screen.NewWatch(nil, nil, screen.Shortest{}))
		s.aside = &collector.Intake{Screen: screen.New(nothing), Out: collector.SinkFunc(func(context.Context, collector.Event) error { return nil })}
	}
	return s.aside.Update(ctx, v.vantage, t, body, &v.reader)
}

// endOfRIB tells whether an UPDATE is one (RFC 4724 section 2), of which family.
func endOfRIB(b []byte) route.Family {
	switch {
	case len(b) < 4 || b[0]|b[1]|b[2] != 0:
		return 0
	case len(b) == 4 && b[3] == 0:
		return route.IPv4
	case len(b) == 10 && b[3] == 6 && b[4]&0x10 == 0 && b[5] == 15 && b[6] == 3:
		return unicast(b[7:])
	case len(b) == 11 && b[3] == 7 && b[4]&0x10 != 0 && b[5] == 15 && b[7] == 3:
		return unicast(b[8:])
	}
	return 0
}

func unicast(b []byte) route.Family {
	afi := binary.BigEndian.Uint16(b)
	if b[2] != 1 || afi != 1 && afi != 2 {
		return 0
	}
	return route.Family(afi)
}

// withdrawalsOnly is after how many withdrawals and no announcement a table is called suspicious.
const withdrawalsOnly = 100

// watchWithdrawals finds the feed that only ever withdraws: FRR without "soft-reconfiguration inbound" shows each received announcement as
// a withdrawal in its pre-policy table.
func (s *Stream) watchWithdrawals(v *view, b []byte) {
	if v.announced > 0 || v.warned || v.view != collector.AdjInPre {
		return
	}
	if !withdrawal(b) {
		v.announced++
		return
	}
	if v.withdrawn++; v.withdrawn < withdrawalsOnly {
		return
	}
	v.warned = true
	s.deps.Log.Warn("the router shows nothing but withdrawals of this peer; with FRR, configure \"neighbor … soft-reconfiguration inbound\" for it",
		"vantage", v.vantage.Name(), "withdrawals", v.withdrawn)
}

// withdrawal tells of an UPDATE that it announces nothing: no attributes, or only MP_UNREACH_NLRI. End-of-RIB counts as neither.
func withdrawal(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 4+n {
		return false
	}
	attrs := b[4+n:]
	return len(attrs) == 0 && n > 0 || len(attrs) > 6 && attrs[1] == 15 && int(binary.BigEndian.Uint16(b[2+n:])) == len(attrs)
}
