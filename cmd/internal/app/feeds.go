package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anywatch/cmd/internal/config"
	"anywatch/collector"
	"anywatch/collector/bgp"
	"anywatch/collector/bmp"
	"anywatch/collector/exabgp"
	"anywatch/collector/openbmp"
	"anywatch/collector/rislive"
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
	figures  prometheus.Registerer // where sources show what only they have
}

// feeds are the sources of the configuration.
type feeds struct {
	deps   feedDeps
	config *config.Config // in force
	bgp    *bgp.Source
	bmp    *bmp.Source
	ris    []*rislive.Source
	kafka  []*openbmp.Source
	lines  []*exabgp.Source
}

// newFeeds makes the sources; what can't listen fails here.
func newFeeds(c *config.Config, deps feedDeps) (*feeds, error) {
	f := &feeds{deps: deps}
	if err := f.open(c); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *feeds) open(c *config.Config) (err error) {
	deps := f.deps
	f.config = c
	if c.Sources.BGP != nil {
		d := bgp.Deps{Live: deps.live, Registry: deps.registry, Counters: deps.metrics.Source("bgp"), Log: deps.log, Now: deps.now}
		if f.bgp, err = bgp.New(bgpConfig(c), d); err != nil {
			return sourceFault("sources.bgp", err)
		}
	}
	if c.Sources.BMP != nil {
		cfg, err := bmpConfig(c)
		if err != nil {
			return sourceFault("sources.bmp", err)
		}
		d := bmp.Deps{Live: deps.live, Registry: deps.registry, Counters: deps.metrics.Source("bmp"), Log: deps.log, Now: deps.now}
		if f.bmp, err = bmp.New(cfg, d); err != nil {
			return sourceFault("sources.bmp", err)
		}
		if err := deps.figures.Register(f.bmp); err != nil {
			return sourceFault("sources.bmp", err)
		}
	}
	for i := range c.Sources.RISLive {
		d := rislive.Deps{Live: deps.live, Registry: deps.registry, Counters: deps.metrics.Source("rislive"), Log: deps.log, Now: deps.now}
		src, err := rislive.New(risConfig(c, i), d)
		if err != nil {
			return err
		}
		f.ris = append(f.ris, src)
	}
	for i := range c.Sources.OpenBMP {
		d := openbmp.Deps{Live: deps.live, Registry: deps.registry, Counters: deps.metrics.Source("openbmp"), Log: deps.log, Now: deps.now}
		src, err := openbmp.New(kafkaConfig(c, i), d)
		if err != nil {
			return err
		}
		f.kafka = append(f.kafka, src)
	}
	for _, cfg := range lineConfigs(c) {
		d := exabgp.Deps{Live: deps.live, Registry: deps.registry, Counters: deps.metrics.Source("exabgp"), Log: deps.log, Now: deps.now}
		src, err := exabgp.New(cfg, d)
		if err != nil {
			return err
		}
		f.lines = append(f.lines, src)
	}
	return nil
}

// sourceFault puts the key before what is wrong with a source, and behind it what to do where somebody else has its address.
func sourceFault(key string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s.listen: %w; choose another address, or stop what listens there", key, err)
	}
	return fmt.Errorf("%s: %w", key, err)
}

func (f *feeds) close() {
	if f.bgp != nil {
		f.bgp.Close()
	}
	if f.bmp != nil {
		f.bmp.Close()
	}
}

func (f *feeds) sources() (list []collector.Source) {
	if f.bgp != nil {
		list = append(list, f.bgp)
	}
	if f.bmp != nil {
		list = append(list, f.bmp)
	}
	for _, s := range f.ris {
		list = append(list, s)
	}
	for _, s := range f.kafka {
		list = append(list, s)
	}
	for _, s := range f.lines {
		list = append(list, s)
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

// reload changes what may change while running; when it fails, everything is as before. A kind of source that comes or goes as a whole takes a
// restart, and that is said. BGP comes last, because a session that was ended can't be had back: what else can fail has succeeded by then.
func (f *feeds) reload(c *config.Config) error {
	if f.differs(c) {
		f.deps.log.Warn("a kind of source was added or removed; it takes effect with the next start")
	}
	if err := f.reloadBMP(c); err != nil {
		return err
	}
	if f.bgp != nil && c.Sources.BGP != nil {
		if err := f.bgp.Reload(bgpConfig(c)); err != nil {
			return errors.Join(sourceFault("sources.bgp", err), f.reloadBMP(f.config))
		}
	}
	for i := range min(len(f.ris), len(c.Sources.RISLive)) {
		if err := f.ris[i].Reload(risConfig(c, i)); err != nil {
			f.deps.log.Error("the feed goes on as it was", "source", f.ris[i].Name(), "error", err)
		}
	}
	for i := range min(len(f.kafka), len(c.Sources.OpenBMP)) {
		if err := f.kafka[i].Reload(kafkaConfig(c, i)); err != nil {
			f.deps.log.Error("the feed goes on as it was", "source", f.kafka[i].Name(), "error", err)
		}
	}
	lines := lineConfigs(c)
	for i := range min(len(f.lines), len(lines)) {
		if err := f.lines[i].Reload(lines[i]); err != nil {
			f.deps.log.Error("the feed goes on as it was", "source", f.lines[i].Name(), "error", err)
		}
	}
	f.config = c
	return nil
}

// differs tells whether another configuration has other sources, apart from how they are set.
func (f *feeds) differs(c *config.Config) bool {
	return (f.bgp == nil) != (c.Sources.BGP == nil) || (f.bmp == nil) != (c.Sources.BMP == nil) ||
		len(f.ris) != len(c.Sources.RISLive) || len(f.kafka) != len(c.Sources.OpenBMP) || len(f.lines) != len(c.Sources.ExaBGP)
}

func (f *feeds) reloadBMP(c *config.Config) error {
	if f.bmp == nil || c.Sources.BMP == nil {
		return nil
	}
	cfg, err := bmpConfig(c)
	if err == nil {
		err = f.bmp.Reload(cfg)
	}
	if err != nil {
		return sourceFault("sources.bmp", err)
	}
	return nil
}

// refresh asks for tables to be sent again.
func (f *feeds) refresh(ctx context.Context) {
	var err error
	if f.bgp != nil {
		err = f.bgp.Refresh(ctx)
	}
	if f.bmp != nil {
		err = errors.Join(err, f.bmp.Refresh(ctx))
	}
	if err != nil {
		f.deps.log.Warn("some peers could not be asked for their tables; what is newly watched shows with its next change", "error", err)
	}
}

// bmpConfig turns the configuration into the station's. Without allow, routers may connect from everywhere.
func bmpConfig(c *config.Config) (bmp.Config, error) {
	b := c.Sources.BMP
	out := bmp.Config{Listen: b.Listen, Allow: b.Allow, VRFs: b.VRFs, ASNs: c.ASNs}
	if len(out.Allow) == 0 {
		out.Allow = []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
	}
	var err error
	if !b.TLS.Cert.IsZero() {
		out.TLS, err = serverTLS(b.TLS)
	}
	return out, err
}

// serverTLS reads the files of a TLS server; with a client CA, clients must show a certificate of it.
func serverTLS(t config.TLS) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(t.Cert.Path, t.Key.Path)
	if err != nil {
		return nil, fmt.Errorf("tls: %s and %s are no pair of certificate and key: %w", t.Cert, t.Key, err)
	}
	out := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if t.ClientCA.IsZero() {
		return out, nil
	}
	pem, err := os.ReadFile(t.ClientCA.Path)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	out.ClientCAs, out.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !out.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls: %s holds no certificate", t.ClientCA)
	}
	return out, nil
}

// risConfig asks a feed for what is watched.
func risConfig(c *config.Config, i int) rislive.Config {
	r := c.Sources.RISLive[i]
	out := rislive.Config{URL: r.URL.Reveal(), Client: r.Client, IgnorePeers: r.IgnorePeers, ASNs: c.ASNs, SilentAfter: c.Detect.FeedSilentAfter}
	for _, p := range c.Prefixes {
		out.Prefixes = append(out.Prefixes, p.Prefix)
	}
	return out
}

// kafkaConfig asks for a topic. VRFs that are watched with BMP are watched here too: it is BMP that comes.
func kafkaConfig(c *config.Config, i int) openbmp.Config {
	k := c.Sources.OpenBMP[i]
	out := openbmp.Config{Brokers: k.Brokers, Topic: k.Topic, Group: k.Group, ASNs: c.ASNs, SilentAfter: c.Detect.FeedSilentAfter}
	if c.Sources.BMP != nil {
		out.VRFs = c.Sources.BMP.VRFs
	}
	return out
}

// lineConfigs are the commands that print ExaBGP's lines, each with a name of its own.
func lineConfigs(c *config.Config) (out []exabgp.Config) {
	var commands []string
	for _, x := range c.Sources.ExaBGP {
		commands = append(commands, x.Command)
	}
	for i, name := range exabgp.Names(commands) {
		out = append(out, exabgp.Config{Name: name, Command: commands[i], ASNs: c.ASNs, SilentAfter: c.Detect.FeedSilentAfter})
	}
	return out
}

func bgpConfig(c *config.Config) bgp.Config {
	b := c.Sources.BGP
	out := bgp.Config{Listen: b.Listen, ASN: b.ASN, RouterID: b.RouterID, ComeUp: c.Detect.FeedSilentAfter}
	if !out.RouterID.IsValid() {
		out.RouterID = routerID(b.ASN)
	}
	for _, n := range b.Neighbors {
		out.Neighbors = append(out.Neighbors, bgp.Neighbor{
			Name: n.Name, Address: n.Address, Range: n.Range, ASN: n.ASN, Password: bgp.Password(n.Password.Reveal()),
			TTLSecurity: n.TTLSecurity, AddPath: n.AddPath, Scope: scope(n.Scope), MaxPeers: n.MaxPeers, MaxPrefixes: n.MaxPrefixes,
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
