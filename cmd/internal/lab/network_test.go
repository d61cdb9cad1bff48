package lab_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"anywatch/cmd/internal/lab"
	"anywatch/cmd/internal/lab/rtrcache"

	"github.com/bgpfix/bgpfix/rtr"
)

// TestNetwork tells one story on one network, because a network takes two seconds to come up.
func TestNetwork(t *testing.T) {
	n, m := bring(t)
	ctx := t.Context()
	const (
		ams = "[] via 10.0.1.1 originator 10.0.1.1 cluster 10.0.0.1 64500:101 64500:1:101"
		nrt = "[] via 10.0.2.1 originator 10.0.2.1 cluster 10.0.0.1 64500:102 64500:1:102"
		iad = "[] via 10.0.3.1 originator 10.0.3.1 cluster 10.0.0.1 64500:103 64500:1:103"
		a   = "[64496 64500] via 10.8.0.1 64500:101 64500:1:101"
		b   = "[64497 64500] via 10.8.0.2 64500:102 64500:1:102"
	)
	quiet := func(t *testing.T) {
		t.Helper()
		m.want(t, "rr1", lab.AnycastV4, ams, nrt, iad)
		m.want(t, "transit-a", lab.AnycastV4, a)
		m.want(t, "transit-b", lab.AnycastV4, b)
		m.want(t, "transit-a", lab.HalfV4)
		m.want(t, "transit-b", lab.HalfV4)
		m.want(t, "transit-a", lab.Parked)
	}
	t.Run("quiet", func(t *testing.T) {
		quiet(t)
		six := func(s string, i int) string {
			return strings.Replace(s, fmt.Sprintf("via 10.0.%d.1", i), fmt.Sprintf("via 2001:db8:0:%d::1", i), 1)
		}
		m.want(t, "rr1", lab.AnycastV6, six(ams, 1), six(nrt, 2), six(iad, 3))
		m.want(t, "transit-b", lab.AnycastV6, "[64497 64500] via 2001:db8:8:b::1 64500:102 64500:1:102")
	})
	t.Run("End-of-RIB comes after a whole table", func(t *testing.T) {
		m.want(t, "rr1", endOfRIB, "ipv4-unicast after 3 paths", "ipv6-unicast after 3 paths")
		m.want(t, "transit-a", endOfRIB, "ipv4-unicast after 2 paths", "ipv6-unicast after 1 paths")
		m.want(t, "transit-b", endOfRIB, "ipv4-unicast after 2 paths", "ipv6-unicast after 1 paths")
	})
	t.Run("hijack of the exact prefix", func(t *testing.T) {
		must(t, n.HijackExact(ctx))
		m.want(t, "transit-b", lab.AnycastV4, "[64497 64511] via 10.8.0.2")
		m.want(t, "transit-a", lab.AnycastV4, a)
		m.want(t, "rr1", lab.AnycastV4, ams, nrt, iad)
		must(t, n.EndHijack(ctx, lab.AnycastV4))
		quiet(t)
	})
	t.Run("hijack of a more-specific", func(t *testing.T) {
		must(t, n.HijackMoreSpecific(ctx))
		m.want(t, "transit-a", lab.HalfV4, "[64496 64511] via 10.8.0.1")
		m.want(t, "transit-b", lab.HalfV4, "[64497 64511] via 10.8.0.2")
		m.want(t, "rr1", lab.HalfV4)
		must(t, n.EndHijack(ctx, lab.HalfV4))
		quiet(t)
	})
	t.Run("hijack with a forged origin", func(t *testing.T) {
		must(t, n.ForgeOrigin(ctx))
		m.want(t, "transit-b", lab.AnycastV4, "[64497 64511 64500] via 10.8.0.2")
		m.want(t, "transit-a", lab.AnycastV4, a)
		over, cancel := context.WithCancel(ctx)
		cancel()
		if err := n.Ready(over); err == nil || !strings.Contains(err.Error(), "transit-b does not prefer the route of AS64500 to 192.0.2.0/24") {
			t.Errorf("a network with a forged route: got %v", err)
		}
		must(t, n.EndHijack(ctx, lab.AnycastV4))
		quiet(t)
	})
	t.Run("a leak", func(t *testing.T) {
		must(t, n.Leak(ctx))
		m.want(t, "transit-b", lab.AnycastV4, "[64497 64511 64496 64500] via 10.8.0.2 64500:101 64500:1:101")
		m.want(t, "transit-b", lab.AnycastV6, "[64497 64500] via 2001:db8:8:b::1 64500:102 64500:1:102")
		m.want(t, "transit-a", lab.AnycastV4, a)
		m.want(t, "rr1", lab.AnycastV4, ams, nrt, iad)
		must(t, n.EndLeak(ctx))
		quiet(t)
	})
	t.Run("a site goes and comes back", func(t *testing.T) {
		must(t, n.WithdrawSite(ctx, "ams"))
		m.want(t, "rr1", lab.AnycastV4, nrt, iad)
		m.want(t, "transit-a", lab.AnycastV4, strings.ReplaceAll(a, "101", "102"))
		must(t, n.AnnounceSite(ctx, "ams"))
		quiet(t)
		must(t, n.Ready(ctx))
		if err := n.WithdrawSite(ctx, "lhr"); err == nil || !strings.Contains(err.Error(), "the sites are ams, nrt, iad") {
			t.Errorf("a site that is not there: got %v", err)
		}
	})
	t.Run("a site drains", func(t *testing.T) {
		must(t, n.DrainSite(ctx, "ams"))
		m.want(t, "rr1", lab.AnycastV4, strings.Replace(ams, "64500:101", "64500:101 65535:0", 1), nrt, iad)
		m.want(t, "transit-a", lab.AnycastV4, strings.ReplaceAll(a, "101", "102"))
		over, cancel := context.WithCancel(ctx)
		cancel()
		if err := n.Ready(over); err == nil || !strings.Contains(err.Error(), "from ams that is to be used") {
			t.Errorf("a network with a site that drains: got %v", err)
		}
		must(t, n.AnnounceSite(ctx, "ams"))
		quiet(t)
	})
	t.Run("a site flaps", func(t *testing.T) {
		before, err := m.station.count(0, withdrawal)
		must(t, err)
		for range 3 {
			must(t, n.FlapSite(ctx, "iad", lab.AnycastV4))
		}
		quiet(t)
		eventually(t, func() error {
			got, err := m.station.count(0, withdrawal)
			if err == nil && got != before+3 {
				err = fmt.Errorf("%d withdrawals were reported, want %d", got-before, 3)
			}
			return err
		})
	})
	t.Run("two sites prepend", func(t *testing.T) {
		must(t, n.PrependSites(ctx, lab.AnycastV4, true, "ams", "nrt"))
		m.want(t, "rr1", lab.AnycastV4, ams, nrt, iad)
		m.want(t, "transit-a", lab.AnycastV4, "[64496 64497 64500] via 10.8.0.1 64500:103 64500:1:103")
		m.want(t, "transit-b", lab.AnycastV4, strings.ReplaceAll(b, "102", "103"))
		m.want(t, "transit-a", lab.AnycastV6, "[64496 64500] via 2001:db8:8:a::1 64500:101 64500:1:101")
		must(t, n.PrependSites(ctx, lab.AnycastV4, false, "ams", "nrt"))
		quiet(t)
	})
	t.Run("services", func(t *testing.T) { testServices(t, n, m) })
	t.Run("BMP", func(t *testing.T) { testBMP(t, m) })
	t.Run("RTR", func(t *testing.T) { testRTR(t, n, m.description.RTR) })
	t.Run("the RPKI cache goes and comes back", func(t *testing.T) { testCacheGone(t, n, m.description.RTR) })
	t.Run("scenario", func(t *testing.T) { testScenario(t, n, m) })
	t.Run("stop", func(t *testing.T) { testStop(t, n, m) })
}

// withdrawal of 192.0.2.0/24, as an UPDATE has it.
var withdrawal = []byte{0, 4, 24, 192, 0, 2, 0, 0}

// testServices asks the service of a site how it fares.
func testServices(t *testing.T, n *lab.Network, m *monitor) {
	ask := func(want int) {
		t.Helper()
		r, err := http.Get("http://" + m.description.Sites[0].Service.String() + "/healthz")
		must(t, err)
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("the service of %s answers %d, want %d", m.description.Sites[0].Name, r.StatusCode, want)
		}
	}
	ask(http.StatusOK)
	must(t, n.FailService("ams"))
	ask(http.StatusServiceUnavailable)
	must(t, n.MendService("ams"))
	ask(http.StatusOK)
	if err := n.FailService("lhr"); err == nil || !strings.Contains(err.Error(), "the sites are ams, nrt, iad") {
		t.Errorf("a site that is not there: got %v", err)
	}
}

// testBMP looks at the raw stream, which began before the first route.
func testBMP(t *testing.T, m *monitor) {
	s := m.station
	s.mu.Lock()
	from := s.from
	s.mu.Unlock()
	if !m.description.BMPAllow.Contains(from) {
		t.Errorf("the stream comes from %s, not from within %s", from, m.description.BMPAllow)
	}
	for _, c := range []struct {
		what   string
		kind   byte
		octets []byte
		least  int
	}{
		{"Initiation with the name of the router", 4, []byte("rr1"), 1},
		{"Peer Up of the sites and the monitor", 3, nil, 4},
		{"Route Monitoring of 192.0.2.0/24 with community 64500:101", 0, []byte{24, 192, 0, 2}, 3},
		{"community 64500:101", 0, []byte{0xc0, 8, 4, 0xfb, 0xf4, 0, 101}, 2},
		{"2001:db8:53::/48", 0, []byte{48, 0x20, 0x01, 0x0d, 0xb8, 0, 0x53}, 3},
		{"withdrawal of 192.0.2.0/24, which ams made", 0, withdrawal, 1},
	} {
		eventually(t, func() error {
			got, err := s.count(c.kind, c.octets)
			if err != nil {
				return fmt.Errorf("the stream broke: %w", err)
			}
			if got < c.least {
				return fmt.Errorf("%s: %d messages, want at least %d", c.what, got, c.least)
			}
			return nil
		})
	}
}

// rtrClient is a real client, and a channel with what each End of Data completes: the VRPs that came (true) and went.
func rtrClient() (*rtr.Client, chan map[rtrcache.VRP]bool) {
	got, done := map[rtrcache.VRP]bool{}, make(chan map[rtrcache.VRP]bool, 2)
	return rtr.NewClient(&rtr.Options{
		Version: 1,
		OnROA: func(add bool, p netip.Prefix, maxLength uint8, asn uint32) {
			got[rtrcache.VRP{Prefix: p, MaxLength: int(maxLength), ASN: asn}] = add
		},
		OnEndOfData: func(uint16, uint32) { done <- got; got = map[rtrcache.VRP]bool{} },
	}), done
}

// testRTR reads the cache with a real client, and sees a change of the ROAs.
func testRTR(t *testing.T, n *lab.Network, at netip.AddrPort) {
	conn, err := net.Dial("tcp", at.String())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	client, done := rtrClient()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = client.Run(t.Context(), conn) // ends when the connection is closed
	}()
	t.Cleanup(func() { conn.Close(); <-ended })
	batch := func() map[rtrcache.VRP]bool {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		select {
		case b := <-done:
			return b
		case <-ctx.Done():
			t.Fatal("no End of Data came")
			return nil
		}
	}
	first := batch()
	for _, v := range lab.ROAs() {
		if !first[v] {
			t.Errorf("the cache does not serve %s", v)
		}
	}
	must(t, n.SetROAs(lab.ROAs()[1:]))
	if second := batch(); len(second) != 1 || second[lab.ROAs()[0]] {
		t.Errorf("a ROA was taken away; the router was told %v", second)
	}
	must(t, n.SetROAs(lab.ROAs()))
}

// testCacheGone lets the cache go away and come back with what it held.
func testCacheGone(t *testing.T, n *lab.Network, at netip.AddrPort) {
	must(t, n.SetROAs(lab.ShortROAs()))
	must(t, n.StopCache())
	if conn, err := net.Dial("tcp", at.String()); err == nil {
		conn.Close()
		t.Errorf("somebody listens at %s, where the cache was", at)
	}
	// Somebody else tries the address out at the moment at which the cache wants it back.
	l, err := net.Listen("tcp", at.String())
	must(t, err)
	back := make(chan error, 1)
	go func() { back <- n.StartCache(t.Context()) }()
	l.Close()
	must(t, <-back)
	conn, err := net.Dial("tcp", at.String())
	must(t, err)
	defer conn.Close()
	must(t, conn.SetReadDeadline(time.Now().Add(10*time.Second))) // a guard against a cache that never answers
	client, done := rtrClient()
	ended := make(chan error, 1)
	go func() { ended <- client.Run(t.Context(), conn) }()
	select {
	case got := <-done:
		for _, v := range lab.ShortROAs() {
			if !got[v] {
				t.Errorf("the cache does not serve %s any more", v)
			}
		}
		conn.Close()
		<-ended
	case err := <-ended:
		t.Errorf("no End of Data came: %v", err)
	}
	must(t, n.SetROAs(lab.ROAs()))
}

// leapingClock passes over every wait at once.
type leapingClock struct{ now time.Time }

func (c *leapingClock) Now() time.Time { return c.now }

func (c *leapingClock) Wait(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(max(d, 0))
	return ctx.Err()
}

// testScenario plays the demonstration and looks at the monitor's view as each step has happened.
func testScenario(t *testing.T, n *lab.Network, m *monitor) {
	steps := lab.Scenario()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	views := map[string]func(){
		"AS64511 announces 192.0.2.0/24,": func() { m.want(t, "transit-b", lab.AnycastV4, "[64497 64511] via 10.8.0.2") },
		"AS64511 withdraws 192.0.2.0/24.": func() {
			m.want(t, "transit-b", lab.AnycastV4, "[64497 64500] via 10.8.0.2 64500:102 64500:1:102")
		},
		"AS64511 announces 192.0.2.128/25,": func() { m.want(t, "transit-a", lab.HalfV4, "[64496 64511] via 10.8.0.1") },
		"AS64511 withdraws 192.0.2.128/25.": func() { m.want(t, "transit-a", lab.HalfV4) },
		"AS64511 has learnt:":               func() { m.want(t, "transit-b", lab.AnycastV4, "[64497 64511 64500] via 10.8.0.2") },
		"AS64511 leaks:": func() {
			m.want(t, "transit-b", lab.AnycastV4, "[64497 64511 64496 64500] via 10.8.0.2 64500:101 64500:1:101")
		},
	}
	var began []time.Duration
	var awaited []int
	for i, s := range steps {
		steps[i].Do = func(ctx context.Context, n *lab.Network) error {
			err := s.Do(ctx, n)
			for title, view := range views {
				if strings.HasPrefix(s.Title, title) {
					view()
					delete(views, title)
				}
			}
			return err
		}
	}
	must(t, lab.Playback{
		Steps: steps, Clock: &leapingClock{start}, Speed: 2,
		Observe: func(_ lab.Step, at time.Time) { began = append(began, at.Sub(start)) },
		Await:   func(_ context.Context, before []lab.Step) error { awaited = append(awaited, len(before)); return nil },
	}.Play(t.Context(), n))
	for i, s := range steps {
		if began[i] != s.At/2 {
			t.Errorf("%q began at %s, want %s", s.Title, began[i], s.At/2)
		}
		if i > 0 && awaited[i-1] != i {
			t.Errorf("%d steps were waited for before %q, want %d", awaited[i-1], s.Title, i)
		}
	}
	for title := range views {
		t.Errorf("no step begins with %q", title)
	}
	failing := lab.Playback{Clock: &leapingClock{start}, Steps: []lab.Step{{Title: "A fault.", Do: func(context.Context, *lab.Network) error {
		return errors.New("as planned")
	}}}}
	if err := failing.Play(t.Context(), n); err == nil || !strings.Contains(err.Error(), `"A fault." at 0s failed: as planned`) {
		t.Errorf("a failing step: got %v", err)
	}
}

// testStop looks that the monitor loses its sessions and the addresses are free again.
func testStop(t *testing.T, n *lab.Network, m *monitor) {
	n.Stop()
	n.Stop() // a second time does nothing
	eventually(t, func() error {
		if got, err := m.station.count(5, nil); got != 1 {
			return fmt.Errorf("%d BMP Terminations, want 1 (%v)", got, err)
		}
		return nil
	})
	for _, nb := range m.description.Neighbors {
		m.want(t, nb.Name, lab.AnycastV4)
	}
	l, err := net.Listen("tcp", m.description.RTR.String())
	must(t, err)
	l.Close()
	if err := n.HijackExact(t.Context()); err == nil {
		t.Error("a stopped network still acts")
	}
	if err := n.Start(t.Context()); err == nil {
		t.Error("a stopped network started again")
	}
}
