package rpki

import (
	"fmt"
	"slices"

	"anywatch/collector/route"
)

// HopState is what the ASPAs say about one AS handing a route to another (draft-ietf-sidrops-aspa-verification section 5).
type HopState uint8

// The answers.
const (
	NoAttestation HopState = iota // the customer has no ASPA
	Provider                      // its ASPA names the other as provider
	NotProvider                   // its ASPA does not
)

// String names the answer as the draft does.
func (h HopState) String() string {
	return [...]string{"no attestation", "provider", "not provider"}[min(h, NotProvider)]
}

func (s *Set) authorized(customer, provider route.ASN) HopState {
	a, ok := s.ASPA(customer)
	if !ok {
		return NoAttestation
	}
	// AS0 in the list says that there is no provider; it is not one.
	if _, named := slices.BinarySearch(a.Providers, provider); named && provider != route.ASZero {
		return Provider
	}
	return NotProvider
}

// Direction says in what relation the neighbour that sent a path stands to the AS that verifies it.
type Direction uint8

// The two procedures of draft-ietf-sidrops-aspa-verification.
const (
	// Upstream: the path came from a customer, a lateral peer or a route server (section 6.2): it may only have gone up.
	Upstream Direction = iota
	// Downstream: the path came from a provider, or to a collector from anybody (section 6.3): it may have gone up, across and down.
	Downstream
)

// ParseDirection reads "upstream" or "downstream".
func ParseDirection(s string) (Direction, error) {
	switch s {
	case "upstream":
		return Upstream, nil
	case "downstream":
		return Downstream, nil
	}
	return Upstream, fmt.Errorf("%q is not a direction; upstream is a path from a customer or peer, downstream one from a provider", s)
}

// String gives upstream or downstream.
func (d Direction) String() string {
	if d == Downstream {
		return "downstream"
	}
	return "upstream"
}

// ASPAState is the outcome of ASPA path verification.
type ASPAState uint8

// The states. The zero value accuses nobody.
const (
	ASPAUnknown ASPAState = iota // not enough of the path is attested
	ASPAValid
	ASPAInvalid
)

// String gives unknown, valid or invalid.
func (s ASPAState) String() string {
	return [...]string{"unknown", "valid", "invalid"}[min(s, ASPAInvalid)]
}

// MarshalText writes what String gives.
func (s ASPAState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Hop is a step of a path: the customer hands the route to what would have to be its provider.
type Hop struct{ Customer, Provider route.ASN }

// ASPAVerdict is the outcome with the steps that decided it: those that an ASPA contradicts when invalid, those that nobody
// attested when unknown. Seen from the origin the first is the end of the way up; on a downstream path the second is where, seen
// from the neighbour, the way down begins to be wrong.
type ASPAVerdict struct {
	State ASPAState
	Hops  []Hop
	ASSet bool // invalid because the path has an AS_SET
	Empty bool // invalid because the path is empty
}

// VerifyPath verifies a path by draft-ietf-sidrops-aspa-verification: prepending counts once, an AS_SET anywhere or an empty path is
// invalid. Confederation segments are inside the sender's network and do not count. That the first AS is the neighbour's own is not
// checked here (section 4): a route server's or a collector's sessions do not have it.
//
// Where no ASPA at all is loaded nothing was checked, and every path is unknown.
func (t *Table) VerifyPath(path route.Path, direction Direction) ASPAVerdict {
	if t.ASPAs() == 0 {
		return ASPAVerdict{}
	}
	hops, set := collapsed(path)
	switch {
	case set:
		return ASPAVerdict{State: ASPAInvalid, ASSet: true}
	case len(hops) == 0:
		return ASPAVerdict{State: ASPAInvalid, Empty: true}
	case direction == Downstream:
		return t.verifyDownstream(hops)
	}
	return t.verifyUpstream(hops)
}

// collapsed gives the ASes from the origin on, as the draft numbers them, each run of one AS as one; true when there is an AS_SET.
func collapsed(path route.Path) (hops []route.ASN, set bool) {
	for _, s := range path {
		switch s.Kind {
		case route.Set:
			return nil, true
		case route.Sequence:
			hops = append(hops, s.ASNs...)
		}
	}
	hops = slices.Compact(hops)
	slices.Reverse(hops)
	return hops, false
}

// ramp walks up from the first AS and gives how many ASes the longest possible way up has, which a contradiction ends, and how
// many the certain one has, which the first missing attestation ends as well.
func (t *Table) ramp(hops []route.ASN) (most, least int) {
	least = len(hops)
	for i := 0; i+1 < len(hops); i++ {
		switch t.Authorized(hops[i], hops[i+1]) {
		case NotProvider:
			return i + 1, min(least, i+1)
		case NoAttestation:
			least = min(least, i+1)
		}
	}
	return len(hops), least
}

// step is where a ramp of n ASes ends: the hop that it could not take.
func step(hops []route.ASN, n int) Hop { return Hop{Customer: hops[n-1], Provider: hops[n]} }

// verifyUpstream follows section 6.2 of the draft: the whole path must be one way up.
func (t *Table) verifyUpstream(hops []route.ASN) ASPAVerdict {
	most, least := t.ramp(hops)
	switch {
	case most < len(hops):
		return ASPAVerdict{State: ASPAInvalid, Hops: []Hop{step(hops, most)}}
	case least < len(hops):
		return ASPAVerdict{State: ASPAUnknown, Hops: []Hop{step(hops, least)}}
	}
	return ASPAVerdict{State: ASPAValid}
}

// verifyDownstream follows section 6.3 of the draft: a way up from the origin and a way down to the neighbour, which is a way up
// seen from there, must together reach over the whole path.
func (t *Table) verifyDownstream(hops []route.ASN) ASPAVerdict {
	back := slices.Clone(hops)
	slices.Reverse(back)
	mostUp, leastUp := t.ramp(hops)
	mostDown, leastDown := t.ramp(back)
	switch {
	case mostUp+mostDown < len(hops):
		return ASPAVerdict{State: ASPAInvalid, Hops: []Hop{step(hops, mostUp), step(back, mostDown)}}
	case leastUp+leastDown < len(hops):
		return ASPAVerdict{State: ASPAUnknown, Hops: []Hop{step(hops, leastUp), step(back, leastDown)}}
	}
	return ASPAVerdict{State: ASPAValid}
}

// Explain says in a sentence why the verdict is what it is.
func (v ASPAVerdict) Explain() string {
	switch {
	case v.ASSet:
		return "The path has an AS_SET in it, and such a path can't be verified."
	case v.Empty:
		return "The path is empty: a route from another network names at least that network."
	case v.State == ASPAValid:
		return "Every step that had to be a step from customer to provider is attested by an ASPA."
	case len(v.Hops) == 0:
		return "There is no ASPA to check the path against."
	case v.State == ASPAInvalid && len(v.Hops) == 2 && v.Hops[0] != v.Hops[1]:
		return fmt.Sprintf("The route went down and up again: the ASPA of %s does not name %s as provider, and that of %s does not name %s.",
			v.Hops[0].Customer, v.Hops[0].Provider, v.Hops[1].Customer, v.Hops[1].Provider)
	case v.State == ASPAInvalid:
		return fmt.Sprintf("The ASPA of %s does not name %s as provider.", v.Hops[0].Customer, v.Hops[0].Provider)
	}
	return fmt.Sprintf("No ASPA tells whether %s is a provider of %s.", v.Hops[0].Provider, v.Hops[0].Customer)
}
