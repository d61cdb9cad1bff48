package tcp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

func openSet(t *testing.T, addresses []string, hooks Hooks) *Set {
	t.Helper()
	s, err := Open("BGP", addresses, hooks, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// accept runs the set until stop is called; each connection is answered with the octet that says who answers, and closed.
func accept(t *testing.T, s *Set) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- s.Accept(ctx, func(c *net.TCPConn) {
			_, _ = c.Write([]byte("!"))
			_ = c.Close()
		})
	}()
	t.Cleanup(cancel)
	return func() error {
		cancel()
		return <-done
	}
}

// answers tells whether somebody accepts connections at an address.
func answers(t *testing.T, at netip.AddrPort) bool {
	t.Helper()
	c, err := net.DialTimeout("tcp", at.String(), 30*time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	b, _ := io.ReadAll(c)
	return string(b) == "!"
}

func TestSetLivesThroughRuns(t *testing.T) {
	s := openSet(t, []string{"127.0.0.1:0", "127.0.0.2:0"}, Hooks{})
	for range 2 {
		stop := accept(t, s)
		for late := time.Now().Add(30 * time.Second); len(s.Addrs()) < 2; { // the second time it must be opened again
			if time.Now().After(late) {
				t.Fatal("it does not listen")
			}
		}
		at := s.Addrs()
		for _, a := range at {
			if !answers(t, a) {
				t.Fatalf("nobody answers at %v", a)
			}
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Fatalf("Accept returned %v", err)
		}
		if answers(t, at[0]) {
			t.Fatal("it still answers")
		}
	}
}

func TestSetReload(t *testing.T) {
	s := openSet(t, []string{"127.0.0.1:0", "127.0.0.2:0"}, Hooks{})
	stop := accept(t, s)
	before := s.Addrs()
	if err := s.Reload([]string{"127.0.0.2:0", "127.0.0.3:0"}, Hooks{}); err != nil {
		t.Fatal(err)
	}
	after := s.Addrs()
	if after[0] != before[1] || after[1].Addr() != netip.MustParseAddr("127.0.0.3") {
		t.Fatalf("it listened on %v, now on %v", before, after)
	}
	for a, want := range map[netip.AddrPort]bool{before[0]: false, after[0]: true, after[1]: true} {
		if answers(t, a) != want {
			t.Errorf("%v answers: %v, want %v", a, !want, want)
		}
	}
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("Accept returned %v", err)
	}
}

func TestSetReloadFailsAsAWhole(t *testing.T) {
	s := openSet(t, []string{"127.0.0.1:0"}, Hooks{})
	accept(t, s)
	before := s.Addrs()
	bad := errors.New("no key")
	var made, undone []string
	for name, c := range map[string]struct {
		addresses []string
		hooks     Hooks
		want      string
	}{
		"address": {[]string{"127.0.0.1:0", "127.0.0.4:0", "nonsense"}, Hooks{}, "can't listen on nonsense"},
		"socket":  {[]string{"127.0.0.1:0", "127.0.0.4:0"}, Hooks{Socket: func(*Listener) error { return bad }}, "no key"},
		"all":     {[]string{"127.0.0.1:0", "127.0.0.4:0"}, Hooks{All: func([]*Listener) error { return bad }}, "no key"},
	} {
		c.hooks.Undo = func(list []*Listener) error {
			for _, l := range list {
				undone = append(undone, l.Text)
			}
			return nil
		}
		if c.hooks.All != nil {
			all := c.hooks.All
			c.hooks.All = func(list []*Listener) error {
				for _, l := range list {
					made = append(made, l.Addr().String())
				}
				return all(list)
			}
		}
		undone = nil
		if err := s.Reload(c.addresses, c.hooks); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", name, err)
		}
		if len(undone) != 1 || undone[0] != "127.0.0.1:0" {
			t.Errorf("%s: undone %v", name, undone)
		}
		if after := s.Addrs(); len(after) != 1 || after[0] != before[0] || !answers(t, after[0]) {
			t.Errorf("%s: it listened on %v, now on %v", name, before, after)
		}
	}
	if len(made) != 2 || answers(t, netip.MustParseAddrPort(made[1])) {
		t.Errorf("the new listener still answers: %v", made)
	}
}

// The hook sees a socket that nobody can connect to yet.
func TestSocketIsPreparedBeforeItListens(t *testing.T) {
	for text, want := range map[string]string{"127.0.0.1:0": "127.0.0.1", ":0": "::", "[::1]:0": "::1", "0.0.0.0:0": "0.0.0.0"} {
		called := 0
		s := openSet(t, []string{text}, Hooks{Socket: func(l *Listener) error {
			called++
			if got := l.Addr().Addr().String(); got != want {
				t.Errorf("%s: the address is %s", text, got)
			}
			return l.Control(func(fd int) error {
				if v, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); err != nil || v != 0 {
					t.Errorf("%s: it listens already (%d, %v)", text, v, err)
				}
				return nil
			})
		}})
		if called != 1 {
			t.Errorf("%s: called %d times", text, called)
		}
		if err := s.Listeners()[0].Control(func(fd int) error {
			if v, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); err != nil || v != 1 {
				t.Errorf("%s: it does not listen (%d, %v)", text, v, err)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenAllOrNone(t *testing.T) {
	var at netip.AddrPort
	_, err := Open("BGP", []string{"127.0.0.1:0"}, Hooks{All: func(list []*Listener) error {
		at = list[0].Addr()
		return errors.New("no key")
	}}, slog.New(slog.DiscardHandler))
	if err == nil || err.Error() != "no key" {
		t.Errorf("error %v", err)
	}
	if answers(t, at) {
		t.Error("it still answers")
	}
}

// A set that is closed takes another configuration, and opens it when it is run.
func TestReloadWhileClosed(t *testing.T) {
	s := openSet(t, []string{"127.0.0.1:0"}, Hooks{})
	s.Close()
	if err := s.Reload([]string{"127.0.0.5:0"}, Hooks{}); err != nil || len(s.Addrs()) != 0 {
		t.Fatalf("%v, %v", err, s.Addrs())
	}
	accept(t, s)
	for late := time.Now().Add(30 * time.Second); len(s.Addrs()) == 0; {
		if time.Now().After(late) {
			t.Fatal("it does not listen")
		}
	}
	if a := s.Addrs()[0]; a.Addr() != netip.MustParseAddr("127.0.0.5") || !answers(t, a) {
		t.Errorf("it listens on %v", a)
	}
	if err := s.Accept(context.Background(), func(*net.TCPConn) {}); !errors.Is(err, errAccepting) {
		t.Errorf("accepted twice: %v", err)
	}
}
