package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/archive"
	"anywatch/collector/route"
	"anywatch/collector/screen"
	"anywatch/rules"
	"anywatch/rules/propose"
)

// Generate reads recorded input for a proposal. It reads it twice: which prefixes are ours is known only at the end, and who else announced them may
// stand at the beginning.
type Generate struct {
	ASNs   []route.ASN // ours; without any, the input must tell
	Inputs []string    // files, folders, or "-" for Stdin
	Stdin  io.Reader
	// Report and Progress are what archive.Deps say.
	Report   func(archive.Problem)
	Progress func(read, total int64)
}

// errASNs says that it must be said which ASes are ours.
var errASNs = errors.New("the input does not tell which AS is yours: no router speaks of its own routes in it; name it with --asn N")

// Run reads the inputs.
func (g Generate) Run(ctx context.Context) (propose.Seen, error) {
	seen := propose.Seen{ASNs: g.ASNs}
	inputs, done, err := g.open()
	defer done()
	if err != nil {
		return seen, err
	}
	if len(seen.ASNs) == 0 {
		if seen.ASNs, seen.Told, err = discover(ctx, inputs); err != nil {
			return seen, err
		}
	}
	seen.ASNs = slices.Compact(slices.Sorted(slices.Values(seen.ASNs)))
	find := &finder{ours: ourSet(seen.ASNs), prefixes: make(map[netip.Prefix]bool)}
	if _, err := g.pass(ctx, inputs, watchOf(nil, seen.ASNs), seen.ASNs, find, false); err != nil {
		return seen, err
	}
	watch := watchOf(sortedPrefixes(find.prefixes), seen.ASNs)
	gather := newGatherer(find, seen.ASNs, watch)
	stats, err := g.pass(ctx, inputs, watch, seen.ASNs, gather, true)
	if err != nil {
		return seen, err
	}
	seen.From, seen.Newest, seen.Records, seen.Malformed = inputNames(inputs), stats.Last, stats.Messages, stats.Malformed
	gather.into(&seen)
	return seen, nil
}

// watchOf is a watch of these prefixes and ASes, with the bounds that a configuration has which names none.
func watchOf(list []netip.Prefix, asns []route.ASN) *screen.Watch {
	t := rules.Defaults()
	return screen.NewWatch(list, asns, screen.Shortest{IPv4: uint8(t.ShortestCovering4), IPv6: uint8(t.ShortestCovering6)})
}

// pass reads the inputs once. Problems are told in one pass only.
func (g Generate) pass(ctx context.Context, inputs []archive.Input, watch *screen.Watch, asns []route.ASN, out collector.Sink, tell bool) (archive.Stats, error) {
	deps := archive.Deps{
		Registry: collector.NewRegistry(), Live: screen.NewLive(watch), Log: slog.New(slog.DiscardHandler), Now: time.Now, ASNs: asns, Out: out,
		Progress: g.Progress,
	}
	if tell {
		deps.Report = g.Report
	}
	return archive.Read(ctx, inputs, deps, archive.Options{})
}

func inputNames(inputs []archive.Input) []string {
	names := make([]string, len(inputs))
	for i, in := range inputs {
		names[i] = in.Name
	}
	return names
}

// open gives the inputs, all of which can be read several times: what can't, a pipe, is copied to a file first, which done removes.
func (g Generate) open() (inputs []archive.Input, done func(), err error) {
	var copies []string
	done = func() {
		for _, name := range copies {
			_ = os.Remove(name) // it is in the folder for temporary files
		}
	}
	for _, name := range g.Inputs {
		path, called := name, ""
		if from, pipe := g.pipe(name); pipe {
			if path, err = spool(name, from); err != nil {
				return nil, done, err
			}
			copies = append(copies, path)
			called = cmp.Or(map[bool]string{true: "standard input"}[name == "-"], name)
		}
		some, err := archive.Open(path, nil)
		if err != nil {
			return nil, done, err
		}
		for i := range some {
			some[i].Name = cmp.Or(called, some[i].Name)
		}
		inputs = append(inputs, some...)
	}
	return inputs, done, nil
}

// pipe tells whether an input can be read only once, and gives what it is read from; nil where it must be opened.
func (g Generate) pipe(name string) (io.Reader, bool) {
	if name == "-" {
		return g.Stdin, true
	}
	info, err := os.Stat(name)
	return nil, err == nil && !info.IsDir() && !info.Mode().IsRegular()
}

// spool copies an input to a file.
func spool(name string, from io.Reader) (path string, err error) {
	if from == nil {
		f, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("input %s: %w", name, err)
		}
		defer f.Close()
		from = f
	}
	to, err := os.CreateTemp("", "anywatch-generate-*")
	if err != nil {
		return "", fmt.Errorf("input %s is read twice and must be kept in between: %w", name, err)
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Close()); err != nil {
		_ = os.Remove(to.Name()) // the copy failed; what is left of it is of no use
		return "", fmt.Errorf("input %s is read twice and must be kept in between: %w", name, err)
	}
	return to.Name(), nil
}

func ourSet(asns []route.ASN) map[route.ASN]bool {
	ours := make(map[route.ASN]bool)
	for _, a := range asns {
		ours[a] = true
	}
	return ours
}

func sortedPrefixes(set map[netip.Prefix]bool) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(set))
	for p := range set {
		list = append(list, p)
	}
	slices.SortFunc(list, netip.Prefix.Compare)
	return list
}

// finder notes the prefixes that our ASes originate.
type finder struct {
	ours     map[route.ASN]bool
	prefixes map[netip.Prefix]bool
}

// Emit takes an event of the first pass.
func (f *finder) Emit(_ context.Context, ev collector.Event) error {
	for _, u := range ev.Updates {
		if u.Attrs == nil || !f.originated(ev.Vantage, u.Attrs) {
			continue
		}
		for _, n := range u.Announced {
			if n.Prefix.Bits() > 0 { // the parts of a default route would be everything
				f.prefixes[n.Prefix] = true
			}
		}
	}
	return nil
}

// originated tells whether one of our ASes is the origin, or may be one of several.
func (f *finder) originated(v *collector.Vantage, a *route.Attrs) bool {
	o := a.Path.Origin(v.Local)
	return f.ours[o.AS] && o.Set == nil || slices.ContainsFunc(o.Set, func(as route.ASN) bool { return f.ours[as] })
}

// enoughToDiscover is after how many updates the search for our own AS is given up: a table of a public collector has none that tells.
const enoughToDiscover = 1 << 20

// errEnough ends a reading early; it is no fault.
var errEnough = errors.New("enough was read")

// discover finds out which ASes are ours: those of BMP routers, and those that speak of their own routes with an empty AS_PATH.
func discover(ctx context.Context, inputs []archive.Input) ([]route.ASN, string, error) {
	d := &discoverer{own: make(map[route.ASN]bool), routers: make(map[route.ASN]bool)}
	all := []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
	if _, err := (Generate{}).pass(ctx, inputs, watchOf(all, nil), nil, d, false); err != nil && !errors.Is(err, errEnough) {
		return nil, "", err
	}
	how := "told by routes with an empty AS_PATH"
	if len(d.routers) > 0 {
		how = "told by the routers of the BMP stream"
	}
	var asns []route.ASN
	for _, told := range []map[route.ASN]bool{d.own, d.routers} {
		for a := range told {
			if !a.Reserved() {
				asns = append(asns, a)
			}
		}
	}
	if len(asns) == 0 {
		return nil, "", errASNs
	}
	return asns, how, nil
}

// discoverer looks for routers that speak of themselves.
type discoverer struct {
	own     map[route.ASN]bool // with an empty AS_PATH
	routers map[route.ASN]bool // of BMP routers whose Peer Up or Loc-RIB tells it
	updates int
}

// Emit takes an event.
func (d *discoverer) Emit(_ context.Context, ev collector.Event) error {
	if v := ev.Vantage; v != nil && v.Source == "bmp" && (v.Local != v.PeerAS || v.View == collector.LocRIB) {
		d.routers[v.Local] = true
	}
	for _, u := range ev.Updates {
		d.updates++
		if u.Attrs != nil && len(u.Attrs.Path) == 0 && len(u.Announced) > 0 {
			d.own[ev.Vantage.Local] = true
		}
	}
	if d.updates > enoughToDiscover {
		return errEnough
	}
	return nil
}
