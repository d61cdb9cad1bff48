package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"time"

	"anywatch/bench/internal/wire"
)

// relay stands between a BGP speaker and a receiver to see when the first route passes: a BIRD that was told to connect takes some seconds until
// it sends. After the first UPDATE the kernel carries the octets from one connection to the other.
type relay struct {
	listener net.Listener
	from     netip.Addr // where connections to the receiver come from
	first    chan time.Time
}

func newRelay(at netip.AddrPort, from netip.Addr) (*relay, error) {
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, err
	}
	return &relay{l, from, make(chan time.Time, 1)}, nil
}

// serve carries one connection after the other to the receiver until ctx ends.
func (r *relay) serve(ctx context.Context, to netip.AddrPort) {
	stop := context.AfterFunc(ctx, func() { _ = r.listener.Close() })
	defer stop()
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(r.from, 0))}
		out, err := d.DialContext(ctx, "tcp", to.String())
		if err != nil { // the receiver is not ready; the sender will come again
			_ = in.Close()
			continue
		}
		end := context.AfterFunc(ctx, func() { _, _ = in.Close(), out.Close() })
		go func() {
			_, _ = io.Copy(in, out)
			_ = in.Close()
		}()
		_ = r.carry(out, in)
		end()
		_, _ = in.Close(), out.Close()
	}
}

// carry passes messages on until the first UPDATE, and then everything.
func (r *relay) carry(out io.Writer, in net.Conn) error {
	messages := bufio.NewReader(in)
	for {
		m, err := wire.ReadMessage(messages)
		if err != nil {
			return err
		}
		update := wire.IsUpdate(m)
		if update {
			select {
			case r.first <- time.Now():
			default: // an earlier connection had one
			}
		}
		if _, err := out.Write(m); err != nil {
			return err
		}
		if update {
			break
		}
	}
	rest, err := messages.Peek(messages.Buffered())
	if err != nil {
		return err
	}
	if _, err := out.Write(rest); err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return err
}
