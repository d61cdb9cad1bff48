package tcp

import (
	"net"
	"syscall"
	"testing"
)

// A peer that is gone without a word is noticed within about a minute.
func TestKeepalive(t *testing.T) {
	l, err := Listen("127.0.0.1:0", "BGP")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	c, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for _, o := range []struct{ level, option, want int }{
			{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 30},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 10},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 3},
		} {
			if v, err := syscall.GetsockoptInt(int(fd), o.level, o.option); err != nil || v != o.want {
				t.Errorf("option %d is %d, %v; want %d", o.option, v, err, o.want)
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}
