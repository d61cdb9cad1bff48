package compliance

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"anywatch/collector/route"
	"anywatch/rpki"
)

// Change is one thing to do in the RPKI, or in the file of SLURM exceptions.
type Change struct {
	Action string // create, change, delete
	Object string // roa, slurm, aspa
	// ROA is the ROA to create, or the one that is there; MaxLength is what it is to have, where it changes.
	ROA       *rpki.VRP
	MaxLength int
	// Customer and Providers are the ASPA as it is to be.
	Customer  route.ASN
	Providers []route.ASN
	Why       string
}

// String gives "create ROA 192.0.2.0/24-24 AS64500", "change ROA 192.0.2.0/24-32 AS64500 to maxLength 24",
// "create ASPA AS64500 → {1299, 2914}".
func (c Change) String() string {
	switch {
	case c.Object == "aspa":
		return fmt.Sprintf("%s ASPA %s → %s", c.Action, c.Customer, braces(c.Providers))
	case c.Action == "change":
		return fmt.Sprintf("change %s to maxLength %d", named(*c.ROA), c.MaxLength)
	}
	return c.Action + " " + named(*c.ROA)
}

// braces writes a set of ASes as operators do.
func braces(asns []route.ASN) string {
	names := make([]string, len(asns))
	for i, a := range asns {
		names[i] = strings.TrimPrefix(a.String(), "AS")
	}
	return "{" + strings.Join(names, ", ") + "}"
}

// changes lists the fewest changes after which the VRPs authorise what is wanted and nothing else. What is created comes first, the most
// specific before what covers it: done in this order, nothing that is wanted becomes invalid on the way, except that the ROAs of several
// origins for one prefix have to be created together.
func (in *audit) changes() []Change {
	var out []Change
	for _, asn := range in.Holders() {
		out = append(out, in.changesOf(asn)...)
	}
	out = append(out, in.parked()...)
	out = append(out, in.strangers()...)
	if !in.Looked {
		out = slices.DeleteFunc(out, in.blind)
	}
	slices.SortStableFunc(out, func(a, b Change) int {
		longer := 0
		if a.Action == "create" {
			longer = cmp.Compare(b.ROA.Prefix.Bits(), a.ROA.Prefix.Bits())
		}
		return cmp.Or(cmp.Compare(order(a), order(b)), longer, comparePrefixes(a.ROA.Prefix, b.ROA.Prefix), cmp.Compare(a.ROA.ASN, b.ROA.ASN))
	})
	return out
}

func order(c Change) int { return slices.Index([]string{"create", "change", "delete"}, c.Action) }

// blind tells of a change that nobody should make who has not looked: it deletes a ROA inside a watched prefix, and what is announced there need not
// stand in the configuration.
func (in *audit) blind(c Change) bool {
	if c.Action != "delete" || c.Object != "roa" || c.ROA.ASN == route.ASZero {
		return false
	}
	w := in.judge(c.ROA.Prefix)
	return w != nil && w.Use != Never && w.Prefix != c.ROA.Prefix
}

// changesOf lists what to do for one origin.
func (in *audit) changesOf(asn route.ASN) (out []Change) {
	w := in.wants[asn]
	var stay []rpki.VRP
	for _, v := range in.near {
		if v.ASN != asn || !in.loose[keyOf(v)] {
			if v.ASN == asn {
				stay = append(stay, v)
			}
			continue
		}
		c := Change{Action: "delete", Object: objectOf(v), ROA: &v, Why: "it authorises more than is announced"}
		if n, ok := w.widest(v); ok {
			c.Action, c.MaxLength = "change", n
			narrow := v
			narrow.MaxLength = uint8(n)
			stay = append(stay, narrow)
		} else if in.judge(v.Prefix) == nil {
			c.Why += "; keep what other prefixes need that the configuration doesn't name"
		}
		out = append(out, c)
	}
	state := func(p netip.Prefix) rpki.State { return in.validate(p, route.Origin{AS: asn}).State }
	for _, p := range w.list(func(p netip.Prefix) bool { return state(p) != rpki.Invalid }) {
		if slices.ContainsFunc(stay, func(v rpki.VRP) bool { return authorises(v, p) }) {
			continue
		}
		why := "no VRP authorises the announcement"
		if state(p) == rpki.Valid {
			why = "another one that authorises more than is announced will no longer do it"
		} else if !w.needed[p] {
			why = "it is announced, and a ROA for what covers it would make it invalid; withdraw it instead if it should not be"
		}
		out = append(out, Change{Action: "create", Object: "roa", ROA: &rpki.VRP{Prefix: p, MaxLength: uint8(p.Bits()), ASN: asn}, Why: why})
	}
	return out
}

func objectOf(v rpki.VRP) string {
	if v.TA == rpki.AnchorSLURM {
		return "slurm"
	}
	return "roa"
}

// parked lists the AS0 ROAs that parked prefixes need (RFC 6483 section 4).
func (in *audit) parked() (out []Change) {
	for _, w := range in.Watched {
		around := func(o Watched) bool { return o.Use == Never && o.Prefix != w.Prefix && covers(o.Prefix, w.Prefix) }
		forbids := func(v rpki.VRP) bool { return v.ASN == route.ASZero && !in.blocks(v) }
		if w.Use != Never || slices.ContainsFunc(in.covering(w.Prefix), forbids) ||
			slices.ContainsFunc(in.Watched, around) {
			continue
		}
		out = append(out, Change{
			Action: "create", Object: "roa", ROA: &rpki.VRP{Prefix: w.Prefix, MaxLength: uint8(w.Prefix.Bits())},
			Why: "it is never announced: AS0 makes every announcement of it invalid",
		})
	}
	return out
}

// strangers lists the VRPs to delete that authorise, at or inside a watched prefix, an AS that the configuration doesn't, or nobody where
// somebody is to announce it.
func (in *audit) strangers() (out []Change) {
	for _, v := range in.near {
		w := in.judge(v.Prefix)
		if w == nil || w.AnyOrigin || in.loose[keyOf(v)] {
			continue
		}
		c := Change{Action: "delete", Object: objectOf(v), ROA: &v}
		switch {
		case in.blocks(v):
			c.Why = "it says that nobody announces what the configuration announces"
		case v.ASN != route.ASZero && !w.allows(v.ASN) && !in.plans(v):
			c.Why = fmt.Sprintf("the configuration does not let %s announce it; if it should, add it to the origins of %s", v.ASN, w.Prefix)
		default:
			continue
		}
		out = append(out, c)
	}
	return out
}

// blocks tells whether a VRP says of a prefix that is to be announced, or of a declared part of it, that nobody may.
func (in *audit) blocks(v rpki.VRP) bool {
	w := in.judge(v.Prefix)
	if v.ASN != route.ASZero || w == nil || w.Use == Never || w.AnyOrigin {
		return false
	}
	return w.declares(v.Prefix) || slices.ContainsFunc(w.Listed, func(p netip.Prefix) bool { return covers(v.Prefix, p) })
}

// plans tells whether a VRP authorises something that is planned.
func (in *audit) plans(v rpki.VRP) bool {
	return slices.ContainsFunc(in.Planned, func(a Announcement) bool { return a.Origin == v.ASN && authorises(v, a.Prefix) })
}
