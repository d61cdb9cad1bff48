//go:build !linux

package bgp

import (
	"errors"
	"net"
	"syscall"
)

var errTTL = errors.New("ttl_security works on Linux only; take it out, or run anywatch on Linux")

func setTTL(syscall.Conn, bool) error { return errTTL }

func setLeastTTL(syscall.Conn, bool, int) error { return errTTL }

func protect(*net.TCPConn, int) error { return errTTL }

func control(c syscall.Conn, set func(fd int) error) error {
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
