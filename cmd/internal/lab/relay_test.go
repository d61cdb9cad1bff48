package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// bmp makes a message of a type with a body.
func bmp(kind byte, body string) []byte {
	m := binary.BigEndian.AppendUint32([]byte{3}, uint32(bmpHeaderLen+len(body)))
	return append(append(m, kind), body...)
}

// TestRelay plays the router and the monitor: the monitor comes late, goes away, and comes back.
func TestRelay(t *testing.T) {
	in := listen(t, "127.0.0.1:0")
	free := listen(t, "127.0.0.1:0")
	to := netip.MustParseAddrPort(free.Addr().String())
	free.Close() // the monitor is not there yet
	r := newRelay(in, netip.MustParseAddr("127.0.0.1"), to, 2, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { r.serve(ctx) })
	t.Cleanup(func() { cancel(); in.Close(); serving.Wait() })

	opening := append(append(bmp(4, "rr1"), bmp(3, "one")...), bmp(3, "two")...)
	router := dialTo(t, in)
	send(t, router, opening[:len(opening)-1])
	if closed(r.reported) {
		t.Error("the sessions count as reported before the last report is whole")
	}
	send(t, router, opening[len(opening)-1:])
	wait(t, r.reported)
	if r.connected() {
		t.Error("connected to a monitor that is not there")
	}

	l := listen(t, to.String())
	close(r.release)
	monitor := acceptFrom(t, l)
	expect(t, monitor, opening)
	send(t, router, bmp(0, "route"))
	expect(t, monitor, bmp(0, "route"))
	if !r.connected() {
		t.Error("not connected, and yet a route arrived")
	}

	monitor.Close()
	if _, err := router.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the monitor went away; the router reads %v, want the end of its stream", err)
	}
	router = dialTo(t, in)
	send(t, router, opening)
	monitor = acceptFrom(t, l)
	expect(t, monitor, opening)
	send(t, router, bmp(5, "the end"))
	router.Close()
	expect(t, monitor, bmp(5, "the end"))
	if _, err := monitor.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the router ended its stream; the monitor reads %v", err)
	}
}

// TestRelayRefusesNonsense: what is no BMP ends the stream instead of filling the memory.
func TestRelayRefusesNonsense(t *testing.T) {
	for _, bad := range [][]byte{{3, 0xff, 0xff, 0xff, 0xff, 0}, {3, 0, 0, 0, 5, 0}} {
		if m, err := readMessage(bytes.NewReader(bad)); err == nil {
			t.Errorf("%x was read as %x", bad, m)
		}
	}
	if m, err := readMessage(bytes.NewReader(bmp(0, "route")[:8])); err != io.ErrUnexpectedEOF {
		t.Errorf("a message cut short: got %x, %v", m, err)
	}
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dialTo(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return guard(t, conn)
}

func acceptFrom(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return guard(t, conn)
}

// guard keeps a test that goes wrong from hanging for ever.
func guard(t *testing.T, conn net.Conn) net.Conn {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func send(t *testing.T, to net.Conn, b []byte) {
	t.Helper()
	if _, err := to.Write(b); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, from net.Conn, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(from, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func wait(t *testing.T, c <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	select {
	case <-c:
	case <-ctx.Done():
		t.Fatal("the sessions were never reported")
	}
}
