//go:build !linux

package bgp

import (
	"errors"
	"net"

	"anywatch/collector/internal/tcp"
)

var errTTL = errors.New("ttl_security works on Linux only; take it out, or run anywatch on Linux")

func setTTL(*tcp.Listener, bool) error { return errTTL }

func setLeastTTL(*tcp.Listener, bool, int) error { return errTTL }

func protect(*net.TCPConn, int) error { return errTTL }
