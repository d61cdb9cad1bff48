package health

import (
	"context"
	"net"

	"github.com/prometheus/blackbox_exporter/config"
	"github.com/prometheus/blackbox_exporter/prober"
)

// TCP opens a connection: that it is accepted is enough.
type TCP struct {
	Address string // a name or an address, with a port
}

// String says what is asked.
func (p TCP) String() string { return "tcp " + p.Address }

func (p TCP) host() string {
	host, _ := splitPort(p.Address)
	return host
}

func (p TCP) ask(ctx context.Context, a attempt) Outcome {
	_, port := splitPort(p.Address)
	ok, n := a.run(ctx, prober.ProbeTCP, net.JoinHostPort(a.addr.String(), port), config.DefaultModule)
	if !ok {
		return down(a.failure(ctx, n))
	}
	return up()
}
