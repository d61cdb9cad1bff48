package part

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/packet/bmp"

	"anywatch/bench/internal/fulltable"
	"anywatch/bench/internal/wire"
)

// routers are BMP routers that each have the full table of one peer. They connect and introduce themselves; then they wait for the word to send
// all of it at once, as fast as it is taken. All share the octets of the table: only their names differ. When they have sent it they end
// their side of the connections.
func routers(ctx context.Context, t *talk, a *arguments) error {
	address, count, ipv4, ipv6 := a.text(), a.number(), a.number(), a.number()
	if a.err != nil {
		return nil
	}
	local := netip.AddrFrom4([4]byte{10, 64, 20, 1})
	peer := wire.BMPPeer{Address: fulltable.NextHop4(), ASN: fulltable.SenderAS, At: time.Now()}
	updates := append(fulltable.New(ipv4, ipv6).Updates(), endsOfRIB()...)
	dump := peer.Monitoring(nil, updates)
	conns := make([]*net.TCPConn, count)
	for i := range conns {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		conns[i] = conn.(*net.TCPConn)
		hello := append(wire.Initiation(fmt.Sprintf("router-%03d", i)), peer.Up(local, ReceiverAS)...)
		if _, err := conn.Write(hello); err != nil {
			return err
		}
	}
	// The routers' names and peers come beside the updates.
	if err := t.say("ready", count*(len(updates)+2), count*len(dump)); err != nil {
		return err
	}
	if err := t.waitGo(ctx); err != nil {
		return err
	}
	results := make(chan error, count)
	for _, conn := range conns {
		go func() {
			_, err := conn.Write(dump)
			results <- errors.Join(err, conn.CloseWrite())
		}()
	}
	var err error
	for range conns {
		err = errors.Join(err, <-results)
	}
	return errors.Join(err, t.say("done"))
}

func endsOfRIB() (list [][]byte) {
	b := wire.EndOfRIB()
	n := binary.BigEndian.Uint16(b[16:])
	return [][]byte{b[:n], b[n:]}
}

// discard takes connections and forgets what comes until all of them have ended.
func discard(ctx context.Context, t *talk, a *arguments) error {
	address, count := a.text(), a.number()
	if a.err != nil {
		return nil
	}
	l, err := listen(ctx, t, address)
	if err != nil {
		return err
	}
	n, err := acceptAll(ctx, l, count, func(c net.Conn) (int, error) {
		buf := make([]byte, readBuffer)
		for n := 0; ; {
			m, err := c.Read(buf)
			if n += m; err != nil {
				return n, unlessEOF(err)
			}
		}
	})
	return errors.Join(err, t.say("done", n))
}

func unlessEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// decodeBMP takes connections and decodes every message with gobgp's packages until all of them have ended. It says how many prefixes were
// announced.
func decodeBMP(ctx context.Context, t *talk, a *arguments) error {
	address, count := a.text(), a.number()
	if a.err != nil {
		return nil
	}
	l, err := listen(ctx, t, address)
	if err != nil {
		return err
	}
	n, err := acceptAll(ctx, l, count, func(c net.Conn) (n int, err error) {
		in := bufio.NewReaderSize(c, readBuffer)
		for {
			m, err := nextBMP(in)
			if err != nil {
				return n, unlessEOF(err)
			}
			if r, ok := m.Body.(*bmp.BMPRouteMonitoring); ok {
				n += announced(r.BGPUpdate.Body.(*bgp.BGPUpdate))
			}
		}
	})
	return errors.Join(err, t.say("done", n))
}

func nextBMP(in *bufio.Reader) (*bmp.BMPMessage, error) {
	head, err := in.Peek(bmp.BMP_HEADER_SIZE)
	if err != nil {
		return nil, err
	}
	b, err := in.Peek(int(binary.BigEndian.Uint32(head[1:])))
	if err != nil {
		return nil, err
	}
	m, err := bmp.ParseBMPMessage(b)
	if err != nil {
		return nil, err
	}
	_, err = in.Discard(len(b))
	return m, err
}

func announced(u *bgp.BGPUpdate) int {
	n := len(u.NLRI)
	for _, a := range u.PathAttributes {
		if mp, ok := a.(*bgp.PathAttributeMpReachNLRI); ok {
			n += len(mp.Value)
		}
	}
	return n
}
