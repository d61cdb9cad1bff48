package bgp

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"anywatch/collector/internal/tcp"
)

// socket is a listener, or a connection.
type socket interface {
	Control(set func(fd int) error) error
}

type connSocket struct{ *net.TCPConn }

// Control lets set work on the connection's socket.
func (c connSocket) Control(set func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = set(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// setTTL makes a socket send with a TTL of 255, as GTSM asks (RFC 5082 section 3). On a listener it holds for all its connections, from
// their first packet on.
func setTTL(c socket, v4 bool) error {
	return c.Control(func(fd int) error {
		if v4 {
			return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, 255)
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, 255); err != nil {
			return err
		}
		// A socket of both families carries IPv4 as well; one that only carries IPv6 refuses this, which does no harm.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, 255)
		return nil
	})
}

// setLeastTTL makes the kernel drop what comes with a smaller TTL; zero lets everything through.
func setLeastTTL(c socket, v4 bool, ttl int) error {
	return c.Control(func(fd int) error {
		if v4 {
			return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MINTTL, ttl)
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MINHOPCOUNT, ttl); err != nil {
			return err
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MINTTL, ttl) // as above
		return nil
	})
}

// protect does for a new connection what GTSM asks.
func protect(c *net.TCPConn, hops int) error {
	v4 := tcp.Remote(c).Addr().Is4()
	if err := setTTL(connSocket{c}, v4); err != nil {
		return fmt.Errorf("the TTL of its connection could not be set: %w", err)
	}
	if err := setLeastTTL(connSocket{c}, v4, leastTTL(hops)); err != nil {
		return fmt.Errorf("the least TTL for its connection could not be set: %w", err)
	}
	return nil
}
