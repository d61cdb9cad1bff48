package bgp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jwhited/corebgp"
	"github.com/osrg/gobgp/v3/pkg/packet/bgp"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// patience is how long a test waits for what must happen before it gives up.
const patience = 30 * time.Second

var watched = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8:53::/48")}

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

// quietLog is for many sessions.
func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// clock is the time of day, or later.
type clock struct{ ahead atomic.Int64 }

// Now is what the clock shows.
func (c *clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// station is a running source under test.
type station struct {
	t        *testing.T
	source   *Source
	counters *collector.Counters
	logs     *logs
	clock    *clock
	events   chan collector.Event
	stop     func() error
}

func deps(l *logs) Deps {
	return Deps{
		Live:     screen.NewLive(screen.NewWatch(watched, []route.ASN{64500}, screen.Shortest{IPv4: 8, IPv6: 19})),
		Registry: collector.NewRegistry(), Counters: new(collector.Counters),
		Log: slog.New(slog.NewTextHandler(l, nil)), Now: time.Now,
	}
}

func config(neighbors ...Neighbor) Config {
	return Config{Listen: []string{"127.0.0.1:0"}, ASN: 64500, RouterID: netip.MustParseAddr("192.0.2.250"), Neighbors: neighbors}
}

// start runs a source until the test ends.
func start(t *testing.T, cfg Config) *station {
	t.Helper()
	l, c := new(logs), new(clock)
	d := deps(l)
	d.Now = c.Now
	source, err := New(cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	s := &station{t: t, source: source, counters: d.Counters, logs: l, clock: c, events: make(chan collector.Event, 1000)}
	s.run(collector.SinkFunc(func(ctx context.Context, ev collector.Event) error {
		select {
		case s.events <- ev:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}))
	return s
}

func (s *station) run(out collector.Sink) {
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- s.source.Run(ctx, out) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-result
	})
	s.t.Cleanup(func() { _ = s.stop() })
}

// wait gives the next event of a kind, passing over others.
func (s *station) wait(kind collector.Kind) collector.Event {
	s.t.Helper()
	late := time.After(patience)
	for {
		select {
		case ev := <-s.events:
			if ev.Kind == kind {
				return ev
			}
		case <-late:
			s.t.Fatalf("no %v event came; the log says:\n%s", kind, s.logs)
		}
	}
}

// next gives the next event.
func (s *station) next() collector.Event {
	s.t.Helper()
	select {
	case ev := <-s.events:
		return ev
	case <-time.After(patience):
		s.t.Fatalf("no event came; the log says:\n%s", s.logs)
		return collector.Event{}
	}
}

// quiet checks that no event is waiting.
func (s *station) quiet() {
	s.t.Helper()
	select {
	case ev := <-s.events:
		s.t.Errorf("unexpected event %v: %+v", ev.Kind, ev)
	default:
	}
}

func (s *station) addr() netip.AddrPort { return s.source.Addrs()[0] }

// router is a BGP speaker made by hand.
type router struct {
	t testing.TB
	net.Conn
	br *bufio.Reader
}

// dial connects from an address; with a password, the connection carries TCP MD5.
func dial(t testing.TB, from string, to netip.AddrPort, password string) (*router, error) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	if password != "" {
		d.Control = md5(to.Addr(), password)
	}
	c, err := d.Dial("tcp", to.String())
	if err != nil {
		return nil, err
	}
	return newRouter(t, c), nil
}

// newRouter makes a speaker of a connection.
func newRouter(t testing.TB, c net.Conn) *router {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &router{t: t, Conn: c, br: bufio.NewReader(c)}
}

// md5 puts the key for a peer on a socket before it connects.
func md5(peer netip.Addr, password string) func(string, string, syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = corebgp.SetTCPMD5Signature(int(fd), peer, uint8(peer.BitLen()), password)
		})
		return errors.Join(err, failed)
	}
}

func connect(t testing.TB, from string, to netip.AddrPort) *router {
	t.Helper()
	r, err := dial(t, from, to, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// read gives the next message.
func (r *router) read() (typ byte, body []byte, err error) {
	var h [headerLen]byte
	if _, err := io.ReadFull(r.br, h[:]); err != nil {
		return 0, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint16(h[16:])-headerLen)
	_, err = io.ReadFull(r.br, body)
	return h[18], body, err
}

// expect reads messages until one of the type comes; keepalives are passed over.
func (r *router) expect(want byte) []byte {
	r.t.Helper()
	for {
		typ, body, err := r.read()
		if err != nil {
			r.t.Fatalf("waiting for a message of type %d: %v", want, err)
		}
		if typ == want {
			return body
		}
		if typ != typeKeepalive {
			r.t.Fatalf("a message of type %d came instead of %d: %x", typ, want, body)
		}
	}
}

func (r *router) write(b []byte) {
	r.t.Helper()
	if _, err := r.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

func (r *router) send(m *bgp.BGPMessage, options ...*bgp.MarshallingOption) {
	r.t.Helper()
	b, err := m.Serialize(options...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(b)
}

type capability = bgp.ParameterCapabilityInterface

func openMessage(asn uint32, hold uint16, id string, list ...capability) *bgp.BGPMessage {
	list = append([]capability{bgp.NewCapFourOctetASNumber(asn)}, list...)
	return bgp.NewBGPOpenMessage(uint16(min(asn, bgp.AS_TRANS)), hold, id,
		[]bgp.OptionParameterInterface{bgp.NewOptionParameterCapability(list)})
}

// establish brings the session up and gives the body of our OPEN.
func (r *router) establish(asn uint32, list ...capability) []byte {
	r.t.Helper()
	return r.establishHold(asn, 90, list...)
}

func (r *router) establishHold(asn uint32, hold uint16, list ...capability) []byte {
	r.t.Helper()
	open := bgp.NewBGPOpenMessage(uint16(min(asn, 65535)), hold, "198.51.100.1", []bgp.OptionParameterInterface{
		bgp.NewOptionParameterCapability(append([]capability{bgp.NewCapFourOctetASNumber(asn)}, list...))})
	r.send(open)
	ours := r.expect(typeOpen)
	r.expect(typeKeepalive)
	r.write(message(typeKeepalive))
	return ours
}

// announce makes an UPDATE of IPv4 routes.
func announce(path []uint32, prefixes ...string) *bgp.BGPMessage {
	attrs := []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), asPath(path...), bgp.NewPathAttributeNextHop("198.51.100.1")}
	return bgp.NewBGPUpdateMessage(nil, attrs, nlri(prefixes...))
}

func asPath(path ...uint32) bgp.PathAttributeInterface {
	if len(path) == 0 {
		return bgp.NewPathAttributeAsPath(nil)
	}
	return bgp.NewPathAttributeAsPath([]bgp.AsPathParamInterface{bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, path)})
}

func nlri(prefixes ...string) (list []*bgp.IPAddrPrefix) {
	for _, s := range prefixes {
		p := netip.MustParsePrefix(s)
		list = append(list, bgp.NewIPAddrPrefix(uint8(p.Bits()), p.Addr().String()))
	}
	return list
}

// mp4 and mp6 are made anew each time: GoBGP writes into what it serializes, and tests run beside each other.
func mp4() capability { return bgp.NewCapMultiProtocol(bgp.RF_IPv4_UC) }
func mp6() capability { return bgp.NewCapMultiProtocol(bgp.RF_IPv6_UC) }

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// ibgp is a neighbor of our own AS.
func ibgp(address string) Neighbor { return Neighbor{Name: "rr1", Address: addr(address), ASN: 64500} }

// routes writes what an event brings: "-192.0.2.0/24 +192.0.2.0/24[64666]".
func routes(ev collector.Event) string {
	var b bytes.Buffer
	for _, u := range ev.Updates {
		for _, n := range u.Withdrawn {
			fmt.Fprintf(&b, "-%v", n.Prefix)
			if n.PathID != 0 {
				fmt.Fprintf(&b, "#%d", n.PathID)
			}
			b.WriteByte(' ')
		}
		for _, n := range u.Announced {
			fmt.Fprintf(&b, "+%v", n.Prefix)
			if n.PathID != 0 {
				fmt.Fprintf(&b, "#%d", n.PathID)
			}
			fmt.Fprintf(&b, "[%v] ", u.Attrs.Path)
		}
	}
	return string(bytes.TrimSpace(b.Bytes()))
}
