package app

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/collector"
	"anywatch/collector/bgp"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// feedDeps is what the sources work with.
type feedDeps struct {
	log      *slog.Logger
	now      func() time.Time
	live     *screen.Live
	registry *collector.Registry
	metrics  *collector.Metrics
}

// feeds are the sources of the configuration.
type feeds struct {
	deps feedDeps
	bgp  *bgp.Source
}

// newFeeds makes the sources; what can't listen fails here.
func newFeeds(c *config.Config, deps feedDeps) (*feeds, error) {
	f := &feeds{deps: deps}
	if c.Sources.BGP != nil {
		src, err := bgp.New(bgpConfig(c), bgp.Deps{Live: deps.live, Registry: deps.registry, Counters: deps.metrics.Source("bgp"), Log: deps.log, Now: deps.now})
		if err != nil {
			return nil, err
		}
		f.bgp = src
	}
	return f, nil
}

func (f *feeds) close() {
	if f.bgp != nil {
		f.bgp.Close()
	}
}

func (f *feeds) sources() (list []collector.Source) {
	if f.bgp != nil {
		list = append(list, f.bgp)
	}
	return list
}

// run runs all sources until ctx ends and they have ended.
func (f *feeds) run(ctx context.Context, out collector.Sink) {
	var wg sync.WaitGroup
	for _, s := range f.sources() {
		wg.Go(func() { collector.Supervise(ctx, s, out, f.deps.log, f.deps.now) })
	}
	wg.Wait()
}

func (f *feeds) reload(c *config.Config) error {
	if f.bgp != nil && c.Sources.BGP != nil {
		return f.bgp.Reload(bgpConfig(c))
	}
	return nil
}

// refresh asks for tables to be sent again.
func (f *feeds) refresh(ctx context.Context) {
	if f.bgp == nil {
		return
	}
	if err := f.bgp.Refresh(ctx); err != nil {
		f.deps.log.Warn("some peers could not be asked for their tables; what is newly watched shows with its next change", "error", err)
	}
}

func bgpConfig(c *config.Config) bgp.Config {
	b := c.Sources.BGP
	out := bgp.Config{Listen: b.Listen, ASN: b.ASN, RouterID: b.RouterID}
	if !out.RouterID.IsValid() {
		out.RouterID = routerID(b.ASN)
	}
	for _, n := range b.Neighbors {
		out.Neighbors = append(out.Neighbors, bgp.Neighbor{
			Name: n.Name, Address: n.Address, Range: n.Range, ASN: n.ASN, Password: bgp.Password(n.Password.Reveal()),
			TTLSecurity: n.TTLSecurity, AddPath: n.AddPath, Scope: scope(n.Scope), MaxPeers: n.MaxPeers,
		})
	}
	return out
}

func scope(s config.Scope) collector.Scope {
	if s == config.External {
		return collector.External
	}
	return collector.Internal
}

// routerID is a BGP identifier for a configuration that names none: the octets of our AS number, which nobody else in our AS is likely to use.
func routerID(asn route.ASN) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(asn))))
}
