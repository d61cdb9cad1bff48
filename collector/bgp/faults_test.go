package bgp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"

	"anywatch/collector"
)

// lie makes a message whose header claims a length.
func lie(typ byte, claimed int, body ...byte) []byte {
	m := message(typ, body...)
	binary.BigEndian.PutUint16(m[16:], uint16(claimed))
	return m
}

// unmarked makes a message with one octet of the marker wrong.
func unmarked(at int) []byte {
	m := message(typeKeepalive)
	m[at] = 0xFE
	return m
}

// rawOpen makes an OPEN of AS 64500 with optional parameters.
func rawOpen(version byte, hold uint16, params ...byte) []byte {
	b := []byte{version, 64500 >> 8, 64500 & 255, byte(hold >> 8), byte(hold), 198, 51, 100, 1, byte(len(params))}
	return message(typeOpen, append(b, params...)...)
}

// as4 is the optional parameter with the 4-octet AS number 64500 and more capabilities.
func as4(more ...byte) []byte {
	return append([]byte{2, byte(6 + len(more)), 65, 4, 0, 0, 64500 >> 8, 64500 & 255}, more...)
}

// notified reads the NOTIFICATION and checks that the connection ends after it.
func (r *router) notified(want ...byte) {
	r.t.Helper()
	body := r.expect(typeNotification)
	if !bytes.Equal(body, want) {
		r.t.Errorf("NOTIFICATION %v (%s), want %v", body, describe(body), want)
	}
	if typ, body, err := r.read(); !errors.Is(err, io.EOF) {
		r.t.Errorf("after the NOTIFICATION: message of type %d: %v, %v; want the end", typ, body, err)
	}
}

// RFC 4271 section 6.1, and RFC 6608, in each state of the session.
func TestMessageFaults(t *testing.T) {
	refresh := message(typeRouteRefresh, 0, 1, 0, 1)
	open := rawOpen(4, 90, as4()...)
	for _, c := range []struct {
		name  string
		state state
		send  []byte
		want  []byte
	}{
		{"first octet of the marker", openSent, unmarked(0), []byte{1, 1}},
		{"last octet of the marker", established, unmarked(15), []byte{1, 1}},
		{"marker before length", established, append(unmarked(3)[:16], 0, 0, 4), []byte{1, 1}},
		{"shorter than a header", openSent, lie(typeKeepalive, 18), []byte{1, 2, 0, 18}},
		{"length zero", established, lie(typeUpdate, 0), []byte{1, 2, 0, 0}},
		{"longer than a message", openSent, lie(typeUpdate, 4097), []byte{1, 2, 0x10, 1}},
		{"longer than a message, established", established, lie(typeUpdate, 4097), []byte{1, 2, 0x10, 1}},
		{"OPEN too short", openSent, lie(typeOpen, 28), []byte{1, 2, 0, 28}},
		{"UPDATE too short", established, lie(typeUpdate, 22), []byte{1, 2, 0, 22}},
		{"KEEPALIVE with a body", established, lie(typeKeepalive, 20, 0), []byte{1, 2, 0, 20}},
		{"NOTIFICATION too short", established, lie(typeNotification, 20, 6), []byte{1, 2, 0, 20}},
		{"type zero", openSent, message(0), []byte{1, 3, 0}},
		{"type 6", established, message(6, 1, 2, 3), []byte{1, 3, 6}},
		{"type 255, its body still to come", openConfirm, lie(255, 4096), []byte{1, 3, 255}},
		{"KEEPALIVE before OPEN", openSent, message(typeKeepalive), []byte{5, 1, 4}},
		{"UPDATE before OPEN", openSent, message(typeUpdate, 0, 0, 0, 0), []byte{5, 1, 2}},
		{"ROUTE-REFRESH before OPEN", openSent, refresh, []byte{5, 1, 5}},
		{"UPDATE before KEEPALIVE", openConfirm, message(typeUpdate, 0, 0, 0, 0), []byte{5, 2, 2}},
		{"ROUTE-REFRESH before KEEPALIVE", openConfirm, refresh, []byte{5, 2, 5}},
		{"OPEN twice", openConfirm, open, []byte{5, 2, 1}},
		{"OPEN in a session", established, open, []byte{5, 3, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, config(ibgp("127.0.11.30")))
			r := connect(t, "127.0.11.30", s.addr())
			r.expect(typeOpen)
			if c.state >= openConfirm {
				r.write(open)
				r.expect(typeKeepalive)
			}
			if c.state == established {
				r.write(message(typeKeepalive))
				s.wait(collector.PeerUp)
			}
			r.write(c.send)
			r.notified(c.want...)
			if c.state == established {
				if ev := s.wait(collector.FeedLost); ev.Reason != "we closed the session: "+describe(c.want) {
					t.Errorf("reason %q", ev.Reason)
				}
			}
		})
	}
}

// RFC 4271 section 6.2: what is wrong with an OPEN.
func TestOpenFaults(t *testing.T) {
	gobgp := func(m *bgp.BGPMessage) []byte {
		b, err := m.Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name string
		open []byte
		want []byte
	}{
		{"version 3", rawOpen(3, 90, as4()...), []byte{2, 1, 0, 4}},
		{"version 5 with another form", rawOpen(5, 90, 7), []byte{2, 1, 0, 4}},
		{"wrong AS", gobgp(openMessage(64999, 90, "198.51.100.1")), []byte{2, 2}},
		{"wrong 4-octet AS", gobgp(openMessage(4200000000, 90, "198.51.100.1")), []byte{2, 2}},
		{"AS_TRANS and no 4-octet AS", append(rawOpen(4, 90)[:20], 0x5B, 0xA0, 0, 90, 198, 51, 100, 1, 0), []byte{2, 2}},
		{"AS zero", append(rawOpen(4, 90)[:20], 0, 0, 0, 90, 198, 51, 100, 1, 0), []byte{2, 2}},
		{"BGP identifier zero", gobgp(openMessage(64500, 90, "0.0.0.0")), []byte{2, 3}},
		{"BGP identifier is ours", gobgp(openMessage(64500, 90, "192.0.2.250")), []byte{2, 3}},
		{"BGP identifier is a multicast address", gobgp(openMessage(64500, 90, "224.0.0.1")), []byte{2, 3}},
		{"unknown optional parameter", rawOpen(4, 90, append(as4(), 9, 0)...), []byte{2, 4}},
		{"authentication, deprecated", rawOpen(4, 90, 1, 1, 0), []byte{2, 4}},
		{"parameter longer than the rest", rawOpen(4, 90, 2, 7, 65, 4, 0, 0, 0, 0), []byte{2, 0}},
		{"half a parameter", rawOpen(4, 90, append(as4(), 2)...), []byte{2, 0}},
		{"capability longer than its parameter", rawOpen(4, 90, 2, 3, 65, 4, 0), []byte{2, 0}},
		{"parameters longer than they say", append(lie(typeOpen, 30), rawOpen(4, 90)[19:]...), nil},
		{"hold time of 1 s", rawOpen(4, 1, as4()...), []byte{2, 6}},
		{"hold time of 2 s", rawOpen(4, 2, as4()...), []byte{2, 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.want == nil { // one octet more than the parameters' length says
				c.open, c.want = append(c.open, 0), []byte{2, 0}
			}
			s := start(t, config(ibgp("127.0.11.31")))
			// After a fault, the same peer may come again at once. What it sends right behind its OPEN makes no difference.
			for range 2 {
				r := connect(t, "127.0.11.31", s.addr())
				r.write(append(bytes.Clone(c.open), message(typeUpdate, 0, 0, 0, 0)...))
				r.expect(typeOpen)
				r.notified(c.want...)
			}
			s.quiet()
		})
	}
}

// Capabilities that we don't know, or that make no sense, never cost the session (RFC 5492 section 5).
func TestCapabilitiesNeverReset(t *testing.T) {
	for name, open := range map[string][]byte{
		"unknown ones":            rawOpen(4, 90, as4(200, 0, 201, 3, 1, 2, 3, 73, 1, 0)...),
		"of impossible length":    rawOpen(4, 90, as4(1, 1, 0, 2, 1, 9, 6, 2, 0, 0, 64, 1, 0, 69, 3, 0, 1, 1, 70, 1, 0, 71, 2, 0, 0, 9, 0)...),
		"4-octet AS of 2 octets":  rawOpen(4, 90, 2, 4, 65, 2, 0xFB, 0xF4),
		"none at all":             rawOpen(4, 90),
		"a parameter of them":     rawOpen(4, 90, append([]byte{2, 0}, as4()...)...),
		"twice the same":          rawOpen(4, 90, as4(2, 0, 2, 0, 65, 4, 0, 0, 0xFB, 0xF4)...),
		"add-path of mode 7":      rawOpen(4, 90, as4(69, 4, 0, 1, 1, 7)...),
		"a role nobody knows":     rawOpen(4, 90, as4(9, 1, 200)...),
		"wide lengths (RFC 9072)": rawOpenWide(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, config(ibgp("127.0.11.32")))
			r := connect(t, "127.0.11.32", s.addr())
			r.write(open)
			r.expect(typeOpen)
			r.expect(typeKeepalive)
			r.write(message(typeKeepalive))
			s.wait(collector.PeerUp)
		})
	}
}

// rawOpenWide makes an OPEN whose optional parameters have lengths of two octets and take up nearly all of a message.
func rawOpenWide() []byte {
	params := append([]byte{2, 0, 6}, as4()[2:]...)
	for len(params) < 3900 {
		params = append(params, 2, 0, 102, 200, 100)
		params = append(params, make([]byte, 100)...)
	}
	b := []byte{4, 64500 >> 8, 64500 & 255, 0, 90, 198, 51, 100, 1, 255, 255, byte(len(params) >> 8), byte(len(params))}
	return message(typeOpen, append(b, params...)...)
}

// A peer without 4-octet AS numbers sends paths of 2 octets, and the rest as AS4_PATH (RFC 6793).
func TestTwoOctetPeer(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.33")))
	r := connect(t, "127.0.11.33", s.addr())
	r.write(rawOpen(4, 90))
	r.expect(typeOpen)
	r.expect(typeKeepalive)
	r.write(message(typeKeepalive))
	s.wait(collector.PeerUp)
	attrs := []byte{0x40, 1, 1, 0, 0x40, 2, 6, 2, 2, 0xFB, 0xF5, 0x5B, 0xA0, 0x40, 3, 4, 198, 51, 100, 1, 0xC0, 17, 6, 2, 1, 0xFA, 0x56, 0xEA, 0}
	r.write(message(typeUpdate, append(append([]byte{0, 0, 0, byte(len(attrs))}, attrs...), 24, 192, 0, 2)...))
	if got := routes(s.wait(collector.Routes)); got != "+192.0.2.0/24[64501 4200000000]" {
		t.Errorf("got %s", got)
	}
}

// Two connections of a peer that has no session yet: the newer one is served, the older one hears why it is not.
func TestCollision(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.34")))
	old := connect(t, "127.0.11.34", s.addr())
	old.write(rawOpen(4, 90, as4()...))
	old.expect(typeOpen)
	old.expect(typeKeepalive)
	r := connect(t, "127.0.11.34", s.addr())
	old.notified(codeCease, ceaseCollision)
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
}

// What comes in one piece with the OPEN waits for the session, and comes after it.
func TestUpdateRightBehindKeepalive(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.35")))
	r := connect(t, "127.0.11.35", s.addr())
	update, err := announce(nil, "192.0.2.0/24").Serialize()
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, m := range [][]byte{rawOpen(4, 90, as4()...), message(typeKeepalive), update, message(typeRouteRefresh, 0, 1, 0, 1), update, message(typeNotification, 6, 4)} {
		all = append(all, m...)
	}
	r.write(all)
	var kinds []string
	for len(kinds) < 5 {
		kinds = append(kinds, s.next().Kind.String())
	}
	if got := strings.Join(kinds, " "); got != "peer-up heard routes routes feed-lost" {
		t.Errorf("events %s", got)
	}
}

func TestHardResetSaysWhy(t *testing.T) {
	for want, body := range map[string][]byte{
		`Cease/Hard Reset (6/9): Cease/Administrative Shutdown (6/2): "bye"`: {6, 9, 6, 2, 3, 'b', 'y', 'e'},
		"Cease/Hard Reset (6/9)":                           {6, 9},
		"Cease/Hard Reset (6/9): Hold Timer Expired (4/0)": {6, 9, 4, 0},
		"Cease/BFD Down (6/10)":                            {6, 10},
		"99/1":                                             {99, 1},
		"a NOTIFICATION without a code":                    {1},
	} {
		if got := describe(body); got != want {
			t.Errorf("%v: %s, want %s", body, got, want)
		}
	}
	nested := bytes.Repeat([]byte{6, 9}, 2000)
	if got := describe(nested); got != "Cease/Hard Reset (6/9)" {
		t.Errorf("a Hard Reset in a Hard Reset: %s", got)
	}
}
