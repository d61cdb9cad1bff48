package lab

import (
	_ "embed"
	"net/netip"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// Description is what the monitor must know to watch the network.
type Description struct {
	ASN       uint32
	BGP, BMP  netip.AddrPort // where the monitor has to listen
	BMPAllow  netip.Prefix   // where the BMP stream comes from
	RTR       netip.AddrPort // the RPKI cache
	Neighbors []Neighbor
	Sites     []ServedSite
	Prefixes  []netip.Prefix // announced at every site
	Parked    netip.Prefix   // never announced
	Upstreams []uint32
	Lock      PeerLock

	// These say how long the monitor should wait, and may be changed before Config is called.
	ResolveAfter     time.Duration // a finding is over when it has been gone for this long
	InitialSync      time.Duration // a session without End-of-RIB counts as synchronised after this long
	SiteMissingAfter time.Duration // a site is missing when it has been gone for this long
	HalfLife         time.Duration // of the penalty of a route that flaps
	ShiftWithin      time.Duration // a catchment that moved is stable again after this long
	ProbeInterval    time.Duration // between two looks at a site's service
	MaxAge           time.Duration // ROAs are too old when no cache has confirmed them for this long
}

// The least that AtSpeed leaves: the speakers do not hurry, and a site that withdraws and announces at once must not look missing on a busy
// machine, nor its penalty be gone before it has flapped often enough; and the RPKI cache must be found in time when all begins.
const (
	leastMissing  = time.Second
	leastHalfLife = time.Second
	leastMaxAge   = 2 * time.Second
)

// AtSpeed shortens what the monitor waits for to fit a scenario that is played so many times as fast.
func (d Description) AtSpeed(speed float64) Description {
	faster := func(t time.Duration) time.Duration { return time.Duration(float64(t) / speed).Round(time.Millisecond) }
	d.ResolveAfter = faster(d.ResolveAfter)
	d.SiteMissingAfter = max(faster(d.SiteMissingAfter), leastMissing)
	d.HalfLife = max(faster(d.HalfLife), leastHalfLife)
	d.MaxAge = max(faster(d.MaxAge), leastMaxAge)
	return d
}

// Neighbor is a BGP speaker that opens a session to the monitor.
type Neighbor struct {
	Name     string
	Address  netip.Addr
	ASN      uint32
	External bool // it shows another network's view
	AddPath  bool // it sends all its paths
}

// PeerLock is what a network has agreed to: it takes our routes from these and from nobody else.
type PeerLock struct {
	ASN  uint32
	From []uint32
}

// ServedSite is a site with the service that it is there for.
type ServedSite struct {
	Site
	Service netip.AddrPort // where the service is asked over HTTP how it fares
}

// Description tells how the monitor is to be configured. It holds from New on.
func (n *Network) Description() Description {
	d := Description{
		ASN: OurASN, BGP: n.options.BGP, BMP: n.options.BMP,
		RTR:   netip.AddrPortFrom(n.block.host(cacheHost), rtrPort),
		Sites: n.servedSites(), Prefixes: []netip.Prefix{AnycastV4, AnycastV6}, Parked: Parked,
		Upstreams:    []uint32{TransitAASN, TransitBASN},
		Lock:         PeerLock{ASN: TransitBASN, From: []uint32{OurASN, TransitAASN}},
		ResolveAfter: 2 * time.Second, InitialSync: 5 * time.Second, SiteMissingAfter: 2 * time.Second, HalfLife: 4 * time.Second,
		ShiftWithin: 9 * time.Second, ProbeInterval: time.Second, MaxAge: 3 * time.Second,
	}
	for _, p := range plans() {
		switch p.role {
		case reflectorRole:
			d.BMPAllow = netip.PrefixFrom(n.block.host(p.host), 32)
			d.Neighbors = append(d.Neighbors, Neighbor{Name: p.name, Address: n.block.host(p.host), ASN: p.asn, AddPath: true})
		case transitRole:
			d.Neighbors = append(d.Neighbors, Neighbor{Name: p.name, Address: n.block.host(p.host), ASN: p.asn, External: true})
		}
	}
	return d
}

// servedSites gives the sites with the addresses of their services.
func (n *Network) servedSites() []ServedSite {
	var all []ServedSite
	for _, s := range sites() {
		all = append(all, ServedSite{s, netip.AddrPortFrom(n.block.host(hostNumber(s.Name)), servicePort)})
	}
	return all
}

//go:embed anywatch.yaml.tmpl
var configTemplate string

// Config gives the text of an anywatch.yaml for the network. It leaves out `store`, `web` and `log`: append them to the text as wanted.
func (d Description) Config() (string, error) {
	t, err := template.New("anywatch.yaml").Funcs(template.FuncMap{"join": join}).Parse(configTemplate)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, d); err != nil {
		return "", err
	}
	return b.String(), nil
}

func join(numbers []uint32) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.FormatUint(uint64(n), 10)
	}
	return strings.Join(words, ", ")
}
