package bmp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// patience is how long a test waits for what must happen before it gives up.
const patience = 30 * time.Second

// station is a running source under test.
type station struct {
	t      *testing.T
	source *Source
	deps   Deps
	logs   *logs
	events chan collector.Event
	stop   func() error
}

func config() Config {
	return Config{Listen: []string{"127.0.0.1:0"}, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/16")}, ASNs: []route.ASN{64500}}
}

func start(t *testing.T, cfg Config) *station {
	t.Helper()
	s := &station{t: t, logs: new(logs), events: make(chan collector.Event, 1000)}
	s.run(cfg, collector.SinkFunc(func(ctx context.Context, ev collector.Event) error {
		select {
		case s.events <- ev:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}))
	return s
}

func (s *station) run(cfg Config, out collector.Sink) {
	s.t.Helper()
	s.deps = depsLogging(s.logs)
	source, err := New(cfg, s.deps)
	if err != nil {
		s.t.Fatal(err)
	}
	s.source = source
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- source.Run(ctx, out) }()
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

// connect opens a connection from an address and sends messages.
func (s *station) connect(from string, frames ...[]byte) net.Conn {
	s.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	c, err := d.Dial("tcp", s.source.Addrs()[0].String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	s.send(c, frames...)
	return c
}

func (s *station) send(c net.Conn, frames ...[]byte) {
	s.t.Helper()
	for _, f := range frames {
		if _, err := c.Write(f); err != nil {
			s.t.Fatal(err)
		}
	}
}

// ended waits until the station closes a connection.
func ended(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := io.ReadAll(c); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Fatalf("the connection was not closed: %v", err)
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func TestStation(t *testing.T) {
	s := start(t, config())
	hijack := announce([]uint32{64999, 64666}, "192.0.2.0/24")
	c := s.connect("127.0.0.2", initiate(t, "ams-edge1"), up(t, header(), openMessage(64500, mp4), openMessage(64999, mp4)), monitoring(t, header(), hijack))
	v := s.wait(collector.PeerUp).Vantage
	if v.Name() != "bmp:ams-edge1/10.9.0.1/pre" {
		t.Errorf("vantage %s", v.Name())
	}
	s.wait(collector.Routes)
	list := s.source.Routers()
	if len(list) != 1 || list[0].Name != "ams-edge1" || list[0].Software != "Routing Software 1.0" || len(list[0].Peers) != 1 || !list[0].Peers[0].Up {
		t.Errorf("routers %+v", list)
	}
	// A message that can't be read does not end the session.
	bad := monitoring(t, header(), hijack)
	bad[headerLen+peerHeaderLen+20] = 0xFF
	s.send(c, bad, monitoring(t, header(), hijack))
	s.wait(collector.Routes)
	_ = c.Close()
	if ev := s.wait(collector.FeedLost); ev.Vantage != v || ev.Reason != "the router closed the connection" {
		t.Errorf("feed lost: %+v", ev)
	}
	n := s.deps.Counters
	if n.Messages.Load() != 5 || n.Updates.Load() != 2 || n.Matched.Load() != 2 || n.Malformed.Load() != 1 {
		t.Errorf("messages %d, updates %d, matched %d, malformed %d", n.Messages.Load(), n.Updates.Load(), n.Matched.Load(), n.Malformed.Load())
	}
	if got := s.source.Samples(); len(got) != 1 || got[0].From != "ams-edge1" || string(got[0].Bytes) != string(bad) {
		t.Errorf("samples %v", got)
	}
	if got := s.source.Types(); got["Route Monitoring"] != 3 || got["Peer Up"] != 1 || got["Initiation"] != 1 {
		t.Errorf("types %v", got)
	}
}

func TestConnectionsThatEnd(t *testing.T) {
	cfg := config()
	cfg.FirstBytes, cfg.MaxFrame = 200*time.Millisecond, 500
	s := start(t, cfg)
	for _, c := range []struct {
		name, from string
		bytes      []byte
		says       string
	}{
		{"not allowed", "127.1.0.1", initiate(t, "r1"), "not in sources.bmp.allow"},
		{"silent", "127.0.0.3", nil, "no BMP message came within 200ms"},
		{"half a header", "127.0.0.4", []byte{3, 0}, "no BMP message came within 200ms"},
		{"version 4", "127.0.0.5", raw(4, 6, 4), "BMP version 4 is a draft"},
		{"version 2", "127.0.0.18", []byte{2, 4, 0, 0, 0, 0}, "a BMP version before 3 is a draft"},
		{"HTTP", "127.0.0.6", []byte("GET / HTTP/1.1\r\n\r\n"), "does not begin with BMP version 3"},
		{"too long", "127.0.0.7", raw(3, 501, 0), "501 octets, and at most 500 are read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ended(t, s.connect(c.from, c.bytes))
			s.logs.wait(t, c.says)
		})
	}
	if s.source.Refused() != 1 || s.source.BadFrames() != 4 {
		t.Errorf("refused %d, bad frames %d; want 1 and 4", s.source.Refused(), s.source.BadFrames())
	}
}

// A router that comes back before its old connection is known to be dead keeps its vantages when that one ends.
func TestReconnectBeforeTheOldConnectionEnds(t *testing.T) {
	s := start(t, config())
	m := monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24"))
	old := s.connect("127.0.0.8", initiate(t, "r1"), m)
	first := s.wait(collector.PeerUp).Vantage
	s.connect("127.0.0.8", initiate(t, "r1"), m)
	if second := s.wait(collector.PeerUp).Vantage; second != first {
		t.Errorf("another vantage: %+v", *second)
	}
	s.wait(collector.Routes)
	other := monitoring(t, header(peerIs("10.9.0.2")), announce([]uint32{64999}, "192.0.2.0/24"))
	s.send(old, other)
	only := s.wait(collector.PeerUp).Vantage
	_ = old.Close()
	if ev := s.wait(collector.FeedLost); ev.Vantage != only {
		t.Errorf("lost %s, want only what the old connection alone showed", ev.Vantage.Name())
	}
}

func TestTwoRoutersOfOneName(t *testing.T) {
	s := start(t, config())
	m := monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24"))
	s.connect("127.0.0.9", initiate(t, "router"), m)
	if got := s.wait(collector.PeerUp).Vantage.Router; got != "router" {
		t.Errorf("the first is called %s", got)
	}
	s.connect("127.0.0.10", initiate(t, "router"), m)
	if got := s.wait(collector.PeerUp).Vantage.Router; got != "router@127.0.0.10" {
		t.Errorf("the second is called %s", got)
	}
	if !strings.Contains(s.logs.String(), "two BMP routers have the same name") {
		t.Error("nothing is said about it")
	}
}

// While one router's messages wait for room, another's arrive.
func TestOneRouterDoesNotDelayAnother(t *testing.T) {
	s := &station{t: t, logs: new(logs), events: make(chan collector.Event, 100)}
	gate := make(chan struct{})
	s.run(config(), collector.SinkFunc(func(ctx context.Context, ev collector.Event) error {
		if ev.Vantage != nil && ev.Vantage.Router == "slow" {
			select {
			case <-gate:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		s.events <- ev
		return nil
	}))
	m := monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24"))
	s.connect("127.0.0.11", initiate(t, "slow"), m)
	s.connect("127.0.0.12", initiate(t, "quick"), m)
	if got := s.wait(collector.Routes).Vantage.Router; got != "quick" {
		t.Errorf("routes of %s", got)
	}
	close(gate)
	if got := s.wait(collector.Routes).Vantage.Router; got != "slow" {
		t.Errorf("routes of %s", got)
	}
}

func TestReloadOfTheStation(t *testing.T) {
	s := start(t, config())
	m := monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24"))
	near, far := s.connect("127.0.0.13", initiate(t, "near"), m), s.connect("127.0.1.1", initiate(t, "far"), m)
	s.wait(collector.Routes)
	s.wait(collector.Routes)
	cfg := config()
	cfg.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/24")}
	cfg.Listen = append(cfg.Listen, "127.0.0.2:0")
	if err := s.source.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	ended(t, far)
	if ev := s.wait(collector.FeedLost); ev.Vantage.Router != "far" || !strings.Contains(ev.Reason, "sources.bmp.allow") {
		t.Errorf("%+v", ev)
	}
	s.send(near, m)
	s.wait(collector.Routes)
	if n := len(s.source.Addrs()); n != 2 {
		t.Errorf("%d listeners, want 2", n)
	}
	cfg.VRFs = []string{"blue"}
	if err := s.source.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	ended(t, near)
	if ev := s.wait(collector.FeedLost); ev.Reason != "the configuration changed" {
		t.Errorf("%+v", ev)
	}
	cfg.Allow = nil
	if err := s.source.Reload(cfg); err == nil || !strings.Contains(err.Error(), "sources.bmp.allow") {
		t.Errorf("a reload that lets nobody in: %v", err)
	}
}

func TestRefreshAndShutdown(t *testing.T) {
	s := start(t, config())
	m := monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24"))
	c := s.connect("127.0.0.14", initiate(t, "r1"), m)
	s.wait(collector.Routes)
	if err := s.source.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	ended(t, c)
	if ev := s.wait(collector.FeedLost); ev.Reason != "closed to see the router's tables again" {
		t.Errorf("%+v", ev)
	}
	c = s.connect("127.0.0.14", initiate(t, "r1"), m)
	s.wait(collector.Routes)
	if err := s.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
	ended(t, c)
}

func TestConfigFaults(t *testing.T) {
	_, err := New(Config{}, deps())
	for _, want := range []string{"sources.bmp.listen", "sources.bmp.allow"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %s", err, want)
		}
	}
	cfg := config()
	cfg.Listen = []string{"127.0.0.1:0", "nowhere"}
	if _, err := New(cfg, deps()); err == nil || !strings.Contains(err.Error(), "can't listen on nowhere for BMP") {
		t.Errorf("error %v", err)
	}
}

// authority signs certificates for a test.
func authority(t *testing.T) (pool *x509.CertPool, issue func(name string) tls.Certificate) {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	sign := func(template, parent *x509.Certificate, k, by *ecdsa.PrivateKey) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &k.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	validity := func(c x509.Certificate) *x509.Certificate {
		c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(1), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		return &c
	}
	caKey := key()
	ca := validity(x509.Certificate{Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	ca = sign(ca, ca, caKey, caKey)
	pool = x509.NewCertPool()
	pool.AddCert(ca)
	return pool, func(name string) tls.Certificate {
		k := key()
		c := sign(validity(x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}), ca, k, caKey)
		return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: k}
	}
}

func TestTLSWithClientCertificates(t *testing.T) {
	pool, issue := authority(t)
	cfg := config()
	cfg.TLS = &tls.Config{Certificates: []tls.Certificate{issue("station")}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	s := start(t, cfg)
	client := &tls.Config{RootCAs: pool, ServerName: "station", Certificates: []tls.Certificate{issue("router")}}
	c := tls.Client(s.connect("127.0.0.15"), client)
	s.send(c, initiate(t, "r1"), monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")))
	if got := s.wait(collector.Routes).Vantage.Router; got != "r1" {
		t.Errorf("routes of %s", got)
	}
	nobody := tls.Client(s.connect("127.0.0.16"), &tls.Config{RootCAs: pool, ServerName: "station"})
	if _, err := nobody.Write(initiate(t, "r2")); err == nil {
		if _, err = io.ReadAll(nobody); err == nil {
			t.Error("a router without a certificate was let in")
		}
	}
	ended(t, s.connect("127.0.0.17", initiate(t, "plain")))
}
