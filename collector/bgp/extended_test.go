package bgp

import (
	"strings"
	"testing"

	"anywatch/collector"
)

// extended is the capability of RFC 8654, raw.
var extended = []byte{extendedMessage, 0}

// up brings a session up with capabilities as they stand.
func (s *station) up(from string, capabilities ...byte) *router {
	s.t.Helper()
	r := connect(s.t, from, s.addr())
	r.write(rawOpen(4, 90, as4(capabilities...)...))
	r.expect(typeOpen)
	r.expect(typeKeepalive)
	r.write(message(typeKeepalive))
	s.wait(collector.PeerUp)
	return r
}

// updateOf makes an UPDATE of so many octets that announces 192.0.2.0/24: the rest is an attribute that nobody knows.
func updateOf(octets int) []byte {
	attrs := []byte{0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 198, 51, 100, 1}
	fill := octets - headerLen - 4 - len(attrs) - 4 - 4
	attrs = append(append(attrs, 0xD0, 250, byte(fill>>8), byte(fill)), make([]byte, fill)...)
	body := append([]byte{0, 0, byte(len(attrs) >> 8), byte(len(attrs))}, attrs...)
	return message(typeUpdate, append(body, 24, 192, 0, 2)...)
}

func TestExtendedMessages(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.40")))
	r := s.up("127.0.11.40", extended...)
	for _, octets := range []int{4096, 4097, 65534, 65535, 100} {
		m := updateOf(octets)
		if len(m) != octets {
			t.Fatalf("made %d octets", len(m))
		}
		r.write(m)
		if got := routes(s.wait(collector.Routes)); got != "+192.0.2.0/24[]" {
			t.Errorf("%d octets: got %s", octets, got)
		}
	}
	r.write(message(typeRouteRefresh, make([]byte, 65535-headerLen)...)) // with a subtype of zero: a request with filters (RFC 5291)
	r.write(updateOf(65535))
	s.wait(collector.Routes)
	// A NOTIFICATION that brings a message along.
	r.write(message(typeNotification, append([]byte{6, 4, 4, 'w', 'o', 'r', 'k'}, make([]byte, 65535-headerLen-7)...)...))
	if ev := s.wait(collector.FeedLost); ev.Reason != `the peer closed the session: Cease/Administrative Reset (6/4): "work"` {
		t.Errorf("reason %q", ev.Reason)
	}
}

func TestLengthLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		capabilities []byte
		send         []byte
		want         []byte // nil: the session goes on
	}{
		{"4096 without the capability", nil, updateOf(4096), nil},
		{"4097 without the capability", nil, updateOf(4097), []byte{1, 2, 0x10, 1}},
		{"65535 without the capability", nil, updateOf(65535), []byte{1, 2, 0xFF, 0xFF}},
		{"NOTIFICATION without the capability", nil, lie(typeNotification, 5000), []byte{1, 2, 0x13, 0x88}},
		{"ROUTE-REFRESH without the capability", nil, lie(typeRouteRefresh, 5000), []byte{1, 2, 0x13, 0x88}},
		{"OPEN stays short", extended, lie(typeOpen, 4097), []byte{1, 2, 0x10, 1}},
		{"KEEPALIVE stays short", extended, lie(typeKeepalive, 20), []byte{1, 2, 0, 20}},
		{"shorter than a header", extended, lie(typeUpdate, 18), []byte{1, 2, 0, 18}},
		{"unknown type", extended, lie(77, 65535), []byte{1, 3, 77}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, config(ibgp("127.0.11.41")))
			r := s.up("127.0.11.41", c.capabilities...)
			// The session may end before all of a message that is too long is written.
			if _, err := r.Write(c.send); err != nil && c.want == nil {
				t.Fatal(err)
			}
			if c.want == nil {
				s.wait(collector.Routes)
				return
			}
			r.notified(c.want...)
		})
	}
}

// An OPEN can't be longer than 4,096 octets, whatever it says of itself.
func TestLongOpen(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.42")))
	r := connect(t, "127.0.11.42", s.addr())
	r.expect(typeOpen)
	r.write(lie(typeOpen, 4097))
	r.notified(1, 2, 0x10, 1)
}

// A sample of a long message is kept in part.
func TestSampleOfALongMessage(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.43")))
	r := s.up("127.0.11.43", extended...)
	m := updateOf(60000)
	m[headerLen+4+3] = 9 // ORIGIN 9
	r.write(m)
	if got := routes(s.wait(collector.Routes)); got != "-192.0.2.0/24" {
		t.Errorf("got %s", got)
	}
	r.write(updateOf(100)) // when it has arrived, the sample is there
	s.wait(collector.Routes)
	list := s.source.Samples()
	if len(list) != 1 || len(list[0].Bytes) != 4096 || !strings.Contains(list[0].Err, "origin code 9") {
		t.Errorf("samples %v", list)
	}
}
