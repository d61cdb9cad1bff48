package bgp

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"anywatch/collector"
	"anywatch/collector/internal/tcp"
)

func TestMD5(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, listen, from string
		neighbor           Neighbor
	}{
		{"address", "127.0.0.1:0", "127.0.15.1", Neighbor{Name: "rr1", Address: addr("127.0.15.1"), Password: "right"}},
		{"range", "127.0.0.1:0", "127.0.15.2", Neighbor{Name: "rr1", Range: netip.MustParsePrefix("127.0.15.0/24"), Password: "right"}},
		{"IPv4 on a socket of both families", "[::]:0", "127.0.15.3", Neighbor{Name: "rr1", Range: netip.MustParsePrefix("127.0.15.0/24"), Password: "right"}},
		{"IPv6", "[::1]:0", "::1", Neighbor{Name: "rr1", Address: addr("::1"), Password: "right"}},
		{"IPv6 range", "[::1]:0", "::1", Neighbor{Name: "rr1", Range: netip.MustParsePrefix("::/64"), Password: "right"}},
		{"IPv6 on a socket of both families", "[::]:0", "::1", Neighbor{Name: "rr1", Range: netip.MustParsePrefix("::/64"), Password: "right"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := config(c.neighbor)
			cfg.Listen = []string{c.listen}
			s := start(t, cfg)
			to := s.addr()
			if to.Addr().IsUnspecified() {
				to = netip.AddrPortFrom(addr(map[bool]string{true: "::1", false: "127.0.0.1"}[c.from == "::1"]), to.Port())
			}
			for _, wrong := range []string{"", "wrong"} {
				if connects(t, c.from, to, wrong) {
					t.Fatalf("a connection with the password %q came through", wrong)
				}
			}
			r, err := dial(t, c.from, to, "right")
			if err != nil {
				t.Fatal(err)
			}
			r.establish(64500, mp4())
			s.wait(collector.PeerUp)
		})
	}
}

// A key that can't be set is an error, from New, Reload and a later Run: the address is never left open.
func TestKeyThatCannotBeSet(t *testing.T) {
	many := config(ibgp("127.0.15.9"))
	for i := range 100_000 { // more than the kernel has room for
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		many.Neighbors = append(many.Neighbors, Neighbor{Name: a.String(), Address: a, Password: "right"})
	}
	d := new(doors)
	_, err := tcp.Open("BGP", many.Listen, d.hooks(many, many), quietLog())
	if err == nil || !strings.Contains(err.Error(), "MD5 key could not be set, so nobody may connect") || !strings.Contains(err.Error(), "net.core.optmem_max") {
		t.Fatalf("error %v", err)
	}
	t.Logf("%v", err)
	n := ibgp("127.0.15.9")
	s := start(t, config(n))
	before := s.addr()
	if err := s.source.listeners.Reload(many.Listen, s.source.doors.hooks(many, config(n))); err == nil {
		t.Fatal("no error")
	}
	if s.addr() != before {
		t.Errorf("it listened on %v, now on %v", before, s.addr())
	}
	for l, x := range s.source.doors.of {
		if len(x.keys) != 0 {
			t.Errorf("%d keys are left on %s", len(x.keys), l.Text)
		}
	}
	connect(t, "127.0.15.9", s.addr()).establish(64500, mp4())
	s.wait(collector.PeerUp)
}

// A neighbor that comes the moment the port is open needs the key already.
func TestKeyIsSetBeforeAnybodyCanConnect(t *testing.T) {
	n := Neighbor{Name: "rr1", Address: addr("127.0.15.10"), Password: "right"}
	d, cfg := new(doors), config(n)
	hooks := d.hooks(cfg, cfg)
	socket := hooks.Socket
	checked := false
	hooks.Socket = func(l *tcp.Listener) error {
		err := socket(l)
		for _, x := range d.of {
			checked = x.keys[netip.PrefixFrom(n.Address, 32)] == "right"
		}
		return errors.Join(err, l.Control(func(fd int) error {
			if v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || v != 0 {
				t.Errorf("it listens already: %d, %v", v, err)
			}
			return nil
		}))
	}
	set, err := tcp.Open("BGP", cfg.Listen, hooks, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	set.Close()
	if !checked {
		t.Error("the key was not set before the socket listened")
	}
}

// connects tells whether a connection attempt with a password comes through; the kernel drops the segments of one that should not, so it
// waits no longer than a second.
func connects(t *testing.T, from string, to netip.AddrPort, password string) bool {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: time.Second}
	if password != "" {
		d.Control = md5(to.Addr(), password)
	}
	c, err := d.Dial("tcp", to.String())
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

func TestMD5IsTakenAwayByReload(t *testing.T) {
	t.Parallel()
	n := Neighbor{Name: "rr1", Address: addr("127.0.15.4"), Password: "right"}
	s := start(t, config(n))
	if connects(t, "127.0.15.4", s.addr(), "") {
		t.Fatal("a connection without the password came through")
	}
	n.Password = ""
	if err := s.source.Reload(config(n)); err != nil {
		t.Fatal(err)
	}
	r := connect(t, "127.0.15.4", s.addr())
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
}

func TestTTLSecurity(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, listen, from string }{
		{"IPv4", "127.0.0.1:0", "127.0.15.5"}, {"IPv6", "[::1]:0", "::1"}, {"IPv4 on a socket of both families", "[::]:0", "127.0.15.6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			near := Neighbor{Name: "rr1", Address: addr(c.from), TTLSecurity: 1}
			elsewhere := Neighbor{Name: "elsewhere", Range: netip.MustParsePrefix("127.0.16.0/24")}
			if c.from == "::1" {
				elsewhere.Range = netip.MustParsePrefix("2001:db8::/64")
			}
			cfg := config(near, elsewhere)
			cfg.Listen = []string{c.listen}
			s := start(t, cfg)
			to := s.addr()
			if to.Addr().IsUnspecified() {
				to = netip.AddrPortFrom(addr("127.0.0.1"), to.Port())
			}
			r, err := dialTTL(t, c.from, to, 255, patience)
			if err != nil {
				t.Fatal(err)
			}
			r.establish(64500, mp4())
			s.wait(collector.PeerUp)
			_ = r.Close()
			s.wait(collector.FeedLost)

			// From two hops away, what comes after the connection was accepted is not heard.
			if r, err = dialTTL(t, c.from, to, 254, patience); err != nil {
				t.Fatal(err)
			}
			r.expect(typeOpen)
			r.send(openMessage(64500, 90, "198.51.100.1", mp4()))
			if err := r.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
				t.Fatal(err)
			}
			if typ, body, err := r.read(); err == nil {
				t.Errorf("a peer two hops away is answered: message of type %d: %x", typ, body)
			}

			// Where all neighbors are near, the kernel doesn't even connect.
			cfg.Neighbors = cfg.Neighbors[:1]
			if err := s.source.Reload(cfg); err != nil {
				t.Fatal(err)
			}
			if _, err = dialTTL(t, c.from, to, 254, time.Second); err == nil {
				t.Error("a peer two hops away could connect")
			}
		})
	}
}

// dialTTL connects with a TTL; the peer insists on 255 itself, as a router with ttl-security does.
func dialTTL(t *testing.T, from string, to netip.AddrPort, ttl int, wait time.Duration) (*router, error) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: wait, Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			level, send, least := unix.IPPROTO_IP, unix.IP_TTL, unix.IP_MINTTL
			if to.Addr().Is6() {
				level, send, least = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, unix.IPV6_MINHOPCOUNT
			}
			failed = unix.SetsockoptInt(int(fd), level, send, ttl)
			if failed == nil {
				failed = unix.SetsockoptInt(int(fd), level, least, 255)
			}
		})
		return errors.Join(err, failed)
	}}
	c, err := d.Dial("tcp", to.String())
	if err != nil {
		return nil, err
	}
	return newRouter(t, c), nil
}
