package lab

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
)

// refusing listens nowhere, and says so with the error that fail gives for an address; nil lets it through.
func refusing(fail func(address string) error) listenFunc {
	return func(network, address string) (net.Listener, error) {
		if err := fail(address); err != nil {
			return nil, &net.OpError{Op: "listen", Net: network, Err: err}
		}
		return net.Listen(network, "127.0.0.1:0")
	}
}

func TestClaimBlock(t *testing.T) {
	within := func(prefix string, err error) func(string) error {
		return func(address string) error {
			if strings.HasPrefix(address, prefix) {
				return err
			}
			return nil
		}
	}
	t.Run("a busy block is passed over", func(t *testing.T) {
		b, err := claimBlock(netip.Prefix{}, nil, refusing(within("127.64.0.21:", syscall.EADDRINUSE)))
		if err != nil {
			t.Fatal(err)
		}
		b.claim.Close()
		if b.prefix.String() != "127.64.1.0/24" {
			t.Errorf("got %s, want 127.64.1.0/24", b.prefix)
		}
	})
	t.Run("all are busy", func(t *testing.T) {
		_, err := claimBlock(netip.Prefix{}, nil, refusing(within("127.", syscall.EADDRINUSE)))
		if err == nil || !strings.Contains(err.Error(), "among 256 tried") || !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the block asked for is busy", func(t *testing.T) {
		_, err := claimBlock(netip.MustParsePrefix("127.70.1.0/24"), nil, refusing(within("127.70.1.", syscall.EADDRINUSE)))
		if err == nil || !strings.Contains(err.Error(), "among 1 tried") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("another fault", func(t *testing.T) {
		_, err := claimBlock(netip.Prefix{}, nil, refusing(within("127.64.0.1:", syscall.EACCES)))
		if !errors.Is(err, syscall.EACCES) {
			t.Errorf("got %v, want the fault itself", err)
		}
	})
	for _, bad := range []string{"10.0.0.0/24", "127.64.0.0/16", "::1/128"} {
		if _, err := claimBlock(netip.MustParsePrefix(bad), nil, net.Listen); err == nil || !strings.Contains(err.Error(), "a /24 within 127.0.0.0/8") {
			t.Errorf("%s: got %v", bad, err)
		}
	}
}

// TestMissingAddresses: macOS has only 127.0.0.1 until it is told of more.
func TestMissingAddresses(t *testing.T) {
	missing := refusing(func(string) error { return syscall.EADDRNOTAVAIL })
	for _, c := range []struct {
		block string
		ports []uint16
		want  []string
	}{
		{"127.64.0.0/24", nil, []string{"53", "1", "21", "22", "11", "12", "13", "31"}},
		{"127.65.7.0/24", []uint16{bgpPort}, []string{"53", "1", "21", "22", "11", "12", "13", "31", "250"}},
	} {
		block := netip.MustParsePrefix(c.block)
		_, err := claimBlock(block, c.ports, missing)
		if err == nil {
			t.Fatal("addresses that are not there were claimed")
		}
		if !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("the cause is lost: %v", err)
		}
		_, commands, _ := strings.Cut(err.Error(), "\n")
		var want []string
		for _, host := range c.want {
			want = append(want, "  sudo ifconfig lo0 alias "+strings.TrimSuffix(c.block, "0/24")+host+" up")
		}
		if commands != strings.Join(want, "\n") {
			t.Errorf("commands:\n%s\nwant:\n%s", commands, strings.Join(want, "\n"))
		}
	}
}

// TestTwoNetworks: a claimed block is not given to another network, and is free again after Stop.
func TestTwoNetworks(t *testing.T) {
	make := func(o Options) *Network {
		t.Helper()
		n, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Stop)
		return n
	}
	one, two := make(Options{}), make(Options{})
	if one.block.prefix == two.block.prefix {
		t.Errorf("both have %s", one.block.prefix)
	}
	if _, err := New(Options{Block: one.block.prefix}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a claimed block: got %v", err)
	}
	one.Stop()
	make(Options{Block: one.block.prefix})
	if err := one.HijackExact(t.Context()); err == nil {
		t.Error("a network that was never started acts")
	}
}

func TestBadMonitor(t *testing.T) {
	for _, bad := range []string{"192.0.2.1:1790", "[::1]:1790", "127.0.0.1:0"} {
		for _, o := range []Options{{BGP: netip.MustParseAddrPort(bad)}, {BMP: netip.MustParseAddrPort(bad)}} {
			n, err := New(o)
			if err == nil {
				n.Stop()
				t.Errorf("%s was taken for the monitor", bad)
			} else if !strings.Contains(err.Error(), "within 127.0.0.0/8") {
				t.Errorf("%s: got %v", bad, err)
			}
		}
	}
}
