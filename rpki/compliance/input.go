package compliance

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/gaissmai/bart"

	"anywatch/collector/route"
	"anywatch/rpki"
)

// Use says whether a watched prefix is meant to be announced.
type Use string

// The uses, as the configuration writes them.
const (
	Always   Use = "always"
	Optional Use = "optional" // that it is not announced is no fault
	Never    Use = "never"    // parked: nobody may announce it, nor anything inside
)

// Watched is a prefix of the configuration.
type Watched struct {
	Prefix    netip.Prefix `json:"prefix"`
	Use       Use          `json:"use"`
	AnyOrigin bool         `json:"any_origin,omitempty"`
	Origins   []route.ASN  `json:"origins"`
	Sites     []string     `json:"sites"` // none: the configuration tells no sites apart
	// UpTo and Listed are the more-specifics that may be announced: any up to a length, and exactly these.
	UpTo   int            `json:"up_to,omitempty"`
	Listed []netip.Prefix `json:"listed,omitempty"`
	// Upstreams may stand next to an origin; an origin that has no entry may have any.
	Upstreams map[route.ASN][]route.ASN `json:"upstreams,omitempty"`
}

// allows tells whether an AS may originate the prefix.
func (w *Watched) allows(asn route.ASN) bool {
	return w.Use != Never && (w.AnyOrigin || slices.Contains(w.Origins, asn))
}

// declares tells whether a prefix at or inside the watched one is one that may be announced.
func (w *Watched) declares(p netip.Prefix) bool {
	return p == w.Prefix || p.Bits() <= w.UpTo || slices.Contains(w.Listed, p)
}

// expects tells whether a site is one of the prefix; a route without a known site contradicts nothing.
func (w *Watched) expects(site string) bool {
	return site == "" || len(w.Sites) == 0 || slices.Contains(w.Sites, site)
}

// Announcement is what is announced, or planned to be: a prefix by an origin at a site.
type Announcement struct {
	Prefix netip.Prefix `json:"prefix"`
	// Origin is the AS that a row names: with a set, one that is not allowed before one that is.
	Origin route.ASN   `json:"origin"`
	Set    []route.ASN `json:"set,omitempty"` // the members, when the path ends in an AS_SET
	Site   string      `json:"site,omitempty"`
	// Upstreams are the ASes of others that stand next to the origin on paths from outside.
	Upstreams []route.ASN `json:"upstreams,omitempty"`
}

func (a *Announcement) origin() route.Origin {
	if len(a.Set) > 0 {
		return route.Origin{Set: a.Set}
	}
	return route.Origin{AS: a.Origin}
}

// Compare orders announcements by prefix, origin and site.
func (a Announcement) Compare(b Announcement) int {
	return cmp.Or(comparePrefixes(a.Prefix, b.Prefix), cmp.Compare(a.Origin, b.Origin), slices.Compare(a.Set, b.Set), cmp.Compare(a.Site, b.Site))
}

// Input is all that is judged.
type Input struct {
	Ours    []route.ASN
	Watched []Watched
	// Seen is what is announced now. Looked tells that somebody looked at all: else that a prefix is not seen means nothing.
	Seen   []Announcement
	Looked bool
	// Planned is to be announced besides.
	Planned []Announcement
	// Table is what is authorised. VRPs and ASPAs count what the sources hold in all where the table has only what is relevant here;
	// then what is not in it is missing, and not unknown.
	Table       *rpki.Table
	VRPs, ASPAs int
	// Now and Warn find what expires within that time. A zero Now asks for nothing of the kind, as in a replay.
	Now  time.Time
	Warn time.Duration
}

// validate judges an announcement; where the table is a part of a greater one that says nothing about it, nothing was found.
func (in *Input) validate(p netip.Prefix, o route.Origin) rpki.Verdict {
	v := in.Table.Validate(p, o)
	if v.State == rpki.NotChecked && in.VRPs > 0 {
		v.State = rpki.NotFound
	}
	return v
}

// checked tells whether there are VRPs to ask at all.
func (in *Input) checked() bool { return in.VRPs > 0 || in.Table.Len() > 0 }

// attested tells whether the sources hold any ASPA at all: else, that one is missing can't be told from a source that has none to give.
func (in *Input) attested() bool { return in.ASPAs > 0 || in.Table.ASPAs() > 0 }

// soon tells whether something that lasts until a time runs out within the warning.
func (in *Input) soon(at time.Time) bool {
	return !in.Now.IsZero() && !at.IsZero() && at.Before(in.Now.Add(in.Warn))
}

// covers tells whether a prefix equals another or lies around it.
func covers(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Addr().BitLen() == inner.Addr().BitLen() && outer.Contains(inner.Addr())
}

// Relevant gives the VRPs of a table that say something about prefixes: those that equal one, lie around it, or inside it. Sorted,
// and each once, also where several trust anchors assert it.
func Relevant(t *rpki.Table, prefixes []netip.Prefix) []rpki.VRP {
	var near bart.Lite
	for _, p := range prefixes {
		near.Insert(p)
	}
	var out []rpki.VRP
	for v := range t.All() {
		if !near.OverlapsPrefix(v.Prefix) {
			continue
		}
		if n := len(out); n > 0 && same(out[n-1], v) {
			if out[n-1].Expires.Before(v.Expires) || v.Expires.IsZero() {
				out[n-1].Expires = v.Expires
			}
			continue
		}
		out = append(out, v)
	}
	return out
}

func same(a, b rpki.VRP) bool {
	return a.Prefix == b.Prefix && a.MaxLength == b.MaxLength && a.ASN == b.ASN
}

// Nets gives every prefix that the input names: the VRPs around and inside them are all that matter.
func (in *Input) Nets() (out []netip.Prefix) {
	for _, w := range in.Watched {
		out = append(out, w.Prefix)
	}
	for _, list := range [][]Announcement{in.Seen, in.Planned} {
		for _, a := range list {
			out = append(out, a.Prefix)
		}
	}
	return out
}
