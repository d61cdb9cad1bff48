package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// relay passes the BMP stream of the reflector on to the monitor, octet for octet. GoBGP would do without it, with three flaws that an
// audience would notice: it dials from an address that is not the router's, it tries again only after 30 s once the monitor has been away
// for a while, and it reads an OPEN that it reports while another part of it writes the same, unless nothing is announced meanwhile. The
// relay knows when the sessions have been reported.
type relay struct {
	listener net.Listener
	from     netip.Addr     // the router's address
	to       netip.AddrPort // the monitor
	peers    int            // sessions to be reported before anything is announced
	log      *slog.Logger
	reported chan struct{} // closed when they have been, for the first time
	once     sync.Once
	release  chan struct{} // closed by the owner when the monitor may have the stream

	mu   sync.Mutex
	live bool
}

const (
	bmpHeaderLen = 6
	bmpPeerUp    = 3
	// bmpLimit bounds a message of the little there is to tell here.
	bmpLimit = 1 << 20
	// redial is how long the relay waits between two attempts to reach the monitor.
	redial = 200 * time.Millisecond
	// lastMoment is how long a stream may take to end.
	lastMoment = time.Second
)

func newRelay(l net.Listener, from netip.Addr, to netip.AddrPort, peers int, log *slog.Logger) *relay {
	return &relay{listener: l, from: from, to: to, peers: peers, log: log, reported: make(chan struct{}), release: make(chan struct{})}
}

// connected tells that the monitor receives the stream.
func (r *relay) connected() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live
}

func (r *relay) setConnected(live bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live = live
}

// serve relays one stream after the other, until the listener is closed and the stream of the moment has ended.
func (r *relay) serve(ctx context.Context) {
	for {
		router, err := r.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				r.log.Error("the BMP relay stopped", slog.Any("error", err))
			}
			return
		}
		if err := r.pass(ctx, router); err != nil {
			r.log.Debug("a BMP stream ended", slog.Any("error", err))
		}
	}
}

// pass relays one stream. The beginning, up to the report of the sessions, is read before the monitor is there to take it.
func (r *relay) pass(ctx context.Context, router net.Conn) error {
	defer router.Close()
	var opening []byte
	for up := 0; up < r.peers; {
		m, err := readMessage(router)
		if err != nil {
			return err
		}
		opening = append(opening, m...)
		if m[bmpHeaderLen-1] == bmpPeerUp {
			up++
		}
	}
	r.once.Do(func() { close(r.reported) })
	select {
	case <-r.release:
	case <-ctx.Done():
		return ctx.Err()
	}
	monitor, err := r.dial(ctx)
	if err != nil {
		return err
	}
	defer monitor.Close()
	r.setConnected(true)
	defer r.setConnected(false)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer monitor.Close() // ends the watching
	stop := context.AfterFunc(ctx, func() { hurry(router, monitor) })
	defer stop()
	watching.Go(func() {
		_, _ = io.Copy(io.Discard, monitor) // a monitor has nothing to say; this ends when it goes away
		router.Close()                      // which makes the router begin again
	})
	if _, err := monitor.Write(opening); err != nil {
		return err
	}
	_, err = io.Copy(monitor, router)
	return err
}

// hurry gives the end of a stream, which is a Termination, a moment to pass, and no more to a monitor that does not read.
func hurry(conns ...net.Conn) {
	for _, c := range conns {
		// It fails only on a connection that is closed already.
		_ = c.SetDeadline(time.Now().Add(lastMoment))
	}
}

func readMessage(from io.Reader) ([]byte, error) {
	head := make([]byte, bmpHeaderLen)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[1:]) // RFC 7854 section 4.1
	if n < bmpHeaderLen || n > bmpLimit {
		return nil, fmt.Errorf("a BMP message of %d octets", n)
	}
	m := append(head, make([]byte, n-bmpHeaderLen)...)
	_, err := io.ReadFull(from, m[bmpHeaderLen:])
	return m, err
}

// dial tries until the monitor listens or ctx ends.
func (r *relay) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(r.from, 0))}
	tick := time.NewTicker(redial)
	defer tick.Stop()
	for {
		conn, err := d.DialContext(ctx, "tcp4", r.to.String())
		if err == nil {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}
