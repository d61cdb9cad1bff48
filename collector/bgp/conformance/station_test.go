//go:build interop

package conformance

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/bgp"
	"anywatch/collector/internal/peers"
	"anywatch/collector/internal/tcp"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

const (
	patience = 90 * time.Second // how long a test waits for what must happen before it gives up
	ourAS    = 64500
)

var (
	four = netip.MustParsePrefix("192.0.2.0/24")
	more = netip.MustParsePrefix("192.0.2.0/25")
	six  = netip.MustParsePrefix("2001:db8:53::/48")

	watched = []netip.Prefix{four, six}
)

// logs collects what is logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// station is a running source under test, with what it told so far.
type station struct {
	t        *testing.T
	source   *bgp.Source
	counters *collector.Counters
	logs     *logs

	mu     sync.Mutex
	events []collector.Event
	view   view
	gate   func(context.Context, collector.Event) error // stands before the rest, where a test wants to slow the source
}

// start runs a source until the test ends. It listens on the loopback address of the family that is wanted.
func start(t *testing.T, listen string, watch []netip.Prefix, neighbors ...bgp.Neighbor) *station {
	t.Helper()
	return startWith(t, config(listen, neighbors...), watch, nil)
}

func config(listen string, neighbors ...bgp.Neighbor) bgp.Config {
	return bgp.Config{Listen: []string{listen}, ASN: ourAS, RouterID: netip.MustParseAddr("10.64.255.1"), Neighbors: neighbors, HoldTime: 90 * time.Second}
}

func startWith(t *testing.T, cfg bgp.Config, watch []netip.Prefix, gate func(context.Context, collector.Event) error) *station {
	t.Helper()
	s := &station{t: t, logs: new(logs), counters: new(collector.Counters), view: newView(watch), gate: gate}
	source, err := bgp.New(cfg, bgp.Deps{
		Live:     screen.NewLive(screen.NewWatch(watch, []route.ASN{64999}, screen.Shortest{IPv4: 8, IPv6: 19})),
		Registry: collector.NewRegistry(), Counters: s.counters,
		Log: slog.New(slog.NewTextHandler(s.logs, nil)), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.source = source
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- source.Run(ctx, s) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("our log:\n%s\nour events:\n%s", s.logs, s.story())
		}
	})
	return s
}

// Emit implements collector.Sink.
func (s *station) Emit(ctx context.Context, ev collector.Event) error {
	if s.gate != nil {
		if err := s.gate(ctx, ev); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, ev)
	s.view.apply(ev)
	return nil
}

func (s *station) addr() netip.AddrPort { return s.source.Addrs()[0] }

// told gives the events of a kind so far.
func (s *station) told(kind collector.Kind) (list []collector.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ev := range s.events {
		if ev.Kind == kind {
			list = append(list, ev)
		}
	}
	return list
}

// nth waits for the nth event of a kind, counted from one.
func (s *station) nth(kind collector.Kind, n int) collector.Event {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%v number %d", kind, n), func() bool { return len(s.told(kind)) >= n })
	return s.told(kind)[n-1]
}

// shows waits until the view is exactly these routes: "192.0.2.0/24 [64501 65099]".
func (s *station) shows(want ...string) {
	s.t.Helper()
	slices.Sort(want)
	eventuallyOr(s.t, func() string {
		return fmt.Sprintf("the view shows\n%s, want\n%s", strings.Join(s.routes(), "\n"), strings.Join(want, "\n"))
	},
		func() bool { return slices.Equal(s.routes(), want) })
}

func (s *station) routes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.routes()
}

// find gives the routes of a prefix.
func (s *station) find(p netip.Prefix) []held {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.find(p)
}

// the waits for the only route of a prefix.
func (s *station) the(p netip.Prefix) held {
	s.t.Helper()
	eventually(s.t, "one route of "+p.String(), func() bool { return len(s.find(p)) == 1 })
	return s.find(p)[0]
}

// story is what was told, for a person who looks for a fault.
func (s *station) story() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for i, ev := range s.events {
		if i == 200 {
			fmt.Fprintf(&b, "and %d more", len(s.events)-i)
			break
		}
		fmt.Fprintf(&b, "%s %v family %d %q:", ev.Time.Format("05.000"), ev.Kind, ev.Family, ev.Reason)
		for _, u := range ev.Updates {
			if len(u.Withdrawn)+len(u.Announced) > 10 {
				fmt.Fprintf(&b, " -%d +%d routes", len(u.Withdrawn), len(u.Announced))
				continue
			}
			fmt.Fprintf(&b, " -%v +%v", u.Withdrawn, u.Announced)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// unharmed checks that all that came could be read.
func (s *station) unharmed() {
	s.t.Helper()
	if n := s.counters.Malformed.Load(); n != 0 {
		s.t.Errorf("%d updates could not be used: %v", n, s.source.Samples())
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	eventuallyOr(t, func() string { return what + " did not come" }, so)
}

func eventuallyOr(t *testing.T, complaint func() string, so func() bool) {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for late := time.Now().Add(patience); !so(); <-look.C {
		if time.Now().After(late) {
			t.Fatal(complaint())
		}
	}
}

// addresses counts the loopback addresses that were given out.
var addresses atomic.Uint32

// newAddress gives an address of 127/8 that no other test of this run has, nor, most likely, one of another run on the same host.
func newAddress() netip.Addr {
	n, run := addresses.Add(1), os.Getpid()
	return netip.AddrFrom4([4]byte{127, byte(64 + run>>7&127), byte(run<<1&254 | int(n>>7&1)), byte(1 + n&127)})
}

// freePort gives a TCP port that is free on an address.
func freePort(t *testing.T, a netip.Addr) uint16 {
	t.Helper()
	l, err := tcp.Listen(netip.AddrPortFrom(a, 0).String(), "a test")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return tcp.Addr(l).Port()
}

const (
	over4 = "127.0.0.1:0"
	over6 = "[::1]:0"
)

// spec is a speaker at an address, in an AS, that connects to the station.
func (s *station) spec(at netip.Addr, asn uint32) peers.Spec {
	s.t.Helper()
	return peers.Spec{Address: at, Port: freePort(s.t, at), ASN: asn, Station: s.addr(), StationAS: ourAS}
}

// both are a route of each family.
func both() []peers.Route {
	return []peers.Route{{Prefix: four, Communities: []string{"64501:100"}, Large: []string{"64501:1:2"}}, {Prefix: six}}
}

func neighbor(at netip.Addr, asn route.ASN) bgp.Neighbor {
	return bgp.Neighbor{Name: "peer", Address: at, ASN: asn, Scope: collector.External}
}
