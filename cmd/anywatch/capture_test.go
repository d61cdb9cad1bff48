package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/packet/bmp"
	"github.com/osrg/gobgp/v3/pkg/packet/mrt"

	"anywatch/collector/route"
)

// moment is one line of a capture as a script writes it:
//
//	18:00:00 AS64496 10.0.0.1 announce 192.0.2.0/24 path 64496 64511
//	18:00:05 AS64496 10.0.0.1 withdraw 192.0.2.0/24
//	18:00:00 AS64496 10.0.0.1 holds 192.0.2.0/24 path 64496 64511     an entry of a table dump
//	18:00:00 AS64496 10.0.0.1 up                                      down ends the session
//	18:00:07 AS64496 10.0.0.1 broken                                  an UPDATE whose lengths contradict each other
//	noise 5                                                           so many octets that are no record
//
// All happen on 2026-03-01, UTC.
type moment struct {
	at     time.Time
	asn    uint32
	peer   string
	what   string
	prefix netip.Prefix
	path   []uint32
	noise  int
}

// parseCapture reads the lines; empty ones and those that begin with # mean nothing.
func parseCapture(text string) (list []moment, err error) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		m, err := parseMoment(f)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
		list = append(list, m)
	}
	return list, nil
}

func parseMoment(f []string) (m moment, err error) {
	if f[0] == "noise" && len(f) == 2 {
		m.noise, err = strconv.Atoi(f[1])
		return m, err
	}
	if len(f) < 4 {
		return m, fmt.Errorf("a line is TIME AS PEER WHAT")
	}
	if m.at, err = time.Parse(time.DateTime, "2026-03-01 "+f[0]); err != nil {
		return m, err
	}
	asn, err := route.ParseASN(f[1])
	if err != nil {
		return m, err
	}
	m.asn, m.peer, m.what = uint32(asn), f[2], f[3]
	if len(f) == 4 {
		return m, nil
	}
	if m.prefix, err = route.ParsePrefix(f[4]); err != nil || len(f) < 7 {
		return m, err
	}
	for _, text := range f[6:] { // behind the word path
		hop, err := route.ParseASN(text)
		if err != nil {
			return m, err
		}
		m.path = append(m.path, uint32(hop))
	}
	return m, nil
}

func (m moment) attrs() []bgp.PathAttributeInterface {
	attrs := []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(bgp.BGP_ORIGIN_ATTR_TYPE_IGP), asPath(m.path)}
	if m.prefix.Addr().Is4() {
		return append(attrs, bgp.NewPathAttributeNextHop("198.51.100.9"))
	}
	return append(attrs, bgp.NewPathAttributeMpReachNLRI("2001:db8:ffff::1", []bgp.AddrPrefixInterface{nlriOf(m.prefix)}))
}

// update is the message that the peer sends.
func (m moment) update() *bgp.BGPMessage {
	four, _ := nlriOf(m.prefix).(*bgp.IPAddrPrefix)
	switch {
	case m.what == "announce" && four != nil:
		return bgp.NewBGPUpdateMessage(nil, m.attrs(), []*bgp.IPAddrPrefix{four})
	case m.what == "announce":
		return bgp.NewBGPUpdateMessage(nil, m.attrs(), nil)
	case four != nil:
		return bgp.NewBGPUpdateMessage([]*bgp.IPAddrPrefix{four}, nil, nil)
	}
	gone := bgp.NewPathAttributeMpUnreachNLRI([]bgp.AddrPrefixInterface{nlriOf(m.prefix)})
	return bgp.NewBGPUpdateMessage(nil, []bgp.PathAttributeInterface{gone}, nil)
}

// brokenUpdate is an UPDATE of 23 octets that claims 65535 octets of withdrawn routes.
func brokenUpdate() []byte {
	return append(bytes.Repeat([]byte{0xFF}, 16), 0, 23, 2, 0xFF, 0xFF, 0, 0)
}

// serializer is a record of either library.
type serializer func() ([]byte, error)

// write puts the records behind each other, and noise where the lines have it.
func write(list []moment, record func(moment) serializer) ([]byte, error) {
	var out []byte
	for _, m := range list {
		if m.noise > 0 {
			out = append(out, bytes.Repeat([]byte{0xAA}, m.noise)...)
			continue
		}
		one := record(m)
		if one == nil {
			return nil, fmt.Errorf("no such thing as %q", m.what)
		}
		b, err := one()
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
	}
	return out, nil
}

// mrtCapture writes what a collector would have written (RFC 6396): the table that the peers hold first, when the lines have one.
func mrtCapture(list []moment) ([]byte, error) {
	t := table{index: make(map[string]uint16)}
	for _, m := range list {
		if m.what == "holds" {
			t.add(m)
		}
	}
	var head []byte
	if len(t.peers) > 0 {
		var err error
		body := mrt.NewPeerIndexTable("10.0.0.254", "", t.peers)
		if head, err = mrtRecord(t.at, mrt.TABLE_DUMPv2, mrt.PEER_INDEX_TABLE, body)(); err != nil {
			return nil, err
		}
	}
	rest, err := write(list, func(m moment) serializer { return m.mrt(&t) })
	return append(head, rest...), err
}

// table is the PEER_INDEX_TABLE of a capture.
type table struct {
	at      time.Time
	peers   []*mrt.Peer
	index   map[string]uint16
	entries uint32
}

func (t *table) add(m moment) {
	if _, known := t.index[m.peer]; known {
		return
	}
	if len(t.peers) == 0 {
		t.at = m.at
	}
	t.index[m.peer] = uint16(len(t.peers))
	t.peers = append(t.peers, mrt.NewPeer("10.0.0.253", m.peer, m.asn, true))
}

func mrtRecord(at time.Time, kind mrt.MRTType, subtype mrt.MRTSubTyper, body mrt.Body) serializer {
	return func() ([]byte, error) {
		m, err := mrt.NewMRTMessage(uint32(at.Unix()), kind, subtype, body)
		if err != nil {
			return nil, err
		}
		return m.Serialize()
	}
}

func (m moment) mrt(t *table) serializer {
	const collectorAS, collector = 64999, "10.0.0.254"
	message := func(b *mrt.BGP4MPMessage) serializer { return mrtRecord(m.at, mrt.BGP4MP, mrt.MESSAGE_AS4, b) }
	state := func(from, to mrt.BGPState) serializer {
		body := mrt.NewBGP4MPStateChange(m.asn, collectorAS, 0, m.peer, collector, true, from, to)
		return mrtRecord(m.at, mrt.BGP4MP, mrt.STATE_CHANGE_AS4, body)
	}
	switch m.what {
	case "announce", "withdraw":
		return message(mrt.NewBGP4MPMessage(m.asn, collectorAS, 0, m.peer, collector, true, m.update()))
	case "broken":
		b := mrt.NewBGP4MPMessage(m.asn, collectorAS, 0, m.peer, collector, true, nil)
		b.BGPMessagePayload = brokenUpdate()
		return message(b)
	case "holds":
		t.entries++
		entry := mrt.NewRibEntry(t.index[m.peer], uint32(m.at.Unix()), 0, m.attrs(), false)
		return mrtRecord(m.at, mrt.TABLE_DUMPv2, mrt.RIB_IPV4_UNICAST, mrt.NewRib(t.entries, nlriOf(m.prefix), []*mrt.RibEntry{entry}))
	case "up":
		return state(mrt.OPENCONFIRM, mrt.ESTABLISHED)
	case "down":
		return state(mrt.ESTABLISHED, mrt.IDLE)
	}
	return nil
}

// bmpCapture writes what a router would have sent (RFC 7854), beginning with its Initiation.
func bmpCapture(list []moment) ([]byte, error) {
	head, err := bmp.NewBMPInitiation([]bmp.BMPInfoTLVInterface{
		bmp.NewBMPInfoTLVString(bmp.BMP_INIT_TLV_TYPE_SYS_DESCR, "Routing Software 1.0"),
		bmp.NewBMPInfoTLVString(bmp.BMP_INIT_TLV_TYPE_SYS_NAME, "edge1"),
	}).Serialize()
	if err != nil {
		return nil, err
	}
	rest, err := write(list, func(m moment) serializer {
		if msg := m.bmp(); msg != nil {
			return func() ([]byte, error) { return msg.Serialize() }
		}
		return nil
	})
	return append(head, rest...), err
}

func (m moment) bmp() *bmp.BMPMessage {
	const routerAS, router = 64500, "10.0.0.254"
	peer := *bmp.NewBMPPeerHeader(bmp.BMP_PEER_TYPE_GLOBAL, 0, 0, m.peer, m.asn, "10.0.0.253", float64(m.at.Unix()))
	open := func(asn uint32) *bgp.BGPMessage {
		caps := []bgp.ParameterCapabilityInterface{bgp.NewCapFourOctetASNumber(asn), bgp.NewCapMultiProtocol(bgp.RF_IPv4_UC), bgp.NewCapMultiProtocol(bgp.RF_IPv6_UC)}
		return bgp.NewBGPOpenMessage(uint16(asn), 90, "10.0.0.253", []bgp.OptionParameterInterface{bgp.NewOptionParameterCapability(caps)})
	}
	switch m.what {
	case "announce", "withdraw":
		return bmp.NewBMPRouteMonitoring(peer, m.update())
	case "broken":
		msg := bmp.NewBMPRouteMonitoring(peer, nil)
		msg.Body = &bmp.BMPRouteMonitoring{BGPUpdatePayload: brokenUpdate()}
		return msg
	case "up":
		return bmp.NewBMPPeerUpNotification(peer, router, 179, 50000, open(routerAS), open(m.asn))
	case "down":
		return bmp.NewBMPPeerDownNotification(peer, bmp.BMP_PEER_DOWN_REASON_REMOTE_NO_NOTIFICATION, nil, nil)
	}
	return nil
}

// What a script writes wrongly fails the script, and does not become a capture of something else.
func TestCaptureRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, line := range []string{"noise x", "18:00:00 AS64496", "18:00 AS64496 10.0.0.1 up", "18:00:00 ASx 10.0.0.1 up",
		"18:00:00 AS64496 10.0.0.1 announce 192.0.2.0", "18:00:00 AS64496 10.0.0.1 announce 192.0.2.0/24 path x"} {
		if list, err := parseCapture(line); err == nil {
			t.Errorf("%q is read as %+v", line, list)
		}
	}
	list, err := parseCapture("# nothing\n\n18:00:00 AS64496 10.0.0.1 sings")
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	for name, capture := range map[string]func([]moment) ([]byte, error){"MRT": mrtCapture, "BMP": bmpCapture} {
		if b, err := capture(list); err == nil {
			t.Errorf("%s has a record of a peer that sings: %x", name, b)
		}
	}
}
