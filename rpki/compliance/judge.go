package compliance

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"
)

// judgeRow says of a row what it is in the RPKI, and what disagrees.
func (in *audit) judgeRow(s *rows, r *Row) {
	switch {
	case !in.checked():
	case r.Origin == nil:
		in.judgeParked(r)
	default:
		o := Announcement{Origin: *r.Origin, Set: r.set}
		v := in.validate(r.Prefix, o.origin())
		r.State, r.Reason, r.VRPs = v.State, v.Reason, v.VRPs
		in.authorisation(r)
	}
	in.presence(s, r)
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(a.Rank(), b.Rank()) })
}

func (r *Row) say(f Finding, advice string, args ...any) {
	r.Findings = append(r.Findings, f)
	if advice != "" {
		r.Advice = append(r.Advice, fmt.Sprintf(advice, args...))
	}
}

// judgeParked judges a row that has no origin.
func (in *audit) judgeParked(r *Row) {
	r.State = rpki.NotFound
	if r.VRPs = in.covering(r.Prefix); len(r.VRPs) > 0 {
		r.State = rpki.Valid
	}
	switch {
	case r.watch == nil || r.watch.Use != Never:
		if r.State == rpki.NotFound {
			r.say(ROAMissing, "no VRP covers it: create a ROA for each AS that is to originate it")
		}
	case !slices.ContainsFunc(r.VRPs, func(v rpki.VRP) bool { return v.ASN == route.ASZero }):
		r.say(ASZeroMissing, "create ROA %s", rpki.VRP{Prefix: r.Prefix, MaxLength: uint8(r.Prefix.Bits())})
	}
}

// covering gives the VRPs that cover a prefix.
func (in *audit) covering(p netip.Prefix) (out []rpki.VRP) {
	for _, v := range in.Table.Covering(p) {
		if n := len(out); n == 0 || !same(out[n-1], v) {
			out = append(out, v)
		}
	}
	return out
}

// authorisation compares a row with the VRPs.
func (in *audit) authorisation(r *Row) {
	own := rpki.VRP{Prefix: r.Prefix, MaxLength: uint8(r.Prefix.Bits()), ASN: *r.Origin}
	wanted := r.Configured || r.planned
	switch {
	case r.State == rpki.Valid:
		in.width(r)
	case r.State == rpki.NotFound && wanted:
		r.say(ROAMissing, "create ROA %s", own)
	case r.State == rpki.Invalid && wanted:
		in.refused(r, own)
	}
	if len(r.set) > 0 {
		r.say(ASSetOrigin, "announce it without an AS_SET (RFC 9774): no ROA can match one")
	}
}

// refused says why an announcement that is wanted is invalid.
func (in *audit) refused(r *Row, own rpki.VRP) {
	if r.Configured {
		r.say(NotAuthorised, "")
	}
	switch {
	case len(r.set) > 0:
		return
	case !slices.ContainsFunc(r.VRPs, func(v rpki.VRP) bool { return v.ASN != route.ASZero }):
		r.say(ASZero, "create ROA %s: the VRPs say that nobody may announce it", own)
	case r.Reason == rpki.ReasonLength:
		r.say(MaxLengthShort, "create ROA %s: a longer maxLength of %s would authorise more than is announced", own, firstOf(r.VRPs, *r.Origin))
	default:
		r.Advice = append(r.Advice, fmt.Sprintf("create ROA %s, or take %s from the origins of the configuration", own, own.ASN))
	}
}

func firstOf(vrps []rpki.VRP, asn route.ASN) rpki.VRP {
	return vrps[slices.IndexFunc(vrps, func(v rpki.VRP) bool { return v.ASN == asn })]
}

// width looks at what a valid row is authorised by: whether that is too much, and how long it lasts.
func (in *audit) width(r *Row) {
	for _, v := range r.VRPs {
		if w := in.wants[v.ASN]; w != nil && in.loose[keyOf(v)] {
			r.say(MaxLengthLoose, "%s", in.narrower(v, w))
			break
		}
	}
	last := r.VRPs[0].Expires
	for _, v := range r.VRPs[1:] {
		if v.Expires.IsZero() || !last.IsZero() && v.Expires.After(last) {
			last = v.Expires
		}
	}
	if in.soon(last) {
		r.say(ROAExpiring, "renew ROA %s: it expires at %s", r.VRPs[0], last.UTC().Format(time.RFC3339))
	}
}

// narrower says in a phrase what to do about a VRP that authorises too much.
func (in *audit) narrower(v rpki.VRP, w *wants) string {
	if n, ok := w.widest(v); ok {
		return fmt.Sprintf("change %s to maxLength %d", named(v), n)
	}
	return fmt.Sprintf("delete %s when what is announced has ROAs of its own", named(v))
}

// named writes "ROA 192.0.2.0/24-24 AS64500".
func named(v rpki.VRP) string {
	if v.TA == rpki.AnchorSLURM {
		return "SLURM assertion " + v.String()
	}
	return "ROA " + v.String()
}

// presence compares a row with what is seen.
func (in *audit) presence(s *rows, r *Row) {
	switch {
	case r.planned:
		r.say(Planned, "")
		if !r.Configured {
			r.say(PlannedNotConfigured, "%s", undeclared(r))
		}
	case r.Announced && !r.Configured:
		r.say(SeenNotConfigured, "%s", undeclared(r))
	case !in.Looked || r.Announced || !r.Configured || r.watch == nil || r.watch.Use != Always || r.watch.Prefix != r.Prefix:
	case !s.seenSomewhere(r):
		r.say(NotSeen, "")
	}
}

// undeclared says what the configuration would have to say for a row to be expected.
func undeclared(r *Row) string {
	switch w := r.watch; {
	case w == nil:
		return fmt.Sprintf("add %s to the prefixes of the configuration, or withdraw it", r.Prefix)
	case w.Use == Never:
		return fmt.Sprintf("the configuration says that %s is never announced: find out who %s is", w.Prefix, *r.Origin)
	case !w.allows(*r.Origin):
		return fmt.Sprintf("%s is not among the origins of %s: add it if it is yours, else it is a hijack", *r.Origin, w.Prefix)
	case !w.declares(r.Prefix):
		return fmt.Sprintf("add %s to more_specifics of %s, or withdraw it", r.Prefix, w.Prefix)
	}
	return fmt.Sprintf("add %s to the sites of %s, or withdraw it there; they are %s", r.Site, r.watch.Prefix, strings.Join(r.watch.Sites, ", "))
}

// unconfigured adds to rows, or makes rows of their own for, VRPs that authorise what the configuration does not.
func (in *audit) unconfigured(s *rows) {
	for _, v := range in.near {
		if v.ASN == route.ASZero {
			continue
		}
		if w := in.judge(v.Prefix); w != nil {
			in.strange(s, w, v.Prefix, v)
		}
		for p, w := range in.trie.Subnets(v.Prefix) {
			if p != v.Prefix && authorises(v, p) {
				in.strange(s, w, p, v)
			}
		}
	}
}

// strange notes that a VRP lets an AS announce a prefix, at or inside a watched one, for which the configuration does not ask.
func (in *audit) strange(s *rows, w *Watched, p netip.Prefix, v rpki.VRP) {
	finding, advice := ROAUnconfigured, ""
	switch {
	case w.AnyOrigin || in.wants[v.ASN] != nil && in.wants[v.ASN].has(p):
		return
	case w.allows(v.ASN) || w.Use == Never && in.ours(v.ASN):
		finding, advice = ROAUnused, "delete "+named(v)+": it is for what is neither announced nor declared"
		if !in.Looked {
			advice = fmt.Sprintf("look whether %s is announced: it is not declared; if it is not, delete %s", p, named(v))
		}
	case covers(w.Prefix, v.Prefix):
		advice = fmt.Sprintf("delete %s, or add %s to the origins of %s", named(v), v.ASN, w.Prefix)
	default:
		advice = fmt.Sprintf("ask the holder of %s to narrow %s, which lets %s announce %s", v.Prefix, named(v), v.ASN, w.Prefix)
	}
	marked := false
	for _, r := range s.of[p] {
		if r.Origin != nil && *r.Origin == v.ASN {
			r.mark(finding, advice)
			marked = true
		}
	}
	if marked {
		return
	}
	r := s.at(p, &v.ASN, "")
	r.State, r.VRPs = rpki.Valid, append(r.VRPs, v)
	r.mark(finding, advice)
}

// mark adds a finding once; the advice is added for each VRP.
func (r *Row) mark(f Finding, advice string) {
	if !slices.Contains(r.Findings, f) {
		r.Findings = append(r.Findings, f)
		slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(a.Rank(), b.Rank()) })
	}
	if !slices.Contains(r.Advice, advice) {
		r.Advice = append(r.Advice, advice)
	}
}
