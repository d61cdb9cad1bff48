//go:build interop

package conformance

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"anywatch/collector"
	"anywatch/collector/bgp"
	"anywatch/collector/internal/peers"
)

// TestMD5: with the right key there is a session, for an address and for a range.
func TestMD5(t *testing.T) {
	each(t, everyMake, func(t *testing.T, m peers.Make) {
		at := newAddress()
		n := neighbor(at, 64501)
		if m == peers.FRRouting || m == peers.ExaBGP {
			n.Address, n.Range = netip.Addr{}, netip.PrefixFrom(at, 30).Masked()
		}
		n.Password = "right"
		s := start(t, over4, watched, n)
		spec := s.spec(at, 64501)
		spec.Password, spec.Routes = "right", both()
		peers.Run(t, m, spec)
		s.shows("192.0.2.0/24 [64501]", "2001:db8:53::/48 [64501]")
		if v, name := s.nth(collector.PeerUp, 1).Vantage, "bgp:peer/"+at.String(); n.Range.IsValid() && v.Name() != name {
			t.Errorf("vantage %s, want %s", v.Name(), name)
		}
	})
}

// TestMD5Wrong: with a wrong key the kernel answers nothing: nothing is accepted, and nothing told. When our key is made the peer's, it comes in:
// nothing but the key kept it out.
func TestMD5Wrong(t *testing.T) {
	each(t, everyMake, func(t *testing.T, m peers.Make) { wrongKey(t, m, "wrong") })
}

// TestMD5Missing: a peer without a key is kept out in the same way.
func TestMD5Missing(t *testing.T) {
	each(t, everyMake, func(t *testing.T, m peers.Make) { wrongKey(t, m, "") })
}

func wrongKey(t *testing.T, m peers.Make, key string) {
	at := newAddress()
	n := neighbor(at, 64501)
	n.Password = "right"
	s := start(t, over4, watched, n)
	spec := s.spec(at, 64501)
	spec.Password, spec.Routes = key, both()
	peers.Run(t, m, spec)
	s.keptOut(at)
	n.Password = bgp.Password(key)
	if err := s.source.Reload(config(over4, n)); err != nil {
		t.Fatal(err)
	}
	s.shows("192.0.2.0/24 [64501]", "2001:db8:53::/48 [64501]")
}

// TestTTLSecurity: of two peers on this host one sends with a TTL of 255, as RFC 5082 wants it, and comes in; the other sends with less, as if
// it were far away, and gets no answer until we allow for that.
func TestTTLSecurity(t *testing.T) {
	t.Run("near", func(t *testing.T) {
		t.Parallel()
		at := newAddress()
		n := neighbor(at, ourAS)
		n.TTLSecurity = 1
		s := start(t, over4, watched, n)
		spec := s.spec(at, ourAS)
		spec.Routes = both()
		peers.Run(t, peers.FRRouting, spec)
		s.shows("192.0.2.0/24 []", "2001:db8:53::/48 []")
	})
	t.Run("far", func(t *testing.T) {
		t.Parallel()
		at := newAddress()
		n := neighbor(at, ourAS)
		n.TTLSecurity = 1
		s := start(t, over4, watched, n)
		spec := s.spec(at, ourAS)
		spec.Routes = both()
		peers.Run(t, peers.BIRD, spec)
		s.keptOut(at)
		n.TTLSecurity = 254
		if err := s.source.Reload(config(over4, n)); err != nil {
			t.Fatal(err)
		}
		s.shows("192.0.2.0/24 []", "2001:db8:53::/48 []")
	})
}

// keptOut waits until a peer has tried to connect and got no answer, and checks that nothing was heard of it.
func (s *station) keptOut(at netip.Addr) {
	s.t.Helper()
	knocked := ""
	eventually(s.t, "a connection that gets no answer", func() bool {
		before := knocked
		knocked = knocking(s.t, at, s.addr())
		return knocked != "" && knocked == before
	})
	if got := s.source.Sessions(); got[0].Established || s.counters.Messages.Load() != 0 || s.source.Refused() != 0 || len(s.told(collector.PeerUp)) != 0 {
		s.t.Errorf("sessions %+v, %d messages, %d refused", got, s.counters.Messages.Load(), s.source.Refused())
	}
}

// knocking names a connection between two addresses whose first packet got no answer yet, as the kernel shows it: state SYN-SENT.
func knocking(t *testing.T, from netip.Addr, to netip.AddrPort) string {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(table), "\n") {
		f := strings.Fields(line)
		if len(f) > 3 && strings.HasPrefix(f[1], kernel(from)) && f[2] == fmt.Sprintf("%s:%04X", kernel(to.Addr()), to.Port()) && f[3] == "02" {
			return f[1]
		}
	}
	return ""
}

// kernel writes an address as /proc/net/tcp does, the last octet first.
func kernel(a netip.Addr) string {
	b := a.As4()
	return fmt.Sprintf("%02X%02X%02X%02X", b[3], b[2], b[1], b[0])
}

// TestWrongAS: a peer of another AS than configured is told so (RFC 4271 section 6.2: OPEN Message Error, Bad Peer AS), and says so itself.
func TestWrongAS(t *testing.T) {
	words := map[peers.Make]string{
		peers.BIRD:      "Received: Bad peer AS",
		peers.FRRouting: "received 2/2|OPEN Message Error/Bad Peer AS",
		peers.GoBGP:     `Notifications: +\d+ +[1-9]`, // it keeps only their number
		peers.OpenBGPD:  "AS unacceptable",
		peers.ExaBGP:    `notification received \(2,2\)`,
	}
	each(t, everyMake, func(t *testing.T, m peers.Make) {
		at := newAddress()
		s := start(t, over4, watched, neighbor(at, 64501))
		spec := s.spec(at, 64502)
		spec.Routes = both()
		p := peers.Run(t, m, spec)
		p.Says(words[m])
		if s.source.Sessions()[0].Established || len(s.told(collector.PeerUp)) != 0 || len(s.routes()) != 0 {
			t.Errorf("a peer of a wrong AS is heard: %s", s.story())
		}
		if !strings.Contains(s.logs.String(), "OPEN Message Error/Bad Peer AS (2/2)") {
			t.Error("our log does not say why")
		}
	})
}
