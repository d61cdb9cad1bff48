package health

import (
	"context"
	"fmt"
	"net"
	"regexp"

	"github.com/miekg/dns"
	"github.com/prometheus/blackbox_exporter/config"
	"github.com/prometheus/blackbox_exporter/prober"
)

// DNS asks a name server for a record: it must answer without an error, and with at least one record of the type. It is asked over UDP, and again
// over TCP when the answer is too long for that.
type DNS struct {
	Server string // a name or an address, with or without a port; 53 without
	Query  string
	Type   string // SOA, A, AAAA …
}

// String says what is asked.
func (p DNS) String() string { return fmt.Sprintf("dns %s %s at %s", p.Type, p.Query, p.Server) }

func (p DNS) host() string {
	host, _ := splitPort(p.Server)
	return host
}

func (p DNS) module(transport string) config.Module {
	m := config.DefaultModule
	m.DNS.TransportProtocol = transport
	m.DNS.QueryName, m.DNS.QueryType = p.Query, p.Type
	// A record is matched as it is written: name, time to live, class and type, with tabs between.
	m.DNS.ValidateAnswer.FailIfNoneMatchesRegexp = []string{`^[^\t]*\t[0-9]+\t[A-Z]+\t` + regexp.QuoteMeta(p.Type) + `\t`}
	return m
}

func (p DNS) ask(ctx context.Context, a attempt) Outcome {
	_, port := splitPort(p.Server)
	if port == "" {
		port = "53"
	}
	target := net.JoinHostPort(a.addr.String(), port)
	ok, n := a.run(ctx, prober.ProbeDNS, target, p.module("udp"))
	answer, _ := n.first("response").(*dns.Msg)
	if !ok && answer != nil && answer.Truncated {
		ok, n = a.run(ctx, prober.ProbeDNS, target, p.module("tcp"))
		answer, _ = n.first("response").(*dns.Msg)
	}
	switch {
	case ok:
		return up()
	case answer == nil:
		return down(a.failure(ctx, n))
	case answer.Rcode != dns.RcodeSuccess:
		return down(fmt.Sprintf("the answer is %s, expected NOERROR", dns.RcodeToString[answer.Rcode]))
	}
	return down(fmt.Sprintf("no %s record in the answer", p.Type))
}
