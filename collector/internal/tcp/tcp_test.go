package tcp

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
)

func TestAcceptUntilClosed(t *testing.T) {
	l, err := Listen("[::]:0", "BMP")
	if err != nil {
		t.Fatal(err)
	}
	from := make(chan string, 1)
	done := make(chan error, 1)
	go func() {
		done <- Accept(context.Background(), l, slog.New(slog.DiscardHandler), func(c *net.TCPConn) {
			from <- Remote(c).Addr().String()
			_ = c.Close()
		})
	}()
	port := Addr(l).Port()
	c, err := net.DialTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 7)}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err != nil {
		t.Error(err)
	}
	if got := <-from; got != "127.0.0.7" {
		t.Errorf("it came from %s, want 127.0.0.7 as IPv4", got)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Errorf("after closing: %v", err)
	}
}

func TestListenSaysWhatIsWrong(t *testing.T) {
	l, err := Listen("127.0.0.1:0", "BGP")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Listen(Addr(l).String(), "BGP"); err == nil || !strings.Contains(err.Error(), "another program listens on 127.0.0.1:") {
		t.Errorf("port in use: %v", err)
	}
	if _, err := Listen("nonsense", "BGP"); err == nil || !strings.Contains(err.Error(), "can't listen on nonsense for BGP") {
		t.Errorf("no address: %v", err)
	}
}
