package compliance

import (
	"cmp"
	"net/netip"
	"slices"

	"anywatch/collector/route"
	"anywatch/rpki"
)

// Row is one prefix with an origin at a site.
type Row struct {
	Prefix netip.Prefix
	Origin *route.ASN // nil: nobody in particular; a parked prefix, or one that any AS may originate and none does
	Site   string     // "" where no site is known
	// Announced tells that it is seen now, Configured that the configuration allows it.
	Announced, Configured bool
	// State is the outcome of origin validation. Of a parked prefix, which has no origin: valid when VRPs cover it, so that nobody may
	// announce it but those who have a row of their own.
	State    rpki.State
	Reason   string     // why it is invalid
	VRPs     []rpki.VRP // that decide
	Findings []Finding  // the worst first
	Advice   []string

	watch   *Watched
	set     []route.ASN
	planned bool
}

type rowKey struct {
	prefix netip.Prefix
	origin route.ASN
	none   bool // no origin
	site   string
}

func (r *Row) key() rowKey {
	k := rowKey{prefix: r.Prefix, none: r.Origin == nil, site: r.Site}
	if r.Origin != nil {
		k.origin = *r.Origin
	}
	return k
}

// rows collects the rows, each once.
type rows struct {
	in   *audit
	list []*Row
	by   map[rowKey]*Row
	of   map[netip.Prefix][]*Row
	// seen has what is announced, whatever the site, and with none for any origin that is allowed.
	seen map[rowKey]bool
}

func (s *rows) at(p netip.Prefix, origin *route.ASN, site string) *Row {
	r := &Row{Prefix: p, Origin: origin, Site: site}
	if had := s.by[r.key()]; had != nil {
		return had
	}
	r.watch = s.in.judge(p)
	s.by[r.key()] = r
	s.list = append(s.list, r)
	s.of[p] = append(s.of[p], r)
	return r
}

// collect makes a row for all that is configured, seen or planned.
func (in *audit) collect() *rows {
	s := &rows{in: in, by: make(map[rowKey]*Row), of: make(map[netip.Prefix][]*Row), seen: make(map[rowKey]bool)}
	for i := range in.Watched {
		s.configured(&in.Watched[i])
	}
	for i := range in.Seen {
		r := s.announced(&in.Seen[i])
		r.Announced = true
		s.seen[rowKey{prefix: r.Prefix, origin: *r.Origin}] = true
		s.seen[rowKey{prefix: r.Prefix, none: true}] = s.seen[rowKey{prefix: r.Prefix, none: true}] || r.Configured
	}
	for i := range in.Planned {
		s.announced(&in.Planned[i]).planned = true
	}
	s.list = slices.DeleteFunc(s.list, s.superfluous)
	return s
}

func (s *rows) configured(w *Watched) {
	if w.Use == Never || w.AnyOrigin && len(w.Origins) == 0 {
		s.at(w.Prefix, nil, "").Configured = w.Use != Never
		return
	}
	sites := w.Sites
	if len(sites) == 0 {
		sites = []string{""}
	}
	for _, asn := range w.Origins {
		for _, site := range sites {
			s.at(w.Prefix, &asn, site).Configured = true
		}
		for _, p := range w.Listed {
			if s.in.judge(p) == w { // a more specific watch judges alone
				s.at(p, &asn, "").Configured = true
			}
		}
	}
}

// announced gives the row of an announcement.
func (s *rows) announced(a *Announcement) *Row {
	r := s.at(a.Prefix, &a.Origin, a.Site)
	if r.set = a.Set; r.watch != nil {
		r.Configured = r.watch.allows(a.Origin) && r.watch.declares(a.Prefix) && r.watch.expects(a.Site)
	}
	return r
}

// superfluous tells that a row without a site says nothing which those with one don't say, or the row without an origin nothing which
// those with one don't.
func (s *rows) superfluous(r *Row) bool {
	if r.Announced || r.planned || r.Site != "" {
		return false
	}
	return s.seen[r.key()]
}

// seenSomewhere tells whether anybody announces the prefix of a row from its origin where no site is known: then it may be at any.
func (s *rows) seenSomewhere(r *Row) bool {
	if r.Origin == nil {
		return false
	}
	o := s.by[rowKey{prefix: r.Prefix, origin: *r.Origin}]
	return o != nil && o.Announced
}

// sorted puts what needs attention first: announced and invalid, then by the worst finding, then by prefix, origin and site.
func sorted(list []*Row) []Row {
	out := make([]Row, len(list))
	for i, r := range list {
		out[i] = *r
	}
	slices.SortStableFunc(out, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.urgency(), b.urgency()), comparePrefixes(a.Prefix, b.Prefix), compareOrigins(a.Origin, b.Origin), cmp.Compare(a.Site, b.Site))
	})
	return out
}

// urgency is smaller the worse it stands.
func (r *Row) urgency() int {
	if r.State == rpki.Invalid && r.Announced && r.Configured {
		return -1
	}
	worst := len(findings)
	for _, f := range r.Findings {
		if !f.AboutASPA() {
			worst = min(worst, f.Rank())
		}
	}
	return worst
}

func compareOrigins(a, b *route.ASN) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return cmp.Compare(*a, *b)
}
