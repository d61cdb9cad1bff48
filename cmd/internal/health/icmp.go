package health

import (
	"context"
	"errors"
	"io/fs"

	"github.com/prometheus/blackbox_exporter/config"
	"github.com/prometheus/blackbox_exporter/prober"
)

// ICMP sends an echo request, and waits for the reply. That takes a kernel that lets this process do so.
type ICMP struct {
	Address string // a name or an address
}

// String says what is asked.
func (p ICMP) String() string { return "icmp " + p.Address }

func (p ICMP) host() string { return p.Address }

func (p ICMP) ask(ctx context.Context, a attempt) Outcome {
	ok, n := a.run(ctx, prober.ProbeICMP, a.addr.String(), config.DefaultModule)
	if ok {
		return up()
	}
	return p.judge(ctx, a, n)
}

// judge tells a host that does not answer from a probe that could not be sent.
func (p ICMP) judge(ctx context.Context, a attempt, n *notes) Outcome {
	err, _ := n.first("err").(error)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return unasked("this process may not send ICMP (" + plain(err) + "); put its group into net.ipv4.ping_group_range, or give it CAP_NET_RAW")
	case err != nil && n.says("Error listening to socket"):
		return unasked("no ICMP socket can be opened (" + plain(err) + ")")
	}
	return down(a.failure(ctx, n))
}
