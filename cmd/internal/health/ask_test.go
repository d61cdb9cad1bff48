package health

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"anywatch/detector"
)

func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	wants(t, Ask(t.Context(), TCP{l.Addr().String()}, patience), detector.HealthUp, "")
	wants(t, Ask(t.Context(), TCP{closedPort(t)}, patience), detector.HealthDown, "connection refused")
}

// A name that can't be looked up, or an address without a route, is our trouble and not that of the service.
func TestCannotBeAsked(t *testing.T) {
	for _, c := range []struct {
		probe Probe
		says  string
	}{
		{TCP{"a..b:53"}, "a..b can't be looked up here"},
		{DNS{Server: "a..b", Query: "example.net", Type: "SOA"}, "a..b can't be looked up here"},
		{HTTP{URL: "http://a..b/", Status: 200}, "a..b can't be looked up here"},
		{ICMP{"a..b"}, "a..b can't be looked up here"},
		{TCP{"[fe80::1]:53"}, "this machine has no way to fe80::1"}, // a link-local address is nowhere without a link
		{HTTP{URL: "http://www.example.net/", ConnectTo: "[fe80::1]:80", Status: 200}, "this machine has no way to fe80::1"},
	} {
		if got := Ask(t.Context(), c.probe, patience); got.State != detector.HealthUnknown || !strings.HasPrefix(got.Reason, c.says) {
			t.Errorf("%s: got %s %q, want unknown %q", c.probe, got.State, got.Reason, c.says)
		}
	}
}

// Where this process may send ICMP, loopback answers; where it may not, the state is unknown, and the reason says what to do.
func TestICMP(t *testing.T) {
	got := Ask(t.Context(), ICMP{"127.0.0.1"}, patience)
	if mayPing() {
		wants(t, got, detector.HealthUp, "")
	} else if got.State != detector.HealthUnknown || !strings.Contains(got.Reason, "CAP_NET_RAW") {
		t.Errorf("without permission: got %s %q", got.State, got.Reason)
	}
}

// mayPing finds out whether a socket for ICMP can be opened, of one kind or the other.
func mayPing() bool {
	for _, kind := range []int{syscall.SOCK_DGRAM, syscall.SOCK_RAW} {
		if fd, err := syscall.Socket(syscall.AF_INET, kind, syscall.IPPROTO_ICMP); err == nil {
			_ = syscall.Close(fd)
			return true
		}
	}
	return false
}

func TestICMPFailures(t *testing.T) {
	for _, c := range []struct {
		message string
		err     error
		state   detector.HealthState
		reason  string
	}{
		{
			"Error listening to socket", &net.OpError{Op: "listen", Err: os.NewSyscallError("socket", syscall.EPERM)}, detector.HealthUnknown,
			"this process may not send ICMP (operation not permitted); put its group into net.ipv4.ping_group_range, or give it CAP_NET_RAW",
		},
		{"Error listening to socket", syscall.EMFILE, detector.HealthUnknown, "no ICMP socket can be opened (too many open files)"},
		{"Error writing to socket", syscall.EHOSTUNREACH, detector.HealthDown, "no route to host"},
		{"Timeout reading from socket", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, detector.HealthDown, "no answer within 50ms"},
	} {
		n := new(notes)
		log := slog.New(n)
		log.Debug("Unable to do unprivileged listen on socket, will attempt privileged", "err", errors.New("in passing"))
		log.Error(c.message, "err", c.err)
		wants(t, ICMP{"127.0.0.1"}.judge(context.Background(), attempt{timeout: haste}, n), c.state, c.reason)
	}
}

// What a service sends back is not repeated at length.
func TestLongReason(t *testing.T) {
	if got := plain(errors.New(strings.Repeat("é", 1000))); len(got) > longestReason+len("…") || !strings.HasSuffix(got, "é…") {
		t.Errorf("got %d octets: %q", len(got), got)
	}
}
