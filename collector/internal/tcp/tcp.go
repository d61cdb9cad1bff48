// Package tcp is what the listening sources share: listening with errors that say what to do, an accept loop that survives what passes, and
// a Set of listeners that lives through runs and reloads.
package tcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"time"

	"anywatch/collector"
)

// Listen listens on an address for a protocol. Keepalives find out within about a minute that a peer is gone.
func Listen(text, protocol string) (*net.TCPListener, error) {
	return listenControl(text, protocol, nil)
}

// listenControl does so; control sees the socket before it is bound.
func listenControl(text, protocol string, control func(network, address string, c syscall.RawConn) error) (*net.TCPListener, error) {
	lc := net.ListenConfig{Control: control, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}
	lc.SetMultipathTCP(false) // Go listens with it by default, and a Multipath TCP socket knows neither MD5 nor a least TTL
	l, err := lc.Listen(context.Background(), "tcp", text)
	switch {
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listening on %s for %s is not permitted: ports below 1024 need CAP_NET_BIND_SERVICE, or choose a higher port: %w", text, protocol, err)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("another program listens on %s already, where %s should be: %w", text, protocol, err)
	case err != nil:
		return nil, fmt.Errorf("can't listen on %s for %s: %w", text, protocol, err)
	}
	t, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("can't listen on %s for %s: it is no TCP address", text, protocol)
	}
	return t, nil
}

// Accept hands on the connections of a listener until it is closed or ctx ends (then it returns nil), or until it fails for good.
func Accept(ctx context.Context, l *net.TCPListener, log *slog.Logger, handle func(*net.TCPConn)) error {
	backoff := collector.Backoff{First: 50 * time.Millisecond, Max: 5 * time.Second}
	for {
		c, err := l.AcceptTCP()
		switch {
		case err == nil:
			backoff.Reset()
			handle(c)
		case errors.Is(err, net.ErrClosed):
			return nil
		case passes(err):
			log.Error("a connection could not be accepted", "listen", l.Addr().String(), "error", err)
			if !collector.Sleep(ctx, backoff.Next()) {
				return nil
			}
		default:
			return fmt.Errorf("listening on %s failed: %w", l.Addr(), err)
		}
	}
}

// passes tells of an error that passes: no more file descriptors or memory, or a peer that was gone before we looked.
func passes(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Addr is the address that a listener listens on.
func Addr(l net.Listener) netip.AddrPort { return addrPort(l.Addr()) }

// Remote is the other end's address, IPv4 as IPv4 also on a socket of both families.
func Remote(c net.Conn) netip.AddrPort {
	ap := addrPort(c.RemoteAddr())
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return t.AddrPort()
}
