package health

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"

	"github.com/prometheus/blackbox_exporter/config"
	"github.com/prometheus/blackbox_exporter/prober"
)

// HTTP asks for a page and looks at its status. The certificate must be good for the host of the URL. Redirects are not followed: what answers
// somewhere else says nothing of this site.
type HTTP struct {
	// URL is what is asked for; it may hold a password or a token. Shown is the same without them.
	URL, Shown string
	// ConnectTo is who is asked instead of the host of the URL, with or without a port; the name in the request and in TLS stays that of the URL.
	ConnectTo string
	Status    int

	trust string // certificates in PEM that are trusted instead of those of the system; empty for those
}

// String says what is asked, without what is secret.
func (p HTTP) String() string {
	if p.ConnectTo != "" {
		return "GET " + p.Shown + " at " + p.ConnectTo
	}
	return "GET " + p.Shown
}

// GoString gives what String does.
func (p HTTP) GoString() string { return p.String() }

func (p HTTP) host() string {
	if p.ConnectTo != "" {
		host, _ := splitPort(p.ConnectTo)
		return host
	}
	u, err := url.Parse(p.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// splitPort takes a host with or without a port apart.
func splitPort(s string) (host, port string) {
	if _, err := netip.ParseAddr(s); err == nil {
		return s, ""
	}
	if host, port, err := net.SplitHostPort(s); err == nil {
		return host, port
	}
	return s, ""
}

// module is the page as the prober knows it. The prober asks the host of its target; that is replaced by an address, and the host of the URL is
// kept in the Host header and the server name of TLS.
func (p HTTP) module(addr netip.Addr) (target string, m config.Module, err error) {
	u, err := url.Parse(p.URL)
	if err != nil {
		return "", m, err
	}
	m = config.DefaultModule
	m.HTTP.ValidStatusCodes = []int{p.Status}
	m.HTTP.Headers = map[string]string{"Host": u.Host, "User-Agent": "anywatch"}
	m.HTTP.HTTPClientConfig.FollowRedirects = false
	m.HTTP.HTTPClientConfig.TLSConfig.ServerName = u.Hostname()
	m.HTTP.HTTPClientConfig.TLSConfig.CA = p.trust
	port := u.Port()
	if _, other := splitPort(p.ConnectTo); other != "" {
		port = other
	}
	switch {
	case port != "":
		u.Host = net.JoinHostPort(addr.String(), port)
	case addr.Is6():
		u.Host = "[" + addr.String() + "]"
	default:
		u.Host = addr.String()
	}
	return u.String(), m, nil
}

func (p HTTP) ask(ctx context.Context, a attempt) Outcome {
	target, m, err := p.module(a.addr)
	if err != nil {
		return unasked("the URL can't be read; correct it")
	}
	ok, n := a.run(ctx, prober.ProbeHTTP, target, m)
	status, answered := n.first("status_code").(int64)
	switch {
	case ok:
		return up()
	case answered && int(status) != p.Status:
		return down(fmt.Sprintf("HTTP status %d, expected %d", status, p.Status))
	case answered:
		return down(fmt.Sprintf("HTTP status %d, but the page does not end: %s", status, a.failure(ctx, n)))
	}
	return down(a.failure(ctx, n))
}
