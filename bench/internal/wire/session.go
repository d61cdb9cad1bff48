package wire

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// hold is the hold time that is offered, in seconds.
const hold = 240

// Session is the sending end of a BGP session. What the peer sends is read and forgotten.
type Session struct {
	conn    net.Conn
	writing sync.Mutex
	done    chan struct{}
	closing sync.Once
}

// Dial opens a session from a local address to a peer that may not be there yet, and tries until ctx ends. It returns when the session is
// established.
func Dial(ctx context.Context, local netip.Addr, peer netip.AddrPort, asn uint32) (*Session, error) {
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))}
	for {
		conn, err := dialer.DialContext(ctx, "tcp", peer.String())
		if err == nil {
			var s *Session
			if s, err = Establish(ctx, conn, local, asn); err == nil {
				return s, nil
			}
			conn.Close()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("BGP session to %s: %w (%w)", peer, err, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Establish exchanges OPEN and KEEPALIVE on a connection (RFC 4271 section 8).
func Establish(ctx context.Context, conn net.Conn, id netip.Addr, asn uint32) (*Session, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := conn.Write(Open(asn, id, hold)); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(conn, 64<<10)
	for established := false; !established; {
		m, err := ReadMessage(in)
		if err != nil {
			return nil, err
		}
		switch m[18] {
		case typeOpen:
			if _, err := conn.Write(Keepalive()); err != nil {
				return nil, err
			}
		case typeKeepalive:
			established = true
		case typeNotification:
			return nil, fmt.Errorf("the peer refuses: NOTIFICATION %x", m[HeaderLen:])
		}
	}
	s := &Session{conn: conn, done: make(chan struct{})}
	go func() { _, _ = io.Copy(io.Discard, in) }()
	go s.keep()
	return s, nil
}

// ReadMessage reads one BGP message. It is valid until the next call.
func ReadMessage(in *bufio.Reader) ([]byte, error) {
	head, err := in.Peek(HeaderLen)
	if err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head[16:]))
	if n < HeaderLen {
		return nil, fmt.Errorf("a BGP message of %d octets", n)
	}
	m, err := in.Peek(n)
	if err != nil {
		return nil, err
	}
	_, err = in.Discard(n)
	return m, err
}

// keep sends keepalives until the session is closed.
func (s *Session) keep() {
	tick := time.NewTicker(hold / 4 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
			if _, err := s.Write(Keepalive()); err != nil {
				return
			}
		}
	}
}

// Write sends whole messages.
func (s *Session) Write(b []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.conn.Write(b)
}

// Close ends the session by closing its connection.
func (s *Session) Close() {
	s.closing.Do(func() {
		close(s.done)
		_ = s.conn.Close()
	})
}
