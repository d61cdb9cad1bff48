package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/blackbox_exporter/config"
	"github.com/prometheus/blackbox_exporter/prober"
	"github.com/prometheus/client_golang/prometheus"
)

// attempt is one probe under way.
type attempt struct {
	addr    netip.Addr // of the host, to which there is a route
	timeout time.Duration
}

// Ask probes a service once, for at most the timeout.
func Ask(ctx context.Context, p Probe, timeout time.Duration) Outcome {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addr, err := locate(ctx, p.host())
	if err != nil {
		return unasked(err.Error())
	}
	return p.ask(ctx, attempt{addr, timeout})
}

// locate finds the address of a host: the first to which this machine has a route. What fails here is our own trouble, and says nothing of the
// service.
func locate(ctx context.Context, host string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(host)
	addrs := []netip.Addr{addr}
	if err != nil {
		if addrs, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host); err != nil {
			return netip.Addr{}, fmt.Errorf("%s can't be looked up here (%s); see to the resolver of this machine, or write an address", host, plain(err))
		}
	}
	for _, a := range addrs {
		if err = routed(a.Unmap()); err == nil {
			return a.Unmap(), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("this machine has no way to %s (%s); see to its routes and addresses", host, plain(err))
}

// routed tells whether this machine has a route to an address. To connect a datagram socket sends nothing.
func routed(a netip.Addr) error {
	c, err := net.Dial("udp", netip.AddrPortFrom(a, 9).String())
	if err != nil {
		return err
	}
	return c.Close()
}

// run has the blackbox exporter probe a target, and gives its notes of it. Its metrics are thrown away: the notes say the same with the reasons.
func (a attempt) run(ctx context.Context, probe prober.ProbeFn, target string, m config.Module) (bool, *notes) {
	n := new(notes)
	ok := probe(ctx, target, m, prometheus.NewRegistry(), slog.New(n))
	return ok, n
}

// failure says in words why a probe failed, from the first error among the notes.
func (a attempt) failure(ctx context.Context, n *notes) string {
	err, ok := n.first("err").(error)
	switch {
	case ctx.Err() != nil, ok && timedOut(err):
		return fmt.Sprintf("no answer within %s", a.timeout)
	case ok:
		return plain(err)
	}
	return "the probe failed, and the prober gives no reason"
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// plain says what an error comes down to. What differs from probe to probe, as our own port, is left out, and so is what may be secret, as an address
// with a token in it.
func plain(err error) string {
	var errno syscall.Errno
	var name *net.DNSError
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &name):
		return name.Err
	case errors.Is(err, io.EOF):
		return "the connection was closed without an answer"
	}
	var op *net.OpError
	var u *url.Error
	switch {
	case errors.As(err, &op):
		err = op.Err
	case errors.As(err, &u):
		err = u.Err
	}
	if says := err.Error(); len(says) > longestReason {
		return strings.ToValidUTF8(says[:longestReason], "") + "…"
	}
	return err.Error()
}

// longestReason bounds, in octets, what an error that quotes a service may say.
const longestReason = 200
