package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// Where things stand in the block of a network.
const (
	bgpPort     = 1790
	bmpPort     = 11019
	rtrPort     = 3323
	servicePort = 8053
	cacheHost   = 53
	monitorHost = 250 // the monitor, when the caller gives no address for it
)

// blocks is how many networks can run on one machine at a time: 127.64.0.0/24 to 127.64.255.0/24.
const blocks = 256

// block is a /24 of loopback addresses that no other network uses. The listening RPKI cache is the claim on it.
type block struct {
	prefix netip.Prefix
	claim  net.Listener
}

func (b block) host(n byte) netip.Addr { return hostOf(b.prefix, n) }

func hostOf(p netip.Prefix, n byte) netip.Addr {
	a := p.Masked().Addr().As4()
	a[3] = n
	return netip.AddrFrom4(a)
}

// listenFunc is net.Listen, or what a test puts in its place.
type listenFunc func(network, address string) (net.Listener, error)

// claimBlock finds a block of which all addresses can be used. With a preferred one, only that is tried.
func claimBlock(preferred netip.Prefix, monitorPorts []uint16, listen listenFunc) (block, error) {
	candidates := make([]netip.Prefix, 0, blocks)
	for n := range blocks {
		candidates = append(candidates, netip.PrefixFrom(netip.AddrFrom4([4]byte{127, 64, byte(n), 0}), 24))
	}
	if preferred.IsValid() {
		if !preferred.Addr().Is4() || !preferred.Addr().IsLoopback() || preferred.Bits() != 24 {
			return block{}, fmt.Errorf("%s is no block for the network; it must be a /24 within 127.0.0.0/8", preferred)
		}
		candidates = []netip.Prefix{preferred.Masked()}
	}
	var busy error
	for _, p := range candidates {
		l, err := tryBlock(p, monitorPorts, listen)
		switch {
		case err == nil:
			return block{p, l}, nil
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			return block{}, aliasError(p, monitorPorts, err)
		case !errors.Is(err, syscall.EADDRINUSE):
			return block{}, err
		}
		busy = err
	}
	return block{}, fmt.Errorf("no free block of loopback addresses among %d tried: %w; end a network that still runs", len(candidates), busy)
}

// tryBlock listens on every address of the block for a moment, and stays at the one of the RPKI cache.
func tryBlock(p netip.Prefix, monitorPorts []uint16, listen listenFunc) (claim net.Listener, err error) {
	claim, err = listen("tcp4", netip.AddrPortFrom(hostOf(p, cacheHost), rtrPort).String())
	if err != nil {
		return nil, err
	}
	for _, a := range endpoints(p, monitorPorts) {
		l, err := listen("tcp4", a.String())
		if err != nil {
			claim.Close()
			return nil, err
		}
		l.Close()
	}
	return claim, nil
}

// endpoints are the addresses in the block besides that of the RPKI cache. monitorPorts are those of the monitor, if it is to have its
// address there.
func endpoints(p netip.Prefix, monitorPorts []uint16) []netip.AddrPort {
	relay := plans()[slices.IndexFunc(plans(), func(s plan) bool { return s.role == reflectorRole })]
	all := []netip.AddrPort{netip.AddrPortFrom(hostOf(p, relay.host), bmpPort)}
	for _, s := range plans() {
		all = append(all, netip.AddrPortFrom(hostOf(p, s.host), bgpPort))
		if s.role == siteRole {
			all = append(all, netip.AddrPortFrom(hostOf(p, s.host), servicePort))
		}
	}
	for _, port := range monitorPorts {
		all = append(all, netip.AddrPortFrom(hostOf(p, monitorHost), port))
	}
	return all
}

// aliasError says how to get the addresses on systems that give the loopback interface only 127.0.0.1, such as macOS and the BSDs.
func aliasError(p netip.Prefix, monitorPorts []uint16, cause error) error {
	hosts := []netip.Addr{hostOf(p, cacheHost)}
	for _, s := range plans() {
		hosts = append(hosts, hostOf(p, s.host))
	}
	if len(monitorPorts) > 0 {
		hosts = append(hosts, hostOf(p, monitorHost))
	}
	var b strings.Builder
	for _, h := range hosts {
		fmt.Fprintf(&b, "\n  sudo ifconfig lo0 alias %s up", h)
	}
	return fmt.Errorf("the network needs loopback addresses that this system does not have (%w); "+
		"these commands make them until the next restart:%s", cause, b.String())
}
