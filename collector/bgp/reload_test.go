package bgp

import (
	"net/netip"
	"strings"
	"testing"

	"anywatch/collector"
	"anywatch/collector/internal/tcp"
)

func TestReloadKeepsSessions(t *testing.T) {
	gone := Neighbor{Name: "gone", Address: addr("127.0.13.2"), ASN: 64501}
	changed := Neighbor{Name: "changed", Address: addr("127.0.13.3"), ASN: 64502}
	kept := ibgp("127.0.13.1")
	s := start(t, config(kept, gone, changed))
	up := func(from string, asn uint32) *router {
		r := connect(t, from, s.addr())
		r.establish(asn, mp4())
		s.wait(collector.PeerUp)
		return r
	}
	rKept, rGone, rChanged := up("127.0.13.1", 64500), up("127.0.13.2", 64501), up("127.0.13.3", 64502)

	changed.AddPath = true
	added := Neighbor{Name: "added", Address: addr("127.0.13.4"), ASN: 64503}
	if err := s.source.Reload(config(kept, changed, added)); err != nil {
		t.Fatal(err)
	}
	if got := describe(rGone.expect(typeNotification)); got != "Cease/Peer De-configured (6/3)" {
		t.Errorf("the removed neighbor got %s", got)
	}
	if got := describe(rChanged.expect(typeNotification)); got != "Cease/Other Configuration Change (6/6)" {
		t.Errorf("the changed neighbor got %s", got)
	}
	reasons := map[string]string{}
	for range 2 {
		ev := s.wait(collector.FeedLost)
		reasons[ev.Vantage.Name()] = ev.Reason
	}
	if reasons["bgp:gone"] != "it was taken out of the configuration" || reasons["bgp:changed"] != "its configuration changed" {
		t.Errorf("reasons %v", reasons)
	}
	rKept.send(announce(nil, "192.0.2.0/24"))
	s.wait(collector.Routes)
	up("127.0.13.4", 64503)
	if _, _, err := connect(t, "127.0.13.2", s.addr()).read(); err == nil {
		t.Error("the removed neighbor was let in")
	}
}

func TestReloadMovesTheListener(t *testing.T) {
	n := ibgp("127.0.13.5")
	s := start(t, config(n))
	first := s.addr()
	r := connect(t, "127.0.13.5", first)
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
	cfg := config(n)
	cfg.Listen = []string{"127.0.0.2:0"}
	if err := s.source.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, "127.0.13.9", first, ""); err == nil {
		t.Error("the old address still answers")
	}
	r.send(announce(nil, "192.0.2.0/24"))
	s.wait(collector.Routes)
	if got := s.addr().Addr(); got != addr("127.0.0.2") {
		t.Errorf("it listens on %v", got)
	}
}

func TestReloadRefusesAndChangesNothing(t *testing.T) {
	s := start(t, config(ibgp("127.0.13.6")))
	r := connect(t, "127.0.13.6", s.addr())
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
	taken := config(Neighbor{Name: "x", Address: addr("127.0.13.7"), Password: "new"})
	taken.Listen = append(taken.Listen, "192.0.2.1:0") // nobody's address here
	for name, cfg := range map[string]Config{"listener": taken, "configuration": config(Neighbor{Name: "y"})} {
		if err := s.source.Reload(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	r.send(announce(nil, "192.0.2.0/24"))
	s.wait(collector.Routes)
	if list := s.source.Sessions(); len(list) != 1 || list[0].Name != "rr1" || !list[0].Established {
		t.Errorf("sessions %+v", list)
	}
}

func TestConfigFaults(t *testing.T) {
	good := func(change func(*Config)) Config {
		cfg := config(ibgp("127.0.13.8"))
		change(&cfg)
		return cfg
	}
	clients := netip.MustParsePrefix("127.0.14.0/24")
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"no address to listen on", good(func(c *Config) { c.Listen = nil }), "sources.bgp.listen"},
		{"router ID", good(func(c *Config) { c.RouterID = addr("::1") }), "router ID ::1 is not an IPv4 address"},
		{"AS", good(func(c *Config) { c.ASN = 0 }), "AS0 can't be our AS"},
		{"hold time", good(func(c *Config) { c.HoldTime = 1 }), "hold time 1ns is impossible"},
		{"neither address nor range", config(Neighbor{Name: "x"}), "neighbor x: it needs an address or a range"},
		{"both", config(Neighbor{Name: "x", Address: addr("127.0.0.9"), Range: clients}), "neighbor x: it needs an address or a range, and not both"},
		{"twice the name", config(ibgp("127.0.0.8"), ibgp("127.0.0.9")), "two neighbors are called rr1"},
		{"twice the address", config(ibgp("127.0.0.8"), Neighbor{Address: addr("127.0.0.8")}), "have the same address"},
		{"reserved AS", config(Neighbor{Name: "x", Address: addr("127.0.0.9"), ASN: 23456}), "AS23456 is reserved"},
		{"hops", config(Neighbor{Name: "x", Address: addr("127.0.0.9"), TTLSecurity: 255}), "ttl_security 255 is impossible"},
		{"long password", config(Neighbor{Name: "x", Address: addr("127.0.0.9"), Password: Password(strings.Repeat("k", 81))}), "has 81 characters"},
		{"open door", config(Neighbor{Name: "all", Range: clients, Password: "secret"}, Neighbor{Name: "x", Address: addr("127.0.14.7")}), "neighbor x has no password but lies in the range of all"},
		{"unreachable family", config(Neighbor{Name: "six", Address: addr("2001:db8::1")}), "neighbor six can't connect"},
		{"port in use", good(func(c *Config) { c.Listen = []string{busy(t)} }), "listens on 127.0.0.1:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := New(c.cfg, deps(new(logs)))
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not say %q", err, c.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Error("the password shows")
			}
		})
	}
}

// busy gives an address that somebody listens on.
func busy(t *testing.T) string {
	t.Helper()
	l, err := tcp.Listen("127.0.0.1:0", "BGP")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return tcp.Addr(l).String()
}

func TestSessions(t *testing.T) {
	s := start(t, config(ibgp("127.0.13.10"), Neighbor{Name: "away", Address: addr("127.0.13.11"), ASN: 64501}))
	r := connect(t, "127.0.13.10", s.addr())
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
	list := s.source.Sessions()
	if len(list) != 2 || list[0].Name != "away" || list[0].Established || !list[1].Established || list[1].Since.IsZero() {
		t.Errorf("sessions %+v", list)
	}
}

func TestFindPrefersTheClosest(t *testing.T) {
	tb := newTable(Config{Neighbors: []Neighbor{
		{Name: "wide", Range: netip.MustParsePrefix("10.0.0.0/8")}, {Name: "narrow", Range: netip.MustParsePrefix("10.1.0.0/16")},
		{Name: "one", Address: addr("10.1.2.3")}, {Name: "six", Range: netip.MustParsePrefix("fe80::/10")}}})
	for a, want := range map[string]string{"10.1.2.3": "one", "10.1.2.4": "narrow", "10.2.0.1": "wide", "11.0.0.1": "", "fe80::1%lo": "six", "::1": ""} {
		if n, _ := tb.find(addr(a)); n.Name != want {
			t.Errorf("%s is %q, want %q", a, n.Name, want)
		}
	}
}
