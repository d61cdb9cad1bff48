package bmp

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/packet/bmp"

	"anywatch/collector"
	"anywatch/collector/route"
)

// tlv writes one TLV.
func tlv(typ uint16, value ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, typ)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(value))), value...)
}

// message puts a body behind a per-peer header.
func message(t testing.TB, typ byte, h bmp.BMPPeerHeader, body ...byte) []byte {
	t.Helper()
	peer, err := h.Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw(3, uint32(headerLen+len(peer)+len(body)), typ, append(peer, body...)...)
}

// longer adds TLVs to the end of a message.
func longer(frame []byte, more ...[]byte) []byte {
	frame = slices.Concat(frame, slices.Concat(more...))
	binary.BigEndian.PutUint32(frame[1:], uint32(len(frame)))
	return frame
}

func notificationBytes(t *testing.T, code, sub byte, data ...byte) []byte {
	t.Helper()
	b, err := bgp.NewBGPNotificationMessage(code, sub, data).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReasonsOfPeerDown(t *testing.T) {
	said := append([]byte{11}, "back\nat noon"...)
	for _, c := range []struct {
		reason byte
		data   []byte
		want   string
	}{
		{1, notificationBytes(t, 6, 2), "peer-down: the router closed the session with NOTIFICATION 6/2 (administrative shutdown)"},
		{1, notificationBytes(t, 6, 2, said...), `peer-down: the router closed the session with NOTIFICATION 6/2 (administrative shutdown) ("backat noo")`},
		{1, notificationBytes(t, 6, 4, 200, 'x'), "peer-down: the router closed the session with NOTIFICATION 6/4 (administrative reset)"},
		{1, notificationBytes(t, 99, 1), "peer-down: the router closed the session with NOTIFICATION 99/1"},
		{1, nil, "peer-down: the router closed the session"},
		{2, []byte{0, 0}, "peer-down: the router closed the session without a NOTIFICATION"},
		{2, []byte{0, 10}, "peer-down: the router closed the session without a NOTIFICATION, by event 10 of its state machine, HoldTimer_Expires"},
		{2, []byte{1, 0}, "peer-down: the router closed the session without a NOTIFICATION, by event 256 of its state machine"},
		{2, nil, "peer-down: the router closed the session without a NOTIFICATION"},
		{3, notificationBytes(t, 4, 0), "peer-down: the peer closed the session with NOTIFICATION 4/0 (hold timer expired)"},
		{3, make([]byte, 21), "peer-down: the peer closed the session"},
		{4, nil, "peer-down: the peer closed the session without a NOTIFICATION"},
		{5, nil, "feed-lost: the router no longer shows this peer, by its configuration"},
		{6, tlv(tlvTableName, []byte("blue")...), `peer-down: the router closed the table "blue"`},
		{6, nil, "peer-down: the router closed the table"},
		{6, []byte{0, 3, 0, 9}, "peer-down: the router closed the table"},
		{77, []byte{1}, "peer-down: the session ended for a reason of the unknown code 77"},
	} {
		s, events := replay(t)
		feed(t, s, monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")), message(t, peerDown, header(), append([]byte{c.reason}, c.data...)...))
		if ev := (*events)[len(*events)-1]; ev.Kind.String()+": "+ev.Reason != c.want {
			t.Errorf("reason %d: %v: %s; want %s", c.reason, ev.Kind, ev.Reason, c.want)
		}
	}
}

func TestReasonsOfTermination(t *testing.T) {
	for _, c := range []struct {
		tlvs [][]byte
		want string
	}{
		{[][]byte{tlv(1, 0, 0)}, "administratively closed"},
		{[][]byte{tlv(1, 0, 1)}, "unspecified reason"},
		{[][]byte{tlv(0, []byte("going\ndown")...), tlv(1, 0, 2), tlv(900, 1)}, `out of resources ("goingdown")`},
		{[][]byte{tlv(1, 0, 3)}, "redundant connection"},
		{[][]byte{tlv(1, 0, 4)}, "permanently administratively closed"},
		{[][]byte{tlv(1, 1, 4)}, "a reason of the unknown code 260"},
		{[][]byte{tlv(1, 4)}, "no reason given"},
		{nil, "no reason given"},
	} {
		s, events := replay(t)
		feed(t, s, initiate(t, "r1"), monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")))
		*events = nil
		feed(t, s, longer(raw(3, 0, termination), c.tlvs...))
		want := "the router ended the BMP session: " + c.want
		if got := (*events)[0].Reason; got != want || s.goodbye != want {
			t.Errorf("reason %q, kept %q; want %q", got, s.goodbye, want)
		}
		expect(t, events, "feed-lost bmp:r1/10.9.0.1/pre")
	}
}

// The types of a Peer Up's TLVs have a registry of their own (RFC 9736): 2 is no sysName there, and what is unknown is passed over.
func TestInformationOfPeerUp(t *testing.T) {
	s, events := replay(t)
	frame := longer(up(t, header(), openMessage(64500, mp4), openMessage(64999, mp4)),
		tlv(2, []byte("not-a-name")...), tlv(tlvString, []byte("transit\x00 A")...), tlv(tlvAdminLabel, []byte("customers")...), tlv(999, 1, 2), tlv(tlvTableName, []byte("global")...))
	feed(t, s, initiate(t, "r1"), frame, monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")))
	expect(t, events, "peer-up bmp:r1/10.9.0.1/pre", "routes bmp:r1/10.9.0.1/pre +192.0.2.0/24[64999]")
	router, _, peers := s.Peers()
	if p := peers[0]; router != "r1" || p.Says != "transit A" || p.Label != "customers" || p.Table != "global" {
		t.Errorf("router %s, peer %+v", router, p)
	}
	// A TLV that can't be read takes nothing away from the OPENs before it.
	s, events = replay(t)
	both := addPath(bgp.RF_IPv4_UC, bgp.BGP_ADD_PATH_BOTH)
	frame = longer(up(t, header(), openMessage(64500, mp4, both), openMessage(64999, mp4, both)), []byte{0, 3, 0, 200, 'x'})
	if err := s.Message(context.Background(), frame, arrival); !PassedOver(err) || !strings.Contains(err.Error(), "longer than its message") {
		t.Errorf("error %v", err)
	}
	feed(t, s, monitoring(t, header(), withPath(announce([]uint32{64999}, "192.0.2.0/24"), 7), pathIDs))
	if got := story(*events); !strings.Contains(got, "+192.0.2.0/24#7[64999]") || s.Tally().Redecoded != 0 {
		t.Errorf("events:\n%s", got)
	}
}

// A Loc-RIB from which routes are left out looks like one that has all paths, and is not.
func TestFilteredLocRIB(t *testing.T) {
	both := addPath(bgp.RF_IPv4_UC, bgp.BGP_ADD_PATH_BOTH)
	plain, less := locRIB(64500), locRIB(64500)
	less.Flags |= flagIPv6
	m := withPath(announce([]uint32{64999}, "192.0.2.0/24"), 1)
	for _, c := range []struct {
		name       string
		up, shown  bmp.BMPPeerHeader
		filtered   bool
		vantages   int
		everything bool
	}{
		{"whole", plain, plain, false, 1, true},
		{"filtered, as its Peer Up says", less, less, true, 1, false},
		{"filtered, as only its routes say", plain, less, true, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, events := replay(t)
			feed(t, s, up(t, c.up, openMessage(64500, mp4, both), openMessage(64500, mp4, both)), monitoring(t, c.shown, m, pathIDs))
			last := (*events)[len(*events)-1].Vantage
			if _, _, peers := s.Peers(); len(peers) != c.vantages || peers[0].Filtered != c.filtered || last.AllPaths != c.everything {
				t.Errorf("peers %+v, vantage %+v", peers, *last)
			}
		})
	}
	// Told with a later message, what comes after it is known to be less.
	s, events := replay(t)
	feed(t, s, up(t, plain, openMessage(64500, mp4, both), openMessage(64500, mp4, both)), monitoring(t, plain, m, pathIDs), monitoring(t, less, m, pathIDs))
	first, last := (*events)[0].Vantage, (*events)[len(*events)-1].Vantage
	if first.ID != last.ID || !first.AllPaths || last.AllPaths {
		t.Errorf("vantage %+v, later %+v", *first, *last)
	}
}

// VPN routes have an Add-Path capability of their own (SAFI 128), by direction as all others.
func TestAddPathOfVPNRoutes(t *testing.T) {
	mpVPN := bgp.NewCapMultiProtocol(bgp.RF_IPv4_VPN)
	both, sends := addPath(bgp.RF_IPv4_VPN, bgp.BGP_ADD_PATH_BOTH), addPath(bgp.RF_IPv4_VPN, bgp.BGP_ADD_PATH_SEND)
	for _, c := range []struct {
		name           string
		sent, received capability
		header         bmp.BMPPeerHeader
		paths          bool
	}{
		{"received", both, both, header(), true},
		{"received, and the peer only receives", both, addPath(bgp.RF_IPv4_VPN, bgp.BGP_ADD_PATH_RECEIVE), header(), false},
		{"sent", sends, both, header(flags(flagAdjOut)), true},
		{"agreed upon for unicast only", addPath(bgp.RF_IPv4_UC, bgp.BGP_ADD_PATH_BOTH), addPath(bgp.RF_IPv4_UC, bgp.BGP_ADD_PATH_BOTH), header(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, events := stream(t, StreamConfig{ASNs: []route.ASN{64500}, VRFs: []string{"64500:1"}, Replay: true})
			rd := bgp.NewRouteDistinguisherTwoOctetAS(64500, 1)
			n := bgp.NewLabeledVPNIPAddrPrefix(24, "192.0.2.0", *bgp.NewMPLSLabelStack(16), rd)
			want, options := "+192.0.2.0/24[64999]", []*bgp.MarshallingOption(nil)
			if c.paths {
				n.SetPathLocalIdentifier(9)
				want = "+192.0.2.0/24#9[64999]"
				options = []*bgp.MarshallingOption{{AddPath: map[bgp.RouteFamily]bgp.BGPAddPathMode{bgp.RF_IPv4_VPN: bgp.BGP_ADD_PATH_BOTH}}}
			}
			m := bgp.NewBGPUpdateMessage(nil, []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), asPath(64999),
				bgp.NewPathAttributeMpReachNLRI("10.9.0.1", []bgp.AddrPrefixInterface{n})}, nil)
			feed(t, s, up(t, c.header, openMessage(64500, mpVPN, c.sent), openMessage(64999, mpVPN, c.received)), monitoring(t, c.header, m, options...))
			if got := story(*events); !strings.Contains(got, want) || s.Tally().Redecoded != 0 || s.Tally().Malformed != 0 {
				t.Errorf("want %s, got:\n%s%+v", want, got, s.Tally())
			}
		})
	}
}

// Route Mirroring is counted; only what was lost concerns the peer's vantages.
func TestMirroring(t *testing.T) {
	s, events := replay(t)
	copied, err := announce([]uint32{64999}, "192.0.2.0/24").Serialize()
	if err != nil {
		t.Fatal(err)
	}
	feed(t, s, message(t, routeMirroring, header(), tlv(1, 0, 1)...)) // of a peer that is not shown
	for _, h := range []bmp.BMPPeerHeader{header(), header(flags(flagPost)), header(peerIs("10.9.0.2"))} {
		feed(t, s, monitoring(t, h, announce([]uint32{64999}, "192.0.2.0/24")))
	}
	*events = nil
	feed(t, s,
		message(t, routeMirroring, header(), tlv(0, copied...)...),
		message(t, routeMirroring, header(), slices.Concat(tlv(1, 0, 0), tlv(0, copied...))...),
		message(t, routeMirroring, header(), slices.Concat(tlv(1, 0, 7), tlv(1, 1), tlv(9))...))
	expect(t, events, "")
	feed(t, s, message(t, routeMirroring, header(), tlv(1, 0, 1)...))
	if ev := (*events)[0]; !strings.Contains(ev.Reason, "lost messages") {
		t.Errorf("reason %q", ev.Reason)
	}
	expect(t, events, "gap bmp:AS64999/10.9.0.1/pre", "gap bmp:AS64999/10.9.0.1/post")
	if s.noted.errored != 1 || s.noted.lost != 2 || s.noted.types[routeMirroring] != 5 || s.Tally().Malformed != 0 {
		t.Errorf("errored %d, lost %d, mirrored %d, tally %+v", s.noted.errored, s.noted.lost, s.noted.types[routeMirroring], s.Tally())
	}
	if err := s.Message(context.Background(), message(t, routeMirroring, header(), 0, 1, 0), arrival); !PassedOver(err) {
		t.Errorf("half a TLV: %v", err)
	}
}

// A message of a type that is not known yet is counted, and nothing else.
func TestUnknownType(t *testing.T) {
	s, events := replay(t)
	feed(t, s, raw(3, 9, 42, 1, 2, 3))
	expect(t, events, "")
	if got := s.Tally(); got != (collector.Tally{Messages: 1}) || s.noted.types[knownTypes] != 1 {
		t.Errorf("tally %+v", got)
	}
}
