package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/cmd/internal/report"
	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rpki"
	"anywatch/rpki/compliance"
	"anywatch/rules"
)

// RPKIReport is one report of how RPKI, configuration and announcements agree.
type RPKIReport struct {
	// WhatIf is a file of VRPs or of SLURM exceptions to judge by instead; "" for none.
	WhatIf string
	// Planned are announcements that are not made yet.
	Planned []compliance.Announcement
	// Warn takes what the user should know and what stops nothing.
	Warn func(text string)
}

// ParsePlanned reads PREFIX=ORIGIN or PREFIX=ORIGIN@SITE.
func ParsePlanned(text string) (a compliance.Announcement, err error) {
	prefix, rest, ok := strings.Cut(text, "=")
	origin, site, sited := strings.Cut(rest, "@")
	if !ok || sited && site == "" {
		return a, fmt.Errorf("--announce %q: write it as PREFIX=ORIGIN or PREFIX=ORIGIN@SITE, such as 192.0.2.0/25=64500@ams", text)
	}
	if a.Prefix, err = route.ParsePrefix(strings.TrimSpace(prefix)); err != nil {
		return a, fmt.Errorf("--announce %q: %w", text, err)
	}
	if a.Origin, err = route.ParseASN(strings.TrimSpace(origin)); err != nil {
		return a, fmt.Errorf("--announce %q: %w", text, err)
	}
	a.Site = site
	return a, nil
}

// rpkiBasis is what a report is made of.
type rpkiBasis struct {
	in      compliance.Input
	whole   *rpki.Set   // what the sources hold before exceptions
	slurm   *rpki.SLURM // the exceptions in force
	sources []report.RPKISource
	sites   []string
	from    time.Time
	to      time.Time
}

// Files makes the report of a configuration and the files that it names. What is announced tells an engine; nil where nobody looked.
func (q RPKIReport) Files(c *config.Config, e *detector.Engine, now time.Time) (report.Document, error) {
	b := rpkiBasis{sites: siteNames(c)}
	set := Rules(c)
	if e != nil {
		b.from, b.to, now = e.Began(), e.Clock(), time.Time{}
	}
	t, now, err := q.load(c, now)
	if err != nil {
		return report.Document{}, err
	}
	if !c.RPKI.SLURM.IsZero() {
		if b.slurm, err = rpki.ReadSLURM(c.RPKI.SLURM.Path); err != nil {
			return report.Document{}, err
		}
	}
	b.in = complianceInput(set, t, c.RPKI.ROAExpiryWarning, now)
	if e != nil {
		b.in.Seen, b.in.Looked = seenNow(set, e.Snapshot()), true
	}
	b.whole, b.sources = t.Unfiltered(), reportSources(t)
	return q.make(b)
}

// load reads the files of VRPs that the configuration names. Where all that they hold has expired, they are an archive and taken as they stood:
// then the time to judge by is none.
func (q RPKIReport) load(c *config.Config, now time.Time) (*rpki.Table, time.Time, error) {
	t, err := LoadVRPs(c, now)
	if err != nil {
		return nil, now, err
	}
	if len(c.RPKI.Files) == 0 && len(c.RPKI.Caches) > 0 && q.WhatIf == "" {
		q.Warn("the configuration names no rpki.files: what its caches hold only a running daemon knows; ask it with --url")
	}
	for _, s := range t.Sources() {
		if s.Skipped.Count > 0 {
			q.Warn(fmt.Sprintf("%s: entries that can't be used: %d; the first: %s", s.Name, s.Skipped.Count, s.Skipped.First[0]))
		}
	}
	if t.Len() == 0 && t.Expired() > 0 {
		q.Warn(fmt.Sprintf("all %d VRPs of rpki.files have expired; they are taken as they stood on %s", t.Expired(), t.Generated().UTC().Format(time.DateOnly)))
		now = time.Time{}
		t, err = LoadVRPs(c, now)
	}
	return t, now, err
}

func siteNames(c *config.Config) (out []string) {
	for _, s := range c.Sites {
		out = append(out, s.Name)
	}
	return out
}

// complianceInput puts down what the configuration expects and the VRPs authorise.
func complianceInput(set *rules.Set, t *rpki.Table, warn time.Duration, now time.Time) compliance.Input {
	in := compliance.Input{Ours: set.ASNs(), Table: t, VRPs: t.Len(), ASPAs: t.ASPAs(), Now: now, Warn: warn}
	for _, p := range set.Prefixes() {
		in.Watched = append(in.Watched, watchedPrefix(p))
	}
	return in
}

func watchedPrefix(p *rules.Prefix) compliance.Watched {
	w := compliance.Watched{
		Prefix: p.Prefix, Use: compliance.Use(p.Announced.String()), AnyOrigin: p.AnyOrigin, Origins: p.Origins, Sites: p.Sites,
		UpTo: p.MoreSpecifics.UpTo, Listed: p.MoreSpecifics.List, Upstreams: make(map[route.ASN][]route.ASN),
	}
	for _, asn := range p.Origins {
		if list, ok := p.OriginUpstreams[asn]; ok {
			w.Upstreams[asn] = list
		} else if p.Upstreams != nil {
			w.Upstreams[asn] = p.Upstreams
		}
	}
	return w
}

// seenNow puts together what the vantages show: each prefix by each origin at each site once, in an order that depends on nothing else.
func seenNow(set *rules.Set, shown []detector.Shown) []compliance.Announcement {
	type key struct {
		prefix netip.Prefix
		origin route.ASN
		set    string
		site   string
	}
	seen := make(map[key]*compliance.Announcement)
	for _, s := range shown {
		for _, r := range s.Routes {
			c := detector.NewCase(set, nil, s.Vantage, r.Prefix, r.Attrs)
			if r.Stale || c.Watched == nil && !set.Ours(c.Origin.AS) {
				continue
			}
			a := compliance.Announcement{Prefix: r.Prefix, Origin: namedOrigin(c), Set: c.Origin.Set}
			if c.Site != rules.NoSite {
				a.Site = set.Sites()[c.Site].Name
			}
			k := key{a.Prefix, a.Origin, fmt.Sprint(a.Set), a.Site}
			if seen[k] == nil {
				seen[k] = &a
			}
			if next, ok := r.Attrs.Path.Neighbor(); ok && s.Vantage.Scope == collector.External && !set.Ours(next) {
				seen[k].Upstreams = append(seen[k].Upstreams, next)
			}
		}
	}
	out := make([]compliance.Announcement, 0, len(seen))
	for _, a := range seen {
		slices.Sort(a.Upstreams)
		a.Upstreams = slices.Compact(a.Upstreams)
		out = append(out, *a)
	}
	slices.SortFunc(out, compliance.Announcement.Compare)
	return out
}

// namedOrigin gives the origin that a row names: of a set, one that is not allowed before one that is.
func namedOrigin(c *detector.Case) route.ASN {
	if c.Origin.Set == nil {
		return c.Origin.AS
	}
	if c.Watched != nil {
		if bad, ok := c.Watched.Unallowed(c.Origin); ok {
			return bad
		}
	}
	return c.Origin.Set[0]
}

func reportSources(t *rpki.Table) (out []report.RPKISource) {
	for _, s := range t.Sources() {
		out = append(out, report.RPKISource{Name: s.Name, Generated: report.Time(s.Generated), VRPs: s.VRPs, ASPAs: s.ASPAs, Skipped: s.Skipped.Count})
	}
	return out
}

// make judges, and with a planned file judges again.
func (q RPKIReport) make(b rpkiBasis) (report.Document, error) {
	for _, a := range q.Planned {
		if a.Site != "" && !slices.Contains(b.sites, a.Site) {
			return report.Document{}, fmt.Errorf("--announce %s=%s@%s: %q is not a site of the configuration; there is %s", a.Prefix, a.Origin, a.Site, a.Site, orNone(b.sites))
		}
	}
	b.in.Planned = q.Planned
	in := report.RPKIInput{Report: compliance.Judge(b.in), Sources: b.sources, Looked: b.in.Looked, From: b.from, To: b.to, WhatIf: q.WhatIf}
	if q.WhatIf == "" {
		return report.RPKIReport(in), nil
	}
	before := in.Report
	t, err := q.planned(b)
	if err != nil {
		return report.Document{}, err
	}
	b.in.Table = t
	in.Report = compliance.Judge(b.in)
	in.Transitions = compliance.Compare(before, in.Report)
	return report.RPKIReport(in), nil
}

func orNone(sites []string) string {
	if len(sites) == 0 {
		return "none"
	}
	return strings.Join(sites, ", ")
}

// planned builds the table that a planned file would make: VRPs take the place of all sources, exceptions that of the exceptions in force.
// A file of VRPs that has no ASPAs plans nothing for these: they stay.
func (q RPKIReport) planned(b rpkiBasis) (*rpki.Table, error) {
	slurm, err := isSLURM(q.WhatIf)
	if err != nil {
		return nil, fmt.Errorf("--what-if: %w", err)
	}
	if slurm {
		x, err := rpki.ReadSLURM(q.WhatIf)
		if err != nil {
			return nil, fmt.Errorf("--what-if: %w", err)
		}
		return rpki.Build(b.in.Now, x, rpki.Source{Name: "the sources", Set: b.whole}), nil
	}
	s, err := rpki.ReadFile(q.WhatIf)
	if err != nil {
		return nil, fmt.Errorf("--what-if: %w", err)
	}
	if s.Set == nil || len(s.Set.ASPAs()) > 0 || b.whole == nil {
		return rpki.Build(b.in.Now, b.slurm, s), nil
	}
	aspas, err := rpki.NewSet(nil, b.whole.ASPAs())
	if err != nil {
		return nil, fmt.Errorf("the ASPAs in force: %w", err)
	}
	return rpki.Build(b.in.Now, b.slurm, s, rpki.Source{Name: "the sources", Set: aspas}), nil
}

// isSLURM recognises exceptions by the names that RFC 8416 gives their members, and no VRPs have.
func isSLURM(name string) (bool, error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	const enough = 64 << 10
	head := make([]byte, enough)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	for _, member := range []string{`"slurmVersion"`, `"validationOutputFilters"`, `"locallyAddedAssertions"`} {
		if bytes.Contains(head[:n], []byte(member)) {
			return true, nil
		}
	}
	return false, nil
}

// Ask makes the report of what a running daemon knows.
func (q RPKIReport) Ask(ctx context.Context, daemon string) (report.Document, error) {
	b, err := askBasis(ctx, daemon, q.Planned)
	if err != nil {
		return report.Document{}, err
	}
	return q.make(b)
}
