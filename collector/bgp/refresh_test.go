package bgp

import (
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// enhanced are the capabilities of a peer with both families, route refresh and enhanced route refresh, raw.
var enhanced = []byte{1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 2, 0, 70, 0}

func refreshMessage(afi, subtype, safi byte) []byte {
	return message(typeRouteRefresh, 0, afi, subtype, safi)
}

func TestEnhancedRouteRefresh(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.50")))
	r := s.up("127.0.11.50", enhanced...)
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		r.write(refreshMessage(byte(f), refreshBegins, 1))
		if ev := s.wait(collector.TableBegins); ev.Family != f || ev.Vantage.Name() != "bgp:rr1" {
			t.Errorf("the table of %d begins: %+v", f, ev)
		}
		r.send(announce(nil, "192.0.2.0/24"))
		s.wait(collector.Routes)
		r.write(refreshMessage(byte(f), refreshEnds, 1))
		if ev := s.wait(collector.EndOfRIB); ev.Family != f {
			t.Errorf("the table of %d ends: %+v", f, ev)
		}
	}
	if n := s.source.OddRefreshes(); n != 0 {
		t.Errorf("%d messages were passed over", n)
	}
	// A second begin begins anew.
	r.write(refreshMessage(1, refreshBegins, 1))
	r.write(refreshMessage(1, refreshBegins, 1))
	s.wait(collector.TableBegins)
	s.wait(collector.TableBegins)
}

func TestRefreshesThatArePassedOver(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.51")))
	r := s.up("127.0.11.51", enhanced...)
	for _, m := range [][]byte{
		refreshMessage(1, 3, 1),                                  // unknown subtypes
		refreshMessage(1, 255, 1),                                //
		message(typeRouteRefresh, 0, 1, 9, 1, 1, 2, 3),           // of another length too
		refreshMessage(1, refreshBegins, 128),                    // VPN
		refreshMessage(25, refreshBegins, 70),                    // EVPN
		message(typeRouteRefresh, 0x40, 0x04, refreshBegins, 71), // BGP-LS
		refreshMessage(1, refreshEnds, 1),                        // had not begun
	} {
		r.write(m)
	}
	// Requests, plain and with filters, are none of these.
	r.write(refreshMessage(1, refreshRequest, 1))
	r.write(message(typeRouteRefresh, 0, 1, 0, 1, 1, 64, 0, 1, 0x20))
	r.send(announce(nil, "192.0.2.0/24"))
	s.wait(collector.Heard)
	if ev := s.next(); ev.Kind != collector.Routes {
		t.Errorf("a %v event came", ev.Kind)
	}
	if n := s.source.OddRefreshes(); n != 7 {
		t.Errorf("%d messages were passed over, want 7", n)
	}
}

func TestRefreshOfInvalidLength(t *testing.T) {
	for name, body := range map[string][]byte{
		"begin too long":  {0, 1, 1, 1, 0},
		"end too long":    {0, 1, 2, 1, 9, 9},
		"without subtype": {0, 1},
		"empty":           {},
		"of three octets": {0, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, config(ibgp("127.0.11.52")))
			r := s.up("127.0.11.52", enhanced...)
			m := message(typeRouteRefresh, body...)
			r.write(m)
			r.notified(append([]byte{7, 1}, m...)...)
		})
	}
}

// Who does not offer enhanced route refresh is not held to its rules.
func TestRefreshWithoutTheCapability(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.53")))
	r := s.up("127.0.11.53", 1, 4, 0, 1, 0, 1, 2, 0)
	for _, body := range [][]byte{{0, 1, 1, 1}, {0, 1, 1, 1, 0}, {0}, {0, 1, 0, 1}} {
		r.write(message(typeRouteRefresh, body...))
	}
	r.send(announce(nil, "192.0.2.0/24"))
	s.wait(collector.Heard)
	if ev := s.next(); ev.Kind != collector.Routes {
		t.Errorf("a %v event came", ev.Kind)
	}
	if n := s.source.OddRefreshes(); n != 3 {
		t.Errorf("%d messages were passed over, want 3", n)
	}
}

// When the end of the table does not come, nothing is swept, and the log says so once.
func TestRefreshWithoutEnd(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.54")))
	r := s.up("127.0.11.54", enhanced...)
	r.write(refreshMessage(2, refreshBegins, 1))
	s.wait(collector.TableBegins)
	const says = "began to show its table again and does not end it"
	for i, after := range []time.Duration{refreshPatience - time.Minute, time.Minute, time.Hour} {
		s.clock.advance(after)
		r.write(message(typeKeepalive))
		r.send(announce(nil, "192.0.2.0/24"))
		s.wait(collector.Routes)
		if n := strings.Count(s.logs.String(), says); n != min(i, 1) {
			t.Fatalf("said %d times:\n%s", n, s.logs)
		}
	}
	if !strings.Contains(s.logs.String(), "ipv6=true") {
		t.Errorf("the log does not say which table:\n%s", s.logs)
	}
	r.write(refreshMessage(2, refreshEnds, 1)) // too late
	r.send(announce(nil, "192.0.2.0/24"))
	if ev := s.next(); ev.Kind != collector.Routes {
		t.Errorf("a %v event came", ev.Kind)
	}
}
