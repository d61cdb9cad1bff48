package compliance

import (
	"fmt"
	"slices"
	"time"

	"anywatch/collector/route"
)

// How it stands with the ASPA of an origin.
const (
	ASPAStateComplete   = "complete"    // it names all that it must, and nobody else
	ASPAStateTooWide    = "too-wide"    // it names providers that are neither configured nor seen
	ASPAStateIncomplete = "incomplete"  // an upstream is not named
	ASPAStateMissing    = "missing"     // there is none
	ASPAStateUnknown    = "not-checked" // the sources have no ASPA of anybody, or no upstream is known that it could name
)

// ASPA compares the ASPA of an origin AS with the upstreams that the configuration names, and those that are seen next to it.
type ASPA struct {
	Customer   route.ASN
	State      string
	Exists     bool
	Providers  []route.ASN // that it names
	Expires    time.Time
	Configured []route.ASN // upstreams of the configuration; nil where it allows any
	Seen       []route.ASN // next to the origin, on paths from outside
	Wanted     []route.ASN // that it ought to name
	Findings   []Finding
	Advice     []string
}

// aspas looks at the ASPA of every origin.
func (in *audit) aspas() (out []ASPA) {
	for _, asn := range in.origins() {
		out = append(out, in.aspa(asn))
	}
	return out
}

func (in *audit) aspa(asn route.ASN) ASPA {
	a := ASPA{Customer: asn, State: ASPAStateUnknown, Configured: in.configuredUpstreams(asn), Seen: in.seenUpstreams(asn)}
	if a.Wanted = a.Configured; a.Wanted == nil {
		a.Wanted = a.Seen
	}
	object, ok := in.Table.Set().ASPA(asn)
	if a.Exists = ok; ok {
		a.Providers, a.Expires = slices.DeleteFunc(slices.Clone(object.Providers), func(p route.ASN) bool { return p == route.ASZero }), object.Expires
	}
	switch {
	case !in.attested():
		if len(a.Wanted) > 0 {
			a.Advice = []string{fmt.Sprintf("the sources have no ASPA of anybody; unless there is one: create ASPA %s → %s", asn, braces(a.Wanted))}
		}
	case !ok:
		if len(a.Wanted) > 0 {
			a.State = ASPAStateMissing
			a.say(ASPAMissing, "create ASPA %s → %s", asn, braces(a.Wanted))
		}
	default:
		a.compare()
		if in.soon(a.Expires) {
			a.say(ASPAExpiring, "renew ASPA %s: it expires at %s", asn, a.Expires.UTC().Format(time.RFC3339))
		}
	}
	return a
}

func (a *ASPA) say(f Finding, advice string, args ...any) {
	a.Findings = append(a.Findings, f)
	a.Advice = append(a.Advice, fmt.Sprintf(advice, args...))
}

// compare looks at an ASPA that there is.
func (a *ASPA) compare() {
	a.State = ASPAStateComplete
	if absent := without(a.Wanted, a.Providers); len(absent) > 0 {
		a.State = ASPAStateIncomplete
		how := "the configuration names it among the upstreams"
		if a.Configured == nil {
			how = "seen next to it, and its providers belong there, though no mere peers"
		}
		a.say(ASPAIncomplete, "add %s to the ASPA of %s: %s", braces(absent), a.Customer, how)
	}
	if strange := without(without(a.Seen, a.Providers), a.Wanted); len(strange) > 0 {
		a.say(UpstreamUndeclared, "%s stands next to %s: add it to upstreams and to the ASPA if it is a provider; if not, the origin may be forged",
			braces(strange), a.Customer)
	}
	if a.Configured == nil {
		return // a provider that is not seen may be a spare one
	}
	if surplus := without(without(a.Providers, a.Wanted), a.Seen); len(surplus) > 0 {
		if a.State == ASPAStateComplete {
			a.State = ASPAStateTooWide
		}
		a.say(ASPATooWide, "take %s from the ASPA of %s, or add it to upstreams", braces(surplus), a.Customer)
	}
}

// configuredUpstreams gives what the configuration names next to an origin; nil when a prefix allows any.
func (in *audit) configuredUpstreams(asn route.ASN) []route.ASN {
	var out []route.ASN
	for _, w := range in.Watched {
		if w.Use == Never || !slices.Contains(w.Origins, asn) {
			continue
		}
		list, named := w.Upstreams[asn]
		if !named {
			return nil
		}
		out = append(out, list...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// seenUpstreams gives who stands next to an origin, where that may announce the prefix.
func (in *audit) seenUpstreams(asn route.ASN) (out []route.ASN) {
	for _, s := range in.Seen {
		if w := in.judge(s.Prefix); s.Origin == asn && len(s.Set) == 0 && w != nil && w.allows(asn) {
			out = append(out, s.Upstreams...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func without(list, those []route.ASN) (out []route.ASN) {
	for _, a := range list {
		if !slices.Contains(those, a) {
			out = append(out, a)
		}
	}
	return out
}

// aspaChanges lists the ASPAs to create and to change.
func aspaChanges(list []ASPA) (out []Change) {
	for _, a := range list {
		c := Change{Object: "aspa", Customer: a.Customer}
		switch a.State {
		case ASPAStateMissing:
			c.Action, c.Providers, c.Why = "create", a.Wanted, "there is none: a forged path through anybody passes for one of ours"
		case ASPAStateIncomplete:
			c.Action, c.Why = "change", "it does not name "+braces(without(a.Wanted, a.Providers))
		case ASPAStateTooWide:
			c.Action, c.Why = "change", "it names "+braces(without(without(a.Providers, a.Wanted), a.Seen))+", which are neither configured nor seen"
		default:
			continue
		}
		if c.Action == "change" {
			c.Providers = a.target()
		}
		out = append(out, c)
	}
	return out
}

// target gives what an ASPA that is there should name: what is wanted, and of the others those that are in use.
func (a *ASPA) target() []route.ASN {
	out := slices.Clone(a.Wanted)
	for _, p := range a.Providers {
		if a.Configured == nil || slices.Contains(a.Seen, p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// spread puts what was found about an origin's ASPA into its rows.
func (in *audit) spread(s *rows, list []ASPA) {
	for _, a := range list {
		for _, r := range s.list {
			if r.Origin == nil || *r.Origin != a.Customer || !r.Configured && !r.planned {
				continue
			}
			for i, f := range a.Findings {
				r.mark(f, a.Advice[i])
			}
		}
	}
}
